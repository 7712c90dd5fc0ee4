// Partials that waver, by smooth noise of one track a partial; twin of families/ddsp/wavering.py. A stream moves
// its vibrato nowhere, so nothing ripples.
//
// Source: Fletcher & Rossing, The Physics of Musical Instruments (2nd ed. 1998), section 10.6.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "rates.hpp"
#include "voice_file.hpp"

namespace violute {

class Wavering {
   public:
    explicit Wavering(const VoiceFile& voice);

    // Multiply the roots of an end's amplitudes at a frame.
    void apply(std::uint64_t frame, int end, float* roots, int n_harmonics) const;

   private:
    static constexpr std::size_t n_frames = 4096;  // After which the tracks repeat: 41 s.

    std::vector<float> tracks_;
    std::array<std::array<float, max_harmonics>, n_ends> depth_{};
};

}  // namespace violute
