#include "loudness.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "rates.hpp"

namespace violute {

namespace {

constexpr double hann_noise_bandwidth = 1.5;  // In bins: over so many a line's power is spread.

}  // namespace

double a_weighting_db(double frequency_hz) {
    const double f2 = std::pow(std::max(frequency_hz, 1e-3), 2.0);
    const auto square = [](double x) { return x * x; };
    const double gain = square(12194.0) * f2 * f2 /
                        ((f2 + square(20.6)) * std::sqrt((f2 + square(107.7)) * (f2 + square(737.9))) *
                         (f2 + square(12194.0)));
    return 20.0 * std::log10(gain) + 2.0;
}

std::vector<float> hann(int n) {
    std::vector<float> window;
    for (int i = 0; i < n; ++i)
        window.push_back(static_cast<float>(0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * i / n)));
    return window;
}

MagnitudeSpectrum::MagnitudeSpectrum(int n_fft)
    : fft_(n_fft),
      window_(hann(n_fft)),
      framed_(window_.size()),
      real_(window_.size() / 2 + 1),
      imag_(real_.size()),
      magnitudes_(real_.size()) {}

const std::vector<float>& MagnitudeSpectrum::of(const float* samples) {
    for (std::size_t i = 0; i < window_.size(); ++i) framed_[i] = samples[i] * window_[i];
    fft_.forward(framed_.data(), real_.data(), imag_.data());
    const float scale = 4.0F / static_cast<float>(window_.size());
    for (std::size_t k = 0; k < real_.size(); ++k)
        magnitudes_[k] = scale * std::sqrt(real_[k] * real_[k] + imag_[k] * imag_[k]);
    return magnitudes_;
}

Loudness::Loudness(int n_fft) {
    for (int k = 0; k <= n_fft / 2; ++k) {
        const double frequency_hz = static_cast<double>(sample_rate) * k / n_fft;
        weights_.push_back(static_cast<float>(std::pow(10.0, a_weighting_db(frequency_hz) / 10.0) / hann_noise_bandwidth));
    }
}

float Loudness::of(const std::vector<float>& magnitudes) const {
    double power = 0.0;
    for (std::size_t k = 0; k < weights_.size(); ++k) power += magnitudes[k] * magnitudes[k] * weights_[k];
    return std::max(static_cast<float>(10.0 * std::log10(std::max(power, 1e-30))), silence_db);
}

}  // namespace violute
