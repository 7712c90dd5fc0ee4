// What becomes of a hybrid beside its mix: the sound that came beside it, its level, and bypass, none with a click;
// twin of `Output` in voices/mix.py and of its gains in voices/take.py.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <vector>

#include "mix.hpp"
#include "room.hpp"

namespace violute {

inline constexpr float largest_level_db = 24.0F;

// What is no number is silence, and what was never sound is held.
float sound_of(float sample);

class Output {
   public:
    using Sample = std::array<float, n_places>;

    // The rate is the host's, the latency that of the hybrid: what came waits for it, so that the two don't comb.
    Output(const Mix& mix, int rate, int latency_samples);

    // Of any thread. Levels are held to `largest_level_db` up and down; what is no number is passed over.
    void set_level(float level_db);
    void set_bypass(bool is_bypassed) { is_bypassed_.store(is_bypassed, std::memory_order_relaxed); }

    void reset();

    // Take a sample that came and the hybrid, which is late, and return what goes.
    Sample play(const Sample& came, const Sample& hybrid);

   private:
    struct Gains {
        float hybrid = 1.0F, dry = 0.0F;
    };

    void look();

    static constexpr int look_samples = 32;  // Between looks at the dials.

    const Mix& mix_;
    std::atomic<float> level_db_ = 0.0F;
    std::atomic<bool> is_bypassed_ = false;
    int n_ramp_samples_, until_look_ = 0, until_there_ = 0;
    bool is_first_ = true;
    Gains gains_, goal_, step_;
    std::vector<Sample> waiting_;
    std::size_t oldest_ = 0;
};

}  // namespace violute
