// Plays the hybrid in a host: streams of the core, of which one takes the place of another while sound runs.
//
// Three kinds of threads come here. The one that plays never waits. Those of the host that may wait open voices. One of
// our own prepares rooms, since their dial turns in the thread that plays. What is new is handed over in one atomic
// pointer, and what is old comes back in another.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "parameters.hpp"
#include "violute_live.h"
#include "voice.hpp"

namespace violute {

class Player {
   public:
    Player();
    ~Player();
    Player(const Player&) = delete;
    Player& operator=(const Player&) = delete;

    // From any thread.
    void set(Parameter parameter, float value);
    float get(Parameter parameter) const;

    // Of a thread that may wait, while nothing plays: the rate of what comes, and to begin, anew or at first. Before
    // that there is no voice open and no thread of our own, so that a host looks through its plug-ins quickly.
    void set_rate(double sample_rate);
    void begin();

    // How far the output runs behind the input, in samples.
    int latency() const;

    // Of a thread that may wait: play another voice; where it is none, the one before plays on.
    void choose(const std::string& path);

    // The path that a project is to remember.
    std::string chosen() const;

    // Play a block, in place or not.
    void play(const float* const* in, float* const* out, int n_samples);

   private:
    struct Stream {
        explicit Stream(violute_live* opened, float size) : live(opened), room_size(size) {}
        ~Stream() { violute_live_close(live); }
        Stream(const Stream&) = delete;
        Stream& operator=(const Stream&) = delete;

        violute_live* live;
        float room_size;          // That was prepared last.
        Stream* older = nullptr;  // In the list of those that nobody hears any more.
    };

    static constexpr int chunk_samples = 256;
    using Chunk = std::array<std::array<float, chunk_samples>, 2>;

    std::unique_ptr<Stream> opened_stream() const;
    void forget_streams();
    void prepare_rooms();
    void resize_room();
    static void let_go(Stream* newest);

    void turn_dials(const Stream& stream) const;
    void play_chunk(const float* left, const float* right, float* out_left, float* out_right, int n_samples);
    void follow_peak(const float* left, const float* right, int n_samples);

    std::array<std::atomic<float>, n_parameters> values_;

    // Of threads that may wait.
    mutable std::mutex mutex_;
    std::condition_variable stopping_;
    bool is_stopping_ = false;
    Voice voice_;             // The one that plays, the built-in one at first.
    std::string remembered_;  // Its path; or of one that isn't on this machine.
    int rate_ = 0;
    Stream* newest_ = nullptr;

    std::atomic<Stream*> prepared_ = nullptr, left_ = nullptr;

    // Of the thread that plays.
    std::unique_ptr<Stream> now_, next_;
    int n_waited_ = 0;  // Samples since another stream came.
    float peak_ = 0.0F;
    Chunk other_{};

    std::thread rooms_;
};

}  // namespace violute
