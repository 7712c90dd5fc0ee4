#include "resampler.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace violute {

namespace {

constexpr double kaiser_beta = 8.0;  // Aliases below -80 dB.

double bessel_i0(double x) {
    double sum = 1.0, term = 1.0;
    for (int k = 1; term > 1e-12 * sum; ++k) {
        term *= (x / (2.0 * k)) * (x / (2.0 * k));
        sum += term;
    }
    return sum;
}

double kernel(double away, double reach, double cutoff) {
    const double place = away / reach;
    if (std::abs(place) >= 1.0) return 0.0;
    const double window = bessel_i0(kaiser_beta * std::sqrt(1.0 - place * place)) / bessel_i0(kaiser_beta);
    const double angle = 2.0 * std::numbers::pi * cutoff * away;
    return 2.0 * cutoff * window * (std::abs(angle) < 1e-9 ? 1.0 : std::sin(angle) / angle);
}

}  // namespace

FractionalReader::FractionalReader(double delay, double reach, double cutoff)
    : n_taps_((static_cast<std::size_t>(std::ceil(delay + reach)) + 2 + lanes) / lanes * lanes),
      history_(2 * n_taps_, 0.0F) {
    // Phases run from one sample earlier than the delay to one later: any offset from -1 to 1.
    for (int phase = 0; phase <= 2 * n_phases; ++phase) {
        const double centre = delay + 1.0 - static_cast<double>(phase) / n_phases;
        for (std::size_t tap = 0; tap < n_taps_; ++tap) {
            const double age = static_cast<double>(n_taps_ - 1 - tap);
            table_.push_back(static_cast<float>(kernel(age - centre, reach, cutoff)));
        }
    }
}

void FractionalReader::reset() {
    newest_ = 0;
    std::fill(history_.begin(), history_.end(), 0.0F);
}

void FractionalReader::push(float sample) {
    newest_ = (newest_ + 1) % n_taps_;
    history_[newest_] = history_[newest_ + n_taps_] = sample;
}

float FractionalReader::read(double earlier) const {
    const double place = std::clamp(1.0 - earlier, 0.0, 2.0) * n_phases;
    const auto phase = static_cast<std::size_t>(std::min(place, 2.0 * n_phases - 1.0));
    const auto part = static_cast<float>(place - static_cast<double>(phase));
    const float* low = table_.data() + phase * n_taps_;
    const float* high = low + n_taps_;
    const float* oldest = history_.data() + newest_ + 1;
    float sums[lanes] = {};
    for (std::size_t tap = 0; tap < n_taps_; tap += lanes)
        for (std::size_t i = tap, lane = 0; lane < lanes; ++i, ++lane)
            sums[lane] += oldest[i] * (low[i] + part * (high[i] - low[i]));
    float sum = 0.0F;
    for (const float one : sums) sum += one;
    return sum;
}

}  // namespace violute
