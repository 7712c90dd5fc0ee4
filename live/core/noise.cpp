#include "noise.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "arithmetic.hpp"
#include "numpy_draws.hpp"

namespace violute {

namespace {

constexpr double lowest_band_hz = 50.0;

double hz_to_mel(double frequency_hz) { return 2595.0 * std::log10(1.0 + frequency_hz / 700.0); }
double mel_to_hz(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

// Source: Steele, Lea & Flood, Fast splittable pseudorandom number generators (OOPSLA 2014), SplitMix64.
std::size_t draw_of(std::uint64_t frame, std::uint64_t seed) {
    std::uint64_t key = (frame + (seed << 32) + 1) * 0x9E3779B97F4A7C15ULL;
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9ULL;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EBULL;
    return static_cast<std::size_t>((key ^ (key >> 31)) % NoisePool::n_draws) * NoisePool::n_bins;
}

VIOLUTE_VECTORS void shape(const float* __restrict power, const int* __restrict below, const float* __restrict share,
                           const float* __restrict real, const float* __restrict imag, float* __restrict out_real,
                           float* __restrict out_imag, int n) {
    for (int k = 0; k < n; ++k) {
        const float low = power[below[k]], gain = std::sqrt(low + share[k] * (power[below[k] + 1] - low));
        out_real[k] = real[k] * gain;
        out_imag[k] = imag[k] * gain;
    }
}

}  // namespace

std::vector<double> noise_bands() {
    const double lowest = hz_to_mel(lowest_band_hz), highest = hz_to_mel(sample_rate / 2.0);
    std::vector<double> centres_hz;
    for (int band = 0; band < n_bands; ++band)
        centres_hz.push_back(mel_to_hz(lowest + (highest - lowest) * band / (n_bands - 1)));
    return centres_hz;
}

NoisePool::NoisePool(std::span<const std::uint64_t> state) : real_(n_draws * n_bins), imag_(n_draws * n_bins) {
    NumpyDraws draws(state);
    RealFft fft(n_fft);
    std::vector<float> white(n_fft);
    for (std::size_t i = 0; i < n_draws; ++i) {
        for (float& sample : white) sample = draws.normal_float();
        fft.forward(white.data(), real_.data() + i * n_bins, imag_.data() + i * n_bins);
    }
}

const float* NoisePool::real_of(std::uint64_t frame, std::uint64_t seed) const { return real_.data() + draw_of(frame, seed); }
const float* NoisePool::imag_of(std::uint64_t frame, std::uint64_t seed) const { return imag_.data() + draw_of(frame, seed); }

FilteredNoise::FilteredNoise(const NoisePool& pool, std::uint64_t seed)
    : pool_(pool), seed_(seed), fft_(NoisePool::n_fft), real_(NoisePool::n_bins), imag_(NoisePool::n_bins), drawn_(NoisePool::n_fft) {
    const double lowest = hz_to_mel(lowest_band_hz), highest = hz_to_mel(sample_rate / 2.0);
    for (int k = 0; k < NoisePool::n_bins; ++k) {
        const double mel = hz_to_mel(static_cast<double>(sample_rate) * k / NoisePool::n_fft);
        const double place = std::clamp((mel - lowest) / (highest - lowest) * (n_bands - 1), 0.0, n_bands - 1.0);
        const int below = std::min(static_cast<int>(place), n_bands - 2);
        below_[static_cast<std::size_t>(k)] = below;
        share_above_[static_cast<std::size_t>(k)] = static_cast<float>(place - below);
    }
    for (int i = 0; i < 2 * hop_length; ++i)
        window_[static_cast<std::size_t>(i)] = static_cast<float>(std::sin(std::numbers::pi * (i + 0.5) / (2 * hop_length)));
}

void FilteredNoise::draw(const Power& power) {
    shape(power.data(), below_.data(), share_above_.data(), pool_.real_of(frame_, seed_), pool_.imag_of(frame_, seed_),
          real_.data(), imag_.data(), NoisePool::n_bins);
    fft_.inverse(real_.data(), imag_.data(), drawn_.data());
    for (std::size_t i = 0; i < 2 * hop_length; ++i) drawn_[i] *= window_[i];
    ++frame_;
}

void FilteredNoise::begin(const Power& power, std::uint64_t frame) {
    frame_ = frame;
    draw(power);
    std::copy_n(drawn_.begin() + hop_length, hop_length, tail_.begin());
}

void FilteredNoise::hop(const Power& power, float* out) {
    draw(power);
    for (std::size_t i = 0; i < hop_length; ++i) out[i] = tail_[i] + drawn_[i];
    std::copy_n(drawn_.begin() + hop_length, hop_length, tail_.begin());
}

}  // namespace violute
