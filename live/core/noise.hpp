// Filtered noise: breath and bow, from the same pool of draws as in Python; twin of synthesis/noise.py.
//
// Source: Serra & Smith, Spectral modeling synthesis (Computer Music Journal 14(4), 1990), stochastic part.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "fft.hpp"
#include "rates.hpp"

namespace violute {

// Centres of the bands in Hz, evenly spaced in mel. Source: O'Shaughnessy, Speech Communication (1987).
std::vector<double> noise_bands();

// Spectra of white noise, drawn once.
class NoisePool {
   public:
    static constexpr int n_draws = 1024, n_fft = 1024, n_bins = n_fft / 2 + 1;

    // From the state of the generator that draws it.
    explicit NoisePool(std::span<const std::uint64_t> state);

    // The spectrum that belongs to a frame.
    const float* real_of(std::uint64_t frame, std::uint64_t seed) const;
    const float* imag_of(std::uint64_t frame, std::uint64_t seed) const;

   private:
    std::vector<float> real_, imag_;
};

class FilteredNoise {
   public:
    using Power = std::array<float, n_bands>;  // Of each band, relative to white noise of RMS 1.

    FilteredNoise(const NoisePool& pool, std::uint64_t seed = 0);

    void reset() { frame_ = 0; }

    // Open with the power at a frame.
    void begin(const Power& power, std::uint64_t frame = 0);

    // Play the hop that ends with a frame.
    void hop(const Power& power, float* out);

   private:
    void draw(const Power& power);

    const NoisePool& pool_;
    std::uint64_t seed_, frame_ = 0;
    RealFft fft_;
    std::array<int, NoisePool::n_bins> below_{};
    std::array<float, NoisePool::n_bins> share_above_{};
    std::array<float, 2 * hop_length> window_{};
    std::array<float, hop_length> tail_{};
    std::vector<float> real_, imag_, drawn_;
};

}  // namespace violute
