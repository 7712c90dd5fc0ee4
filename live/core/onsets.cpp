#include "onsets.hpp"

#include <algorithm>
#include <cmath>

#include "rates.hpp"

namespace violute {

namespace {

constexpr float floor_db = -80.0F, range_db = 60.0F;
constexpr float clear_rise_db = 9.0F;   // Mean rise that counts as strength 1.
constexpr float fade_db = 0.002F;       // A frame: what was loud once counts 12 dB less a minute later.
constexpr float threshold = 0.25F;      // Strength that an onset exceeds.
constexpr int gap_frames = 6;           // Peaks this close to a stronger one are dropped.

}  // namespace

Onsets::Onsets(int n_fft) : loudest_db_(floor_db) {
    const double lowest_mel = 1127.0 * std::log1p(150.0 / 700.0), highest_mel = 1127.0 * std::log1p(12000.0 / 700.0);
    std::vector<double> edges_hz;
    for (int i = 0; i < n_bands_ + 2; ++i) {
        const double mel = lowest_mel + (highest_mel - lowest_mel) * i / (n_bands_ + 1);
        edges_hz.push_back(700.0 * std::expm1(mel / 1127.0));
    }
    for (std::size_t band = 0; band < n_bands_; ++band) {
        Band made{0, {}};
        for (int k = 0; k <= n_fft / 2; ++k) {
            const double bin_hz = static_cast<double>(sample_rate) * k / n_fft;
            const double rising = (bin_hz - edges_hz[band]) / (edges_hz[band + 1] - edges_hz[band]);
            const double falling = (edges_hz[band + 2] - bin_hz) / (edges_hz[band + 2] - edges_hz[band + 1]);
            const double weight = std::min(rising, falling);
            if (weight <= 0.0) continue;
            if (made.weights.empty()) made.first = static_cast<std::size_t>(k);
            made.weights.push_back(static_cast<float>(weight));
        }
        bands_.push_back(made);
    }
}

void Onsets::reset() {
    is_first_ = true;
    loudest_db_ = floor_db;
}

Onsets::Levels Onsets::levels_db(const std::vector<float>& magnitudes) const {
    Levels levels{};
    for (std::size_t band = 0; band < n_bands_; ++band) {
        float power = 0.0F;
        for (std::size_t i = 0; i < bands_[band].weights.size(); ++i) {
            const float magnitude = magnitudes[bands_[band].first + i];
            power += magnitude * magnitude * bands_[band].weights[i];
        }
        levels[band] = std::max(10.0F * std::log10(std::max(power, 1e-20F)), floor_db);
    }
    return levels;
}

float Onsets::push(const std::vector<float>& magnitudes) {
    const Levels now = levels_db(magnitudes);
    if (is_first_) recent_.fill(now);
    is_first_ = false;
    std::rotate(recent_.begin(), recent_.begin() + 1, recent_.end());
    recent_.back() = now;
    loudest_db_ = std::max(*std::max_element(now.begin(), now.end()), loudest_db_ - fade_db);
    float highest_db = loudest_db_;
    for (const Levels& levels : recent_) highest_db = std::max(highest_db, *std::max_element(levels.begin(), levels.end()));
    const float silent_db = highest_db - range_db;
    float rise_db = 0.0F;
    for (std::size_t band = 0; band < n_bands_; ++band) {
        // The earlier frame is widened by a band on either side, so that vibrato is no rise.
        const std::size_t low = band == 0 ? 0 : band - 1, high = std::min<std::size_t>(band + 1, n_bands_ - 1);
        const float earlier = std::max({recent_[0][low], recent_[0][band], recent_[0][high], silent_db});
        rise_db += std::max(std::max(now[band], silent_db) - earlier, 0.0F);
    }
    return rise_db / n_bands_ / clear_rise_db;
}

void pick_onsets(const float* strength, int n_frames, bool* is_onset) {
    for (int i = 0; i < n_frames; ++i) {
        const float before = i > 0 ? strength[i - 1] : -1.0F;
        is_onset[i] = strength[i] > threshold && strength[i] > before;
        if (!is_onset[i]) continue;
        const int first = std::max(i - gap_frames, 0), last = std::min(i + gap_frames, n_frames - 1);
        is_onset[i] = *std::max_element(strength + first, strength + last + 1) <= strength[i];
    }
}

}  // namespace violute
