// Pitch by harmonic salience and the best path so far, for voices of the low range; twin of the `PitchFollower` of
// analysis/pitch.py and of the doubts of analysis/octave_repair.py.
//
// Source: Camacho & Harris, A sawtooth waveform inspired pitch estimator for speech and music (JASA 2008).
#pragma once

#include <vector>

#include "loudness.hpp"
#include "salience.hpp"
#include "voice_file.hpp"

namespace violute {

class PitchSearch {
   public:
    struct Frame {
        double f0_hz;
        double periodicity;  // From 0 to 1; 0 where a pitch is not yet steady.
    };

    explicit PitchSearch(const VoiceFile& voice);

    // Whether what the voice says of its windows can be.
    static bool is_sound(const VoiceFile& voice);

    // Forget all that was heard.
    void reset();

    // Samples that it looks at: the newest ones.
    std::size_t n_heard() const;
    Frame push(const float* heard);

   private:
    static constexpr std::size_t n_candidates = 6;  // Of each window.

    struct Window {
        Window(int length, double lowest, double highest);

        std::size_t n_fft;
        Salience salience;
        std::size_t n_bins;
        double lowest_hz, bin_hz;
        MagnitudeSpectrum spectrum;
        std::vector<float> magnitudes, wide;
    };

    struct Candidate {
        double octave, score;
    };

    void listen(Window& window, const float* newest);
    void add_candidates(Window& window);
    double partials_db(double f0_hz, int multiple, double& shared_db) const;
    double penalty(double octave) const;
    double refined_hz(const Window& window, double f0_hz) const;
    double periodicity(const Window& window, double f0_hz) const;

    std::vector<Window> windows_;
    double split_hz_;
    std::vector<double> doubt_octaves_, doubt_db_;
    std::vector<Candidate> candidates_;
    std::vector<double> costs_, before_octaves_, before_costs_;
    double last_octave_ = 0.0;
    int n_steady_ = 0;
};

}  // namespace violute
