// Plays in one thread while another changes all that may be changed meanwhile; the thread that plays may not allocate.

#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <numbers>
#include <thread>
#include <vector>

#include "allocations.hpp"
#include "violute_live.h"

namespace {

constexpr int rate = 48000, seconds = 6, longest_block = 1024;

// Turn everything until it is time to stop; the rooms that were prepared.
int change(violute_live* live, const std::atomic<bool>& is_done) {
    int n_rooms = 0;
    for (int i = 0; !is_done; ++i) {
        const float place = static_cast<float>(i % 11) / 10.0F;
        n_rooms += violute_live_resize_room(live, place);
        for (int dial = VIOLUTE_TONE; dial <= VIOLUTE_WET; ++dial) violute_live_turn(live, dial, place);
        violute_live_level(live, 12.0F * place);
        violute_live_bypass(live, i % 7 == 0);
    }
    return n_rooms;
}

}  // namespace

int main(int n, char** words) {
    std::ifstream file(n > 1 ? words[1] : "", std::ios::binary);
    const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
    char problem[256] = "";
    violute_live* live = violute_live_open(content.data(), content.size(), rate, 0.2F, 2, problem, sizeof problem);
    if (live == nullptr) {
        std::fprintf(stderr, "%s\n", problem);
        return 2;
    }
    std::vector<float> left(longest_block), right(longest_block);
    std::atomic<bool> is_done = false;
    int n_rooms = 0, n_resets = 0, n_odd = 0;
    std::thread changing([&] { n_rooms = change(live, is_done); });
    const std::size_t n_before = n_allocations();
    for (int at = 0, block = 1; at < seconds * rate; at += block, block = block * 5 % longest_block + 1) {
        for (int i = 0; i < block; ++i) {
            const double turns = 440.0 * (at + i) / rate;
            left[static_cast<std::size_t>(i)] = static_cast<float>(0.4 * (turns - std::floor(turns)) - 0.2);
        }
        violute_live_process_stereo(live, left.data(), left.data(), left.data(), right.data(), block);
        for (int i = 0; i < block; ++i) n_odd += !std::isfinite(left[static_cast<std::size_t>(i)]);
        if (at / rate != (at + block) / rate) continue;
        if (block % 16 == 0) {
            violute_live_reset(live);
            ++n_resets;
        }
    }
    const std::size_t n_made = n_allocations() - n_before;
    is_done = true;
    changing.join();
    violute_live_close(live);
    if (n_made > 0 || n_odd > 0) {
        std::fprintf(stderr, "%zu allocations and %d odd samples\n", n_made, n_odd);
        return 1;
    }
    std::printf("%d rooms and %d resets\n", n_rooms, n_resets);
    return 0;
}
