#include "salience.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "arithmetic.hpp"
#include "rates.hpp"

namespace violute {

namespace {

constexpr double highest_partial_hz = 10000.0, partial_fade_octaves = 0.5;
constexpr std::array<int, 12> primes = {1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31};
constexpr float compression = 0.8F;  // 1 hears only the strongest partials, 0.5 hears the breath too.

VIOLUTE_VECTORS void multiply(const float* __restrict kernels, const float* __restrict spectrum, std::size_t n_bins,
                              std::size_t n_candidates, float* __restrict salience) {
    for (std::size_t i = 0; i < n_candidates; ++i) salience[i] = 0.0F;
    for (std::size_t bin = 0; bin < n_bins; ++bin)
        for (std::size_t i = 0; i < n_candidates; ++i) salience[i] += spectrum[bin] * kernels[bin * n_candidates + i];
}

}  // namespace

Salience::Salience(int n_fft, double lowest_hz, double highest_hz)
    : n_bins_(static_cast<std::size_t>(std::ceil(highest_partial_hz * 1.1 * n_fft / sample_rate))),
      n_candidates_(static_cast<std::size_t>(std::log2(highest_hz / lowest_hz) * bins_per_octave) + 1),
      kernels_(n_bins_ * n_candidates_),
      compressed_(n_bins_),
      salience_(n_candidates_) {
    make_kernels(static_cast<double>(sample_rate) / n_fft, lowest_hz);
}

// One kernel a candidate, of unit norm over its positive part.
void Salience::make_kernels(double bin_hz, double lowest_hz) {
    std::vector<double> kernel(n_bins_);
    for (std::size_t i = 0; i < n_candidates_; ++i) {
        const double f0_hz = lowest_hz * std::exp2(static_cast<double>(i) / bins_per_octave);
        std::fill(kernel.begin(), kernel.end(), 0.0);
        for (const int prime : primes) {
            if (prime * f0_hz > highest_partial_hz) break;
            // A partial that left the kernel at once would make its neighbour the better candidate.
            const double fade = std::min(std::log2(highest_partial_hz / (prime * f0_hz)) / partial_fade_octaves, 1.0);
            for (std::size_t bin = 0; bin < n_bins_; ++bin) {
                const double ratio = static_cast<double>(bin) * bin_hz / f0_hz, distance = std::abs(ratio - prime);
                const double wave = fade * std::cos(2.0 * std::numbers::pi * ratio);
                if (distance < 0.25) kernel[bin] = wave;
                else if (distance < 0.75) kernel[bin] += 0.5 * wave;
            }
        }
        double energy = 0.0;
        for (std::size_t bin = 0; bin < n_bins_; ++bin) {
            kernel[bin] *= std::sqrt(1.0 / std::max(static_cast<double>(bin) * bin_hz, f0_hz / 4.0));
            if (kernel[bin] > 0.0) energy += kernel[bin] * kernel[bin];
        }
        for (std::size_t bin = 0; bin < n_bins_; ++bin)
            kernels_[bin * n_candidates_ + i] = static_cast<float>(kernel[bin] / std::sqrt(energy));
    }
}

const std::vector<float>& Salience::of(const float* magnitudes) {
    double energy = 0.0;
    for (std::size_t bin = 0; bin < n_bins_; ++bin) {
        compressed_[bin] = std::pow(magnitudes[bin], compression);
        energy += static_cast<double>(compressed_[bin]) * compressed_[bin];
    }
    const auto scale = static_cast<float>(1.0 / std::max(std::sqrt(energy), 1e-9));
    for (float& value : compressed_) value *= scale;
    multiply(kernels_.data(), compressed_.data(), n_bins_, n_candidates_, salience_.data());
    return salience_;
}

}  // namespace violute
