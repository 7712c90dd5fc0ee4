// How well each candidate pitch fits a spectrum; twin of the kernels and the compression of analysis/pitch.py.
//
// Source: Camacho & Harris, A sawtooth waveform inspired pitch estimator for speech and music (JASA 2008).
#pragma once

#include <cstddef>
#include <vector>

namespace violute {

class Salience {
   public:
    static constexpr double bins_per_octave = 48.0;

    Salience(int n_fft, double lowest_hz, double highest_hz);

    std::size_t n_bins() const { return n_bins_; }  // Of a spectrum, that are looked at.
    std::size_t n_candidates() const { return n_candidates_; }
    const std::vector<float>& of(const float* magnitudes);

   private:
    void make_kernels(double bin_hz, double lowest_hz);

    std::size_t n_bins_, n_candidates_;
    std::vector<float> kernels_;  // By bin and candidate.
    std::vector<float> compressed_, salience_;
};

}  // namespace violute
