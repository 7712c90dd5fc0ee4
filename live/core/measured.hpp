// What was measured of a line of a piece, and what a frame of it plays; twin of voices/live_parameters.py.
//
// Levels stay in the 16 bits in which they come and are looked at in place: an hour of a line has 270 MB of them.
//
// Source: Farouki, The Bernstein polynomial basis: a centennial retrospective (CAGD 29(6), 2012).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "levels.hpp"
#include "mix.hpp"

namespace violute {

// Dials of a piece: each stands somewhere or moves over the seconds, and one place may be held instead of them all.
class EndDials {
   public:
    enum Name { tone, noise, attack, vibrato };
    static constexpr int n_names = 4;

    void turn(Name name, double value);
    void move(Name name, std::span<const double> seconds, std::span<const double> values);  // None: it stands again.
    void hold(double mix) { held_ = mix; }                                                  // What is no number lets go.
    double at(Name name, int frame) const;

   private:
    struct Course {
        std::vector<double> seconds, values;
    };

    std::array<double, n_names> values_{0.5, 0.5, 0.5, 0.5};
    std::array<Course, n_names> courses_;
    double held_ = std::numeric_limits<double>::quiet_NaN();
};

// The arrays of a line, in C order, named as in the file: those of the first end, then those of the second.
struct MeasuredArrays {
    const std::int32_t* row;
    const float *f0_hz, *loudness_db, *gate, *attack_share, *vibrato_cents, *vibrato_db;
    const std::uint16_t *harmonic_root, *noise_root;
    const float *harmonic_power, *noise_power;
};

class MeasuredLine {
   public:
    MeasuredLine(const MeasuredArrays& arrays, int n_frames, int n_rows, int n_harmonics)
        : arrays_(arrays), n_frames_(n_frames), n_rows_(n_rows), n_harmonics_(n_harmonics) {}

    // What is wrong with it, or nothing.
    std::string_view problem() const;

    // Frames beyond the last hold it.
    bool rests(int frame) const { return row_of(frame) < 0; }

    // The pitch with its vibrato where the dial puts it, so many semitones higher.
    float f0_hz(int frame, const EndDials& dials, double semitones) const;

    // What sounds at a frame; the gains are linear, over the tone's dial.
    void mix(int frame, const EndDials& dials, double semitones, const DialScale& scale, const DialScale& gains,
             Point& point) const;

   private:
    int held(int frame) const { return frame < n_frames_ ? frame : n_frames_ - 1; }
    std::int32_t row_of(int frame) const { return arrays_.row[held(frame)]; }

    MeasuredArrays arrays_;
    int n_frames_, n_rows_, n_harmonics_;
};

}  // namespace violute
