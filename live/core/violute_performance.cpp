#include "violute_performance.h"

#include <algorithm>
#include <array>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "interface.hpp"
#include "loudness.hpp"
#include "performance.hpp"
#include "room.hpp"

namespace {

constexpr const char* short_of_memory = "there is not enough memory for the piece: close other programs";

bool is_curve(const double* xs, int n) {
    return n >= 1 && std::adjacent_find(xs, xs + n, [](double one, double next) { return !(one < next); }) == xs + n;
}

std::span<const double> span_of(const double* values, int n) { return {values, static_cast<std::size_t>(std::max(n, 0))}; }

std::string problem_with(int n_frames, int n_harmonics, const double* mixes, int n_mixes, const double* hz, int n_hz) {
    if (n_frames < 1 || n_frames > violute::Performance::most_frames) return "live parameters: the piece is none of 1 frame to 13 hours";
    if (n_harmonics < 1 || n_harmonics > violute::max_harmonics)
        return "live parameters: " + std::to_string(n_harmonics) + " harmonics came: give 1 to " + std::to_string(violute::max_harmonics);
    if (!is_curve(mixes, n_mixes) || !is_curve(hz, n_hz) || !(hz[0] > 0.0))
        return "live parameters: the curve of the dial does not rise";
    return {};
}

}  // namespace

struct violute_draws {
    violute::NoisePool pool;
    std::array<double, violute::n_places * violute::n_reflections> arrivals{}, signs{};
};

struct violute_performance {
    violute::Performance performance;
};

struct violute_spectrum {
    violute::MagnitudeSpectrum spectrum;
};

violute_draws* violute_draws_open(const uint64_t* noise_state, const double* arrivals, const double* signs) try {
    auto* draws = new violute_draws{violute::NoisePool({noise_state, 4})};
    std::copy_n(arrivals, draws->arrivals.size(), draws->arrivals.begin());
    std::copy_n(signs, draws->signs.size(), draws->signs.begin());
    return draws;
} catch (const std::exception&) {  // None leaves through an interface in C.
    return nullptr;
}

void violute_draws_close(violute_draws* draws) { delete draws; }

int violute_draws_room(const violute_draws* draws, double size, int place, float* out, int n_samples) try {
    if (!(size >= 0.0 && size <= 1.0) || place < 0 || place >= violute::n_places) return 0;
    const std::vector<float> response = violute::room_response(size, place, {draws->arrivals, draws->signs}, draws->pool);
    const auto n = static_cast<std::size_t>(std::max(n_samples, 0));
    std::copy_n(response.begin(), std::min(n, response.size()), out);
    if (n > response.size()) std::fill_n(out + response.size(), n - response.size(), 0.0F);
    return static_cast<int>(response.size());
} catch (const std::exception&) {
    return 0;
}

violute_performance* violute_performance_open(const violute_draws* draws, int n_frames, int n_harmonics,
                                              const double* dial_mixes, int n_mixes, const double* dial_hz, int n_hz,
                                              const double* dial_weights, char* problem, size_t n_problem) try {
    const std::string found = problem_with(n_frames, n_harmonics, dial_mixes, n_mixes, dial_hz, n_hz);
    violute::tell(problem, n_problem, found);
    if (!found.empty()) return nullptr;
    violute::DialScale scale(span_of(dial_mixes, n_mixes), span_of(dial_hz, n_hz), span_of(dial_weights, n_mixes * n_hz));
    return new violute_performance{violute::Performance(n_frames, n_harmonics, std::move(scale), draws->pool)};
} catch (const std::exception&) {
    violute::tell(problem, n_problem, short_of_memory);
    return nullptr;
}

void violute_performance_close(violute_performance* performance) { delete performance; }

int violute_performance_add_line(violute_performance* performance, const violute_line* line, int n_rows, int noise_seed,
                                 char* problem, size_t n_problem) try {
    const violute::MeasuredArrays arrays{line->row, line->f0_hz, line->loudness_db, line->gate, line->attack_share,
                                         line->vibrato_cents, line->vibrato_db, line->harmonic_root, line->noise_root,
                                         line->harmonic_power, line->noise_power};
    const auto found = performance->performance.add_line(arrays, n_rows, static_cast<std::uint64_t>(noise_seed));
    violute::tell(problem, n_problem, found);
    return found.empty() ? 1 : 0;
} catch (const std::exception&) {
    violute::tell(problem, n_problem, short_of_memory);
    return 0;
}

void violute_performance_turn(violute_performance* performance, int dial, double value) {
    if (dial >= 0 && dial < violute::EndDials::n_names)
        performance->performance.turn(static_cast<violute::EndDials::Name>(dial), value);
}

void violute_performance_move(violute_performance* performance, int dial, const double* seconds, const double* values,
                              int n_points) try {
    if (dial < 0 || dial >= violute::EndDials::n_names || (n_points > 0 && !is_curve(seconds, n_points))) return;
    performance->performance.move(static_cast<violute::EndDials::Name>(dial), span_of(seconds, n_points),
                                  span_of(values, n_points));
} catch (const std::exception&) {  // Then it stays as it was.
}

void violute_performance_hold(violute_performance* performance, double mix) { performance->performance.hold(mix); }

void violute_performance_transpose(violute_performance* performance, double semitones) {
    performance->performance.transpose(semitones);
}

void violute_performance_gains(violute_performance* performance, const double* mixes, const double* gains, int n_points) try {
    if (is_curve(mixes, n_points))
        performance->performance.set_gains({span_of(mixes, n_points), span_of(gains, n_points)});
} catch (const std::exception&) {
}

void violute_performance_seek(violute_performance* performance, int sample) { performance->performance.seek(sample); }

int violute_performance_position(const violute_performance* performance) { return performance->performance.position(); }

void violute_performance_play(violute_performance* performance, float* out, int n_samples) {
    const violute::NoDenormals flushed;
    performance->performance.play(out, n_samples);
}

violute_spectrum* violute_spectrum_open(int size) try {
    const bool is_power_of_2 = size >= 8 && (size & (size - 1)) == 0;
    return is_power_of_2 ? new violute_spectrum{violute::MagnitudeSpectrum(size)} : nullptr;
} catch (const std::exception&) {
    return nullptr;
}

const float* violute_spectrum_of(violute_spectrum* spectrum, const float* samples) {
    return spectrum->spectrum.of(samples).data();
}

void violute_spectrum_close(violute_spectrum* spectrum) { delete spectrum; }
