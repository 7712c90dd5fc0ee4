// A-weighted loudness of a frame; twin of analysis/loudness.py, and of the spectra in transforms/spectra.py.
#pragma once

#include <vector>

#include "fft.hpp"

namespace violute {

// Gain of the A curve in dB, 0 at 1 kHz. Source: IEC 61672-1:2013, annex E, equation E.6.
double a_weighting_db(double frequency_hz);

// Periodic Hann window of n samples.
std::vector<float> hann(int n);

// The magnitudes of a Hann window of sound; a sine reads its amplitude.
class MagnitudeSpectrum {
   public:
    explicit MagnitudeSpectrum(int n_fft);
    const std::vector<float>& of(const float* samples);

   private:
    RealFft fft_;
    std::vector<float> window_, framed_, real_, imag_, magnitudes_;
};

class Loudness {
   public:
    explicit Loudness(int n_fft);

    // In dB relative to a full-scale sine of 1 kHz, at least silence_db.
    float of(const std::vector<float>& magnitudes) const;

   private:
    std::vector<float> weights_;
};

}  // namespace violute
