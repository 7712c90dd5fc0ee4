// A room: one impulse response and a dial that says how much of it is heard; twin of synthesis/room.py.
//
// The convolution is that of the twin in other pieces: a row of pieces of one hop, then one of pieces of four hops,
// whose work is spread over four hops, so that no block of the sound costs much more than another. What was heard is
// transformed once for all places and sizes: a room of another size answers at once to all that was heard before it.
//
// Source: Gardner, Efficient convolution without input-output delay (JAES 43(3), 1995).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "fft.hpp"
#include "noise.hpp"
#include "rates.hpp"

namespace violute {

inline constexpr std::size_t n_reflections = 9;  // Early ones, before the tail has grown dense.
inline constexpr int n_places = 2;               // From which a room is heard: two loudspeakers.

// When the early reflections arrive at each place, as shares of the time that all take, and their signs.
struct Reflections {
    std::span<const double> arrivals, signs;
};

// The impulse response without the direct sound; its energy is 1, and its first hop silent.
std::vector<float> room_response(double size, int place, const Reflections& reflections, const NoisePool& pool);

// Spectra of the newest blocks of a sound, for all rooms that hear it.
class HeardSpectra {
   public:
    HeardSpectra(int block_length, int n_blocks);

    void clear();
    void push(const float* two_blocks);  // The newest block, and the one before it.
    const float* real(int n_ago) const { return real_.data() + place(n_ago); }
    const float* imag(int n_ago) const { return imag_.data() + place(n_ago); }

   private:
    std::ptrdiff_t place(int n_ago) const;

    int block_length_, n_blocks_, newest_ = 0;
    RealFft fft_;
    std::vector<float> real_, imag_, padded_;
};

// Spectra of the pieces of a response, and the sum that becomes a block of sound.
class Pieces {
   public:
    // From piece number `first` on, of so many samples each, up to `end` samples of the response.
    Pieces(const std::vector<float>& response, int block_length, int first, int end);

    void multiply(const HeardSpectra& heard, int share, int n_shares);  // A share of the bins.
    void play(float* out);                                              // A block, once all shares are there.

   private:
    int block_length_, n_pieces_, n_bins_;
    RealFft fft_;
    std::vector<float> real_, imag_, sum_real_, sum_imag_, padded_;
};

using Places = std::array<std::array<float, hop_length>, n_places>;

// What a room of one size answers to what was heard, at each place.
class RoomAnswer {
   public:
    // The size, 0 (none) to 1 (hall), sets the decay; the place says what the walls send to it.
    RoomAnswer(double size, int n_heard_places, const Reflections& reflections, const NoisePool& pool);

    void clear();

    // Play a hop from what was heard before it, and once the hop is heard, a share of the work for later hops.
    void play(const HeardSpectra& early, int phase, Places& wet);
    void work(const HeardSpectra& late, int phase);

    RoomAnswer* older = nullptr;  // In the list of those that nobody hears any more.

   private:
    struct Place {
        Pieces early, late;
        std::vector<float> ready, next;
    };
    std::vector<Place> places_;
};

// Hears a sound and adds its room. The size may be changed while it plays.
class Room {
   public:
    Room(double size, int n_heard_places, const Reflections& reflections, const NoisePool& pool);
    ~Room();
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    // Prepare a room of another size, which fades in within a fifth of a second with all that was heard before.
    // Of any one thread that may wait, while another plays.
    void prepare(double size);

    // As newly made, in the size that was prepared last. Of the thread that plays.
    void reset();

    // Play a hop and its room at each place; the dial moves in a straight line from one value to the other.
    void hop(const float* dry, float start, float stop, Places& out);

   private:
    static constexpr int hops_per_block = 4, long_block = hops_per_block * hop_length;
    static constexpr int long_start = 2 * long_block;
    static constexpr int n_fade_hops = 2 * hops_per_block;

    void begin_long_block();
    void take_next();
    static void let_go(RoomAnswer* newest);

    Reflections reflections_;
    const NoisePool& pool_;
    int n_heard_places_;
    HeardSpectra early_, late_;
    std::array<float, 2 * hop_length> recent_{};
    std::array<float, 3 * long_block> long_recent_{};
    Places wet_{}, next_wet_{};
    std::unique_ptr<RoomAnswer> now_, next_;
    std::atomic<RoomAnswer*> prepared_ = nullptr, left_ = nullptr;  // From who prepares to who plays, and back.
    int phase_ = 0, fade_hop_ = 0;
    bool is_fading_ = false;

    friend class RoomAnswer;
};

}  // namespace violute
