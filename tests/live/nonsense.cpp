// Plays a piece made of nonsense from all over, at dials that turn and move, and fails where the player
// allocates meanwhile or what it plays is not finite. Built with sanitizers it also finds wrong addresses.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "allocations.hpp"
#include "violute_performance.h"

namespace {

constexpr std::size_t n_frames = 300, n_rows = 120, n_harmonics = 100, n_bands = 64, n_lines = 3;
std::mt19937 generator(0);

double uniform(double low, double high) { return std::uniform_real_distribution<double>(low, high)(generator); }

std::vector<float> floats(std::size_t n, double low, double high) {
    std::vector<float> values(n);
    for (float& value : values) value = static_cast<float>(uniform(low, high));
    return values;
}

std::vector<std::uint16_t> halves(std::size_t n) {
    std::vector<std::uint16_t> values(n);
    for (std::uint16_t& value : values) value = static_cast<std::uint16_t>(generator());
    return values;
}

// The arrays of a line, each as long as it has to be and no longer.
struct Line {
    std::vector<std::int32_t> row = std::vector<std::int32_t>(n_frames);
    std::vector<float> f0_hz = floats(n_frames, 20.0, 20'000.0), loudness_db = floats(n_frames, -200.0, 100.0),
                       gate = floats(n_frames, -1.0, 2.0), attack_share = floats(n_frames, 0.0, 1.0),
                       vibrato_cents = floats(2 * n_frames, -50.0, 50.0), vibrato_db = floats(2 * n_frames, -3.0, 3.0),
                       harmonic_power = floats(5 * n_rows, 0.0, 1.0), noise_power = floats(5 * n_rows, 0.0, 1.0);
    std::vector<std::uint16_t> harmonic_root = halves(2 * n_rows * n_harmonics), noise_root = halves(2 * n_rows * n_bands);

    Line() {
        for (std::int32_t& place : row) place = static_cast<std::int32_t>(uniform(-20.0, n_rows));
        for (std::int32_t& place : row) place = place < 0 ? -1 : place;
    }

    violute_line arrays() const {
        return {row.data(),           f0_hz.data(),      loudness_db.data(),    gate.data(),
                attack_share.data(),  vibrato_cents.data(), vibrato_db.data(),  harmonic_root.data(),
                noise_root.data(),    harmonic_power.data(), noise_power.data()};
    }
};

[[noreturn]] void fail(const char* line) {
    std::fprintf(stderr, "%s\n", line);
    std::exit(1);
}

}  // namespace

int main() {
    const std::uint64_t state[4] = {1, 2, 3, 5};
    const std::vector<double> arrivals(18, 0.5), signs(18, 1.0), mixes{0.0, 0.4, 1.0}, weights{0.0, 0.7, 1.0},
        hz{100.0, 3000.0}, places{0.0, 0.7, 1.0, 0.0, 0.2, 1.0};
    violute_draws* draws = violute_draws_open(state, arrivals.data(), signs.data());
    char problem[256];
    violute_performance* performance = violute_performance_open(draws, n_frames, n_harmonics, mixes.data(), 3, hz.data(), 2,
                                                                places.data(), problem, sizeof problem);
    if (performance == nullptr) fail(problem);
    const std::vector<Line> lines(n_lines);
    for (std::size_t i = 0; i < n_lines; ++i) {
        const violute_line arrays = lines[i].arrays();
        if (violute_performance_add_line(performance, &arrays, n_rows, static_cast<int>(i), problem, sizeof problem) == 0)
            fail(problem);
    }
    std::vector<float> out(5000);
    for (int round = 0; round < 60; ++round) {
        if (round % 3 == 0) violute_performance_seek(performance, static_cast<int>(uniform(-1000.0, 140'000.0)));
        if (round % 7 == 0) violute_performance_move(performance, round % 4, mixes.data(), weights.data(), round % 2 == 0 ? 3 : 0);
        const std::size_t n_before = n_allocations();
        violute_performance_turn(performance, round % 4, uniform(0.0, 1.0));
        violute_performance_hold(performance, round % 5 == 0 ? 0.5 : std::nan(""));
        violute_performance_transpose(performance, round % 11 == 0 ? 12.0 : 0.0);
        const int n = static_cast<int>(uniform(1.0, 5000.0));
        violute_performance_play(performance, out.data(), n);
        if (n_allocations() != n_before) fail("the player allocated while it played: this is a mistake in it");
        for (int i = 0; i < n; ++i)
            if (!std::isfinite(out[static_cast<std::size_t>(i)])) fail("what it plays is not finite: this is a mistake in it");
    }
    if (violute_draws_room(draws, 1.0, 1, out.data(), 5000) < 5000) fail("the room is too short: this is a mistake in it");
    violute_performance_close(performance);
    violute_draws_close(draws);
    return 0;
}
