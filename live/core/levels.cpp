#include "levels.hpp"

#include <algorithm>
#include <cmath>

#include "arithmetic.hpp"
#include "loudness.hpp"

namespace violute {

namespace {

constexpr float lowest_level_db = -110.0F, highest_level_db = 20.0F;
constexpr double highest_heard_hz = 0.94 * sample_rate / 2.0;  // Harmonics fade out around here.
constexpr double table_step_hz = 5.0;

// The square root of the amplitude that a level stands for.
float root_of(float level_db) {
    return fast_exp(std::clamp(level_db, lowest_level_db, highest_level_db) * static_cast<float>(2.302585092994046 / 40.0));
}

float fourth_power(float root) { return (root * root) * (root * root); }

}  // namespace

void bring_to_loudness(Point& point, int n_harmonics, double power, double loudness_db, float gate) {
    const auto gain = static_cast<float>(std::pow(10.0, loudness_db / 20.0) / std::sqrt(std::max(power, 1e-14)));
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_harmonics); ++i) point.amplitudes[i] *= gain * gate;
    const float noise_gain = std::max(gain, 1e-9F);
    for (float& band : point.noise_power) band *= noise_gain * noise_gain;
}

Levels::Levels(const VoiceFile& voice)
    : n_harmonics_(static_cast<int>(voice.n_harmonics())), wavering_(voice), rumble_root_(voice.floats("noise.rumble_root")) {
    for (double hz = 0.0; hz < highest_heard_hz; hz += table_step_hz)
        a_table_.push_back(static_cast<float>(std::pow(10.0, a_weighting_db(hz + table_step_hz / 2.0) / 10.0)));
    a_table_.push_back(0.0F);
    const std::vector<double> centres_hz = noise_bands();
    for (std::size_t i = 0; i < n_bands; ++i) {
        const std::size_t low = i == 0 ? 0 : i - 1, high = std::min<std::size_t>(i + 1, n_bands - 1);
        const double width_hz = (centres_hz[high] - centres_hz[low]) / static_cast<double>(high - low);
        // White noise of RMS 1 has twice the power of a sine of amplitude 1.
        const double share = 2.0 * width_hz / (sample_rate / 2.0);
        noise_weights_[i] = static_cast<float>(share * std::pow(10.0, a_weighting_db(centres_hz[i]) / 10.0));
    }
}

void Levels::mix(const NetworkLevels& levels, std::uint64_t frame, const Weights& weights, double loudness_db, float gate,
                 Point& point) {
    for (std::size_t end = 0; end < n_ends; ++end) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(n_harmonics_); ++i)
            harmonic_roots_[end][i] = root_of(levels.harmonic_db[end][i]);
        wavering_.apply(frame, static_cast<int>(end), harmonic_roots_[end].data(), n_harmonics_);
    }
    float harmonic_power = 0.0F, noise_power = 0.0F;
    const auto n_steps = static_cast<float>(a_table_.size() - 1);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n_harmonics_); ++i) {
        const float root = harmonic_roots_[0][i] + weights.tone * (harmonic_roots_[1][i] - harmonic_roots_[0][i]);
        const float step = point.f0_hz * static_cast<float>(i + 1) * static_cast<float>(1.0 / table_step_hz);
        harmonic_power += fourth_power(root) * (a_table_[static_cast<std::size_t>(std::min(step, n_steps))] * gate * gate);
        point.amplitudes[i] = root * root;
    }
    for (std::size_t i = 0; i < n_bands; ++i) {
        const float first = root_of(levels.noise_db[0][i]) * rumble_root_[i];
        const float second = root_of(levels.noise_db[1][i]) * rumble_root_[n_bands + i];
        const float power = fourth_power(first + weights.noise * (second - first));
        noise_power += power * noise_weights_[i];
        point.noise_power[i] = power;
    }
    bring_to_loudness(point, n_harmonics_, static_cast<double>(harmonic_power) + static_cast<double>(noise_power), loudness_db, gate);
}

}  // namespace violute
