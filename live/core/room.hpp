// A room: one impulse response and a dial that says how much of it is heard; twin of synthesis/room.py.
//
// The convolution is that of the twin in other pieces: a row of pieces of one hop, then one of pieces of four hops,
// whose work is spread over four hops, so that no block of the sound costs much more than another.
//
// Source: Gardner, Efficient convolution without input-output delay (JAES 43(3), 1995).
#pragma once

#include <array>
#include <vector>

#include "fft.hpp"
#include "noise.hpp"
#include "rates.hpp"
#include "voice_file.hpp"

namespace violute {

inline constexpr std::size_t n_reflections = 9;  // Early ones, before the tail has grown dense.
inline constexpr int n_places = 2;  // From which a room is heard: two loudspeakers.

// The impulse response without the direct sound; its energy is 1, and its first hop silent.
std::vector<float> room_response(double size, int place, const VoiceFile& voice, const NoisePool& pool);

// Spectra of the pieces of a response, and of the sound that they wait for.
class Partition {
   public:
    // Pieces from number `first` on, of so many samples each, up to `end` samples of the response.
    Partition(const std::vector<float>& response, int block_length, int first, int end);

    void hear(const float* two_blocks);                    // The newest block, and the one before it.
    void multiply(int share, int n_shares);                // A share of the bins.
    void play(float* out);                                 // A block, once all shares are there.

   private:
    int block_length_, first_, n_pieces_, n_bins_, newest_ = 0;
    RealFft fft_;
    std::vector<float> piece_real_, piece_imag_, heard_real_, heard_imag_, sum_real_, sum_imag_, padded_;
};

class Room {
   public:
    // The size, 0 to 1, sets the decay; the place says what the walls send to it.
    Room(double size, int place, const VoiceFile& voice, const NoisePool& pool);

    // Add the room to a hop; the dial moves in a straight line from one value to the other.
    void hop(float* audio, float start, float stop);

   private:
    static constexpr int hops_per_block = 4, long_block = hops_per_block * hop_length;
    static constexpr int long_start = 2 * long_block;

    Room(const std::vector<float>& response);

    Partition early_, late_;
    std::array<float, 2 * hop_length> recent_{};
    std::array<float, 3 * long_block> long_recent_{};
    std::array<float, long_block> ready_{}, next_{};
    std::array<float, hop_length> wet_{};
    int phase_ = 0;
};

}  // namespace violute
