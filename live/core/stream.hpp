// Playing along, hop by hop, 20 ms behind the sound; twin of families/ddsp/stream.py and analysis/causal.py.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "conditioning.hpp"
#include "harmonics.hpp"
#include "levels.hpp"
#include "loudness.hpp"
#include "mix.hpp"
#include "network.hpp"
#include "noise.hpp"
#include "onsets.hpp"
#include "pitch.hpp"
#include "pitch_search.hpp"
#include "rates.hpp"
#include "room.hpp"
#include "running_loudness.hpp"
#include "voice_file.hpp"

namespace violute {

inline constexpr int latency_samples = 2 * hop_length;

class HarmonicStream {
   public:
    using Hop = std::array<float, hop_length>;

    // The voice outlives the stream. One channel hears the room of the Python stream, two hear it wide.
    HarmonicStream(const VoiceFile& voice, const Mix& mix, double room_size, int n_channels);

    // Take a hop of sound, and play one, which belongs to the hop before.
    void hop(const float* heard, std::array<Hop, n_places>& out);

   private:
    struct Frame {
        float f0_hz, loudness_db, strength;
        bool is_voiced;
    };

    Frame analyse(const float* heard);
    CausalPitch::Frame find_pitch();
    void follow(const Frame& frame);
    void find_levels(const Frame& frame, Point& point);

    const Mix& dials_;
    std::optional<PitchSearch> search_;  // For voices of the low range, in place of the network.
    CausalPitch pitch_;
    int loudness_n_fft_;
    MagnitudeSpectrum spectrum_;
    Loudness loudness_;
    Onsets onsets_;
    RunningLoudness running_loudness_;
    Conditioning conditioning_;
    Network network_;
    DialScale scale_;
    Levels levels_;
    Harmonics harmonics_;
    NoisePool pool_;
    FilteredNoise noise_;
    std::vector<Room> rooms_;
    int n_channels_;

    std::vector<float> heard_;
    History history_;
    std::array<Features, n_ends> features_{};
    Point before_, now_;
    Hop harmonic_hop_{}, noise_hop_{};
    std::uint64_t frame_ = 0;
    double loudest_db_, note_db_, beside_db_;
    float carried_hz_, gate_ = 0.0F;
    int n_unvoiced_;
};

}  // namespace violute
