// The sum of sinusoids at the whole multiples of one gliding fundamental; twin of synthesis/harmonics.py.
//
// Source: Engel et al., DDSP (ICLR 2020), section 3.2.
#pragma once

#include <array>

#include "rates.hpp"

namespace violute {

class Harmonics {
   public:
    using Amplitudes = std::array<float, max_harmonics>;

    explicit Harmonics(int n_harmonics) : n_harmonics_(n_harmonics) {}

    void reset() { phase_turns_ = 0.0; }

    // Play a hop from one frame to the next, with straight lines between their pitches and amplitudes.
    void glide(double start_hz, double stop_hz, const Amplitudes& start, const Amplitudes& stop, float* out);

    // Play a hop in which another note takes the place of the one before: within 3 ms, and each at its pitch.
    void leap(double start_hz, double stop_hz, const Amplitudes& start, const Amplitudes& stop, float* out);

   private:
    int n_harmonics_;
    double phase_turns_ = 0.0;
    std::array<float, hop_length> left_{};
};

// Whether the pitch leaps to another note from one frame to the next.
bool is_leap(double start_hz, double stop_hz);

}  // namespace violute
