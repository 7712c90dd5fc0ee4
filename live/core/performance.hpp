// A whole piece of which the levels of both ends are measured, played from any place at dials that move meanwhile; twin
// of what families/ddsp/voice.py and chords.py render without a room.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harmonics.hpp"
#include "levels.hpp"
#include "measured.hpp"
#include "mix.hpp"
#include "noise.hpp"
#include "rates.hpp"

namespace violute {

// A line and what plays it.
class PlayedLine {
   public:
    PlayedLine(const MeasuredLine& measured, int n_frames, int n_harmonics, const NoisePool& pool, std::uint64_t seed);

    // The phases that were reached before count no more: dials stand elsewhere.
    void forget_phases() { n_turns_ = 1; }

    // Go to a frame, in the phase that it has had all before it been played at these dials.
    void seek(int frame, const EndDials& dials, double semitones);

    // Add the hop that begins with a frame.
    void add(int frame, const EndDials& dials, double semitones, const DialScale& scale, const DialScale& gains, float* out);

   private:
    MeasuredLine measured_;
    Harmonics harmonics_;
    FilteredNoise noise_;
    Point before_, now_;
    bool is_sounding_ = false;
    std::vector<double> turns_;  // Phase at each frame, as far as it is known.
    int n_turns_ = 1;
    std::array<float, hop_length> hop_{};
};

class Performance {
   public:
    static constexpr int most_frames = 4'800'000;  // Whose samples can be counted.

    // The arrays and the pool outlive it.
    Performance(int n_frames, int n_harmonics, DialScale scale, const NoisePool& pool);

    // One more line, of a seed of its own; what is wrong with it, or nothing.
    std::string_view add_line(const MeasuredArrays& arrays, int n_rows, std::uint64_t seed);

    // Heard from the next frame on, and in full one frame later.
    void turn(EndDials::Name name, double value);
    void move(EndDials::Name name, std::span<const double> seconds, std::span<const double> values);
    void hold(double mix);
    void transpose(double semitones);
    void set_gains(DialScale gains) { gains_ = std::move(gains); }

    // Go to a sample; outside is the start or the end.
    void seek(int sample);
    int position() const { return position_; }
    int n_samples() const { return n_frames_ * hop_length; }

    // Play on in mono, without a room; silence after the end.
    void play(float* out, int n_samples);

   private:
    void enter(int frame);
    void forget_phases();

    int n_frames_, n_harmonics_, position_ = 0, frame_ = -1;
    double semitones_ = 0.0;
    DialScale scale_, gains_;
    const NoisePool& pool_;
    EndDials dials_;
    std::vector<PlayedLine> lines_;
    std::array<float, hop_length> hop_{};
};

}  // namespace violute
