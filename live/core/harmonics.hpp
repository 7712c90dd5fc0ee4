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

    // The same as a rendering has it: over the whole hop, and in one phase.
    void cross_fade(double start_hz, double stop_hz, const Amplitudes& start, const Amplitudes& stop, float* out);

    // Move on by a hop of a rendering without a sound.
    void skip(double start_hz, double stop_hz) { phase_turns_ = rendered_turns(phase_turns_, start_hz, stop_hz); }

    // Go on from another phase.
    void seek(double phase_turns) { phase_turns_ = phase_turns; }

    // The phase at the end of a hop of a rendering, wrapped, in turns.
    static double rendered_turns(double phase_turns, double start_hz, double stop_hz);

   private:
    int n_harmonics_;
    double phase_turns_ = 0.0;
    std::array<float, hop_length> left_{};
};

// Whether the pitch leaps to another note from one frame to the next.
bool is_leap(double start_hz, double stop_hz);

}  // namespace violute
