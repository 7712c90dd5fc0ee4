// Playing along, hop by hop, 20 ms behind the sound; twin of families/ddsp/stream.py and analysis/causal.py.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
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

    // As newly made; dials and the size of the room stay. Of the thread that plays.
    void reset();

    // See Room::prepare.
    void prepare_room(double size) { room_.prepare(size); }

    // Take a hop of sound, and play one, which belongs to the hop before.
    void hop(const float* heard, Places& out);

   private:
    struct Frame {
        float f0_hz, loudness_db, strength;
        bool is_voiced;
    };

    static constexpr float unpitched_hz = 440.0F;
    static constexpr int longest_bridged_frames = 8;

    // What was heard and played up to now.
    struct Memory {
        History history;
        Point before, now;
        std::uint64_t frame = 0;
        double loudest_db = -std::numeric_limits<double>::infinity(), note_db = silence_db, beside_db = silence_db;
        float carried_hz = unpitched_hz, gate = 0.0F;
        int n_unvoiced = longest_bridged_frames + 1;
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
    Room room_;
    int n_channels_;

    std::vector<float> heard_;
    std::array<Features, n_ends> features_{};
    Hop harmonic_hop_{}, noise_hop_{};
    Memory memory_;
};

}  // namespace violute
