// From the rate of a host to that of the core and back, sample by sample, so that blocks of any size are alike.
//
// Source: Smith, Digital audio resampling (CCRMA, 2002), for the windowed sinc between whose phases lines are drawn.
#pragma once

#include <cstddef>
#include <vector>

namespace violute {

// Reads a sound between its samples, some samples late.
class FractionalReader {
   public:
    // How late, in samples, and how far the filter reaches; its cut-off in cycles a sample.
    FractionalReader(double delay, double reach, double cutoff);

    void reset();
    void push(float sample);

    // The sound `delay` samples before the newest one, and `earlier` samples more, which may be below 0.
    float read(double earlier) const;

   private:
    static constexpr int n_phases = 256;
    static constexpr std::size_t lanes = 8;  // Sums side by side, in one vector.

    std::size_t n_taps_, newest_ = 0;
    std::vector<float> table_;      // By phase and tap; a phase of 0 reads one sample earlier than the delay.
    std::vector<float> history_;    // Twice, so that the newest samples lie in a row.
};

}  // namespace violute
