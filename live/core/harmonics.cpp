#include "harmonics.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "arithmetic.hpp"

namespace violute {

namespace {

constexpr double nyquist_hz = sample_rate / 2.0;
constexpr double fade_start = 0.90, fade_stop = 0.98;  // Shares of Nyquist at which a harmonic fades and is silent.
constexpr double leap_cents = 80.0;
constexpr double hop_seconds = static_cast<double>(hop_length) / sample_rate;
constexpr int takeover_samples = 132;
constexpr int padded_length = 448;  // The hop, in whole vectors.

float nyquist_fade(double frequency_hz) {
    const double below = std::clamp((fade_stop * nyquist_hz - frequency_hz) / ((fade_stop - fade_start) * nyquist_hz), 0.0, 1.0);
    return static_cast<float>(below * below * (3.0 - 2.0 * below));
}

double moved_on(double turns, double start_hz, double stop_hz) {
    turns += (start_hz + stop_hz) * (0.5 * hop_seconds);
    return turns - std::rint(turns);
}

// The imaginary part of the sum of a_k(t) z^k by Horner's rule, for all samples of a hop.
VIOLUTE_VECTORS void sum_harmonics(const float* __restrict start, const float* __restrict step, int n,
                                   const float* __restrict z_real, const float* __restrict z_imag,
                                   const float* __restrict ramp, float* __restrict out) {
    constexpr int lanes = 16;
    for (int at = 0; at < padded_length; at += lanes) {
        float real[lanes] = {}, imag[lanes] = {};
        for (int k = n - 1; k >= 0; --k) {
            for (int i = 0; i < lanes; ++i) {
                const float amplitude = start[k] + ramp[at + i] * step[k];
                const float held = real[i] + amplitude;
                const float turned = held * z_real[at + i] - imag[i] * z_imag[at + i];
                imag[i] = held * z_imag[at + i] + imag[i] * z_real[at + i];
                real[i] = turned;
            }
        }
        for (int i = 0; i < lanes; ++i) out[at + i] = imag[i];
    }
}

}  // namespace

bool is_leap(double start_hz, double stop_hz) {
    const double ratio = std::exp2(leap_cents / 1200.0);
    return stop_hz > start_hz * ratio || start_hz > stop_hz * ratio;
}

void Harmonics::glide(double start_hz, double stop_hz, const Amplitudes& start, const Amplitudes& stop, float* out) {
    alignas(64) std::array<float, padded_length> z_real{}, z_imag{}, ramp{}, played{};
    std::array<double, hop_length> turns{};
    for (std::size_t i = 0; i < hop_length; ++i) {
        const double place = static_cast<double>(i) / hop_length;
        turns[i] = ((stop_hz - start_hz) * (0.5 * hop_seconds) * place + start_hz * hop_seconds) * place + phase_turns_;
        turns[i] -= std::rint(turns[i]);
        const auto radians = static_cast<float>(2.0 * std::numbers::pi * turns[i]);
        z_real[i] = std::cos(radians);
        z_imag[i] = std::sin(radians);
        ramp[i] = static_cast<float>(place);
    }
    phase_turns_ = moved_on(phase_turns_, start_hz, stop_hz);

    Amplitudes first{}, step{};
    std::array<bool, max_harmonics> is_crossing{};
    int n_heard = 0;
    for (int k = 0; k < n_harmonics_; ++k) {
        const auto at = static_cast<std::size_t>(k);
        const float start_gain = nyquist_fade(start_hz * (k + 1)), stop_gain = nyquist_fade(stop_hz * (k + 1));
        if (start_gain == 0.0F && stop_gain == 0.0F) break;
        n_heard = k + 1;
        first[at] = start[at] * start_gain;
        step[at] = stop[at] * stop_gain - first[at];
        // What glides over Nyquist within the hop, and would still sound there, fades at every sample instead.
        is_crossing[at] = std::max(start_hz, stop_hz) * (k + 1) >= nyquist_hz && (first[at] != 0.0F || step[at] != 0.0F);
        if (is_crossing[at]) first[at] = step[at] = 0.0F;
    }
    sum_harmonics(first.data(), step.data(), n_heard, z_real.data(), z_imag.data(), ramp.data(), played.data());
    std::copy_n(played.begin(), hop_length, out);
    for (int k = 0; k < n_heard; ++k) {
        const auto at = static_cast<std::size_t>(k);
        if (!is_crossing[at]) continue;
        for (std::size_t i = 0; i < hop_length; ++i) {
            const double place = static_cast<double>(i) / hop_length;
            const float amplitude = start[at] + (stop[at] - start[at]) * ramp[i];
            double phase = (k + 1) * turns[i];
            phase -= std::rint(phase);
            out[i] += amplitude * nyquist_fade((k + 1) * (start_hz + (stop_hz - start_hz) * place)) *
                      std::sin(static_cast<float>(2.0 * std::numbers::pi * phase));
        }
    }
}

void Harmonics::leap(double start_hz, double stop_hz, const Amplitudes& start, const Amplitudes& stop, float* out) {
    glide(start_hz, start_hz, start, start, left_.data());
    phase_turns_ = 0.0;
    glide(stop_hz, stop_hz, start, stop, out);
    for (std::size_t i = 0; i < takeover_samples; ++i) {
        const double angle = std::numbers::pi * (static_cast<double>(i) + 0.5) / takeover_samples;
        out[i] += static_cast<float>(0.5 + 0.5 * std::cos(angle)) * (left_[i] - out[i]);
    }
}

void Harmonics::cross_fade(double start_hz, double stop_hz, const Amplitudes& start, const Amplitudes& stop, float* out) {
    static constexpr Amplitudes silence{};
    const double phase_turns = phase_turns_;
    glide(start_hz, start_hz, start, silence, left_.data());
    phase_turns_ = phase_turns;
    glide(stop_hz, stop_hz, silence, stop, out);
    for (std::size_t i = 0; i < hop_length; ++i) out[i] += left_[i];
}

double Harmonics::rendered_turns(double phase_turns, double start_hz, double stop_hz) {
    return moved_on(phase_turns, is_leap(start_hz, stop_hz) ? stop_hz : start_hz, stop_hz);
}

}  // namespace violute
