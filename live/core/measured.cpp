#include "measured.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "arithmetic.hpp"

namespace violute {

namespace {

constexpr std::size_t n_terms = 5;

// A number of half precision (IEEE 754-2008, binary16) that is finite.
float half(std::uint16_t bits) {
    constexpr float to_half_range = 5.192296858534828e+33F;  // 2^112, between the biases of both exponents.
    const float magnitude = __builtin_bit_cast(float, (bits & 0x7FFFU) << 13U) * to_half_range;
    return bits & 0x8000U ? -magnitude : magnitude;
}

// Squares of roots that lie between those of the ends.
VIOLUTE_VECTORS void mix_squares(const std::uint16_t* __restrict first, const std::uint16_t* __restrict second,
                                 float weight, int n, float* __restrict out) {
    for (int i = 0; i < n; ++i) {
        const float low = half(first[i]), root = low + weight * (half(second[i]) - low);
        out[i] = root * root;
    }
}

// The heard power of a mixture, from the five terms of a row.
double heard_power(const float* terms, double weight) {
    const double rest = 1.0 - weight, both = rest * weight;
    const double ends = rest * rest * rest * rest * terms[0] + weight * weight * weight * weight * terms[4];
    return ends + 4.0 * both * (rest * rest * terms[1] + weight * weight * terms[3]) + 6.0 * both * both * terms[2];
}

double between(const float* both_ends, int frame, int n_frames, double dial) {
    const double first = both_ends[frame];
    return first + dial * (both_ends[n_frames + frame] - first);
}

// Whether all values do; looked at in vectors, to their end, for an hour has millions.
template <class Value, class Test>
bool all(const Value* values, std::size_t n, Test test) {
    bool are_all = true;
    for (std::size_t i = 0; i < n; ++i) are_all &= test(values[i]);
    return are_all;
}

bool are_finite(const float* values, std::size_t n) {
    constexpr float largest = std::numeric_limits<float>::max();
    return all(values, n, [](float value) { return (value >= -largest) & (value <= largest); });
}

}  // namespace

void EndDials::turn(Name name, double value) {
    if (value == value) values_[name] = std::clamp(value, 0.0, 1.0);
}

void EndDials::move(Name name, std::span<const double> seconds, std::span<const double> values) {
    courses_[name].seconds.assign(seconds.begin(), seconds.end());
    courses_[name].values.assign(values.begin(), values.end());
}

double EndDials::at(Name name, int frame) const {
    if (held_ == held_) return held_;
    const Course& course = courses_[name];
    return course.seconds.empty() ? values_[name] : interpolate(frame / frame_rate_hz, course.seconds, course.values);
}

std::string_view MeasuredLine::problem() const {
    const auto n_frames = static_cast<std::size_t>(n_frames_), n_rows = static_cast<std::size_t>(n_rows_);
    const bool has_rows = all(arrays_.row, n_frames, [this](std::int32_t row) { return (row >= -1) & (row < n_rows_); });
    if (!has_rows) return "live parameters: a row is none of the line's";
    const bool has_pitch = all(arrays_.f0_hz, n_frames, [](float f0_hz) { return (f0_hz > 0.0F) & (f0_hz < sample_rate); });
    if (!has_pitch) return "live parameters: a fundamental is none of a sound";
    const bool is_finite = are_finite(arrays_.loudness_db, n_frames) && are_finite(arrays_.gate, n_frames) &&
                           are_finite(arrays_.attack_share, n_frames) && are_finite(arrays_.vibrato_cents, 2 * n_frames) &&
                           are_finite(arrays_.vibrato_db, 2 * n_frames) &&
                           are_finite(arrays_.harmonic_power, n_terms * n_rows) &&
                           are_finite(arrays_.noise_power, n_terms * n_rows);
    return is_finite ? "" : "live parameters: a value is no number";
}

float MeasuredLine::f0_hz(int frame, const EndDials& dials, double semitones) const {
    const int i = held(frame);
    const double cents = between(arrays_.vibrato_cents, i, n_frames_, dials.at(EndDials::vibrato, i));
    // Rounded as the renderer rounds it, so that phases stay together over hours.
    return static_cast<float>(arrays_.f0_hz[i] * std::exp2(cents / 1200.0 + semitones / 12.0));
}

void MeasuredLine::mix(int frame, const EndDials& dials, double semitones, const DialScale& scale, const DialScale& gains,
                       Point& point) const {
    const int i = held(frame);
    point.f0_hz = f0_hz(frame, dials, semitones);
    if (rests(frame)) {
        point.amplitudes.fill(0.0F);
        point.noise_power.fill(0.0F);
        return;
    }
    const auto row = static_cast<std::size_t>(row_of(frame)), end = static_cast<std::size_t>(n_rows_);
    const auto n_harmonics = static_cast<std::size_t>(n_harmonics_);
    const double tone = dials.at(EndDials::tone, i), attack = dials.at(EndDials::attack, i);
    const double still_hz = arrays_.f0_hz[i] * std::exp2(semitones / 12.0);
    const auto weight = [&](double dial) { return scale.place(dial + arrays_.attack_share[i] * (attack - dial), still_hz); };
    const float tone_weight = weight(tone), noise_weight = weight(dials.at(EndDials::noise, i));

    mix_squares(arrays_.harmonic_root + row * n_harmonics, arrays_.harmonic_root + (end + row) * n_harmonics, tone_weight,
                n_harmonics_, point.amplitudes.data());
    mix_squares(arrays_.noise_root + row * n_bands, arrays_.noise_root + (end + row) * n_bands, noise_weight, n_bands,
                point.noise_power.data());
    const auto gain = gains.place(tone, still_hz);
    for (float& amplitude : point.amplitudes) amplitude *= gain;
    for (float& power : point.noise_power) power *= power * (gain * gain);
    const double power = heard_power(arrays_.harmonic_power + row * n_terms, tone_weight) +
                         heard_power(arrays_.noise_power + row * n_terms, noise_weight);
    const double vibrato_db = between(arrays_.vibrato_db, i, n_frames_, dials.at(EndDials::vibrato, i));
    bring_to_loudness(point, n_harmonics_, power, arrays_.loudness_db[i] + vibrato_db, arrays_.gate[i]);
}

}  // namespace violute
