// violute-live: a recording in, the hybrid out, as a plug-in would play it: block by block, late by its latency.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "allocations.hpp"
#include "violute_live.h"

namespace {

constexpr const char* usage =
    "violute-live IN.wav OUT.wav --voice voice.live [--mix 0.5] [--tone 0.5] [--noise 0.5] [--attack 0.5]\n"
    "             [--room 0.2] [--block 256]\n";

struct Sound {
    int sample_rate = 0;
    std::vector<float> samples;  // In mono.
};

struct Options {
    std::string in, out, voice;
    float dials[4] = {0.5F, 0.5F, 0.5F, 0.2F};
    int block = 256;
};

[[noreturn]] void fail(const std::string& line) {
    std::fprintf(stderr, "%s\n", line.c_str());
    std::exit(2);
}

std::vector<char> content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail(path + ": cannot be read: check the path");
    return {std::istreambuf_iterator<char>(file), {}};
}

template <class Value>
Value value_at(const std::vector<char>& content, std::size_t at) {
    Value value{};
    std::memcpy(&value, content.data() + at, sizeof value);
    return value;
}

// Samples of 16-bit integers or 32-bit floating point.
Sound read_wav(const std::string& path) {
    const std::vector<char> content = content_of(path);
    if (content.size() < 12 || std::memcmp(content.data(), "RIFF", 4) != 0) fail(path + ": is no WAV file");
    Sound sound;
    unsigned kind = 0, n_channels = 0, bits = 0;
    for (std::size_t at = 12; at + 8 <= content.size();) {
        const std::size_t length = value_at<std::uint32_t>(content, at + 4), start = at + 8;
        const std::size_t n_bytes = std::min(length, content.size() - start);
        if (std::memcmp(content.data() + at, "fmt ", 4) == 0 && n_bytes >= 16) {
            kind = value_at<std::uint16_t>(content, start);
            n_channels = value_at<std::uint16_t>(content, start + 2);
            sound.sample_rate = value_at<std::int32_t>(content, start + 4);
            bits = value_at<std::uint16_t>(content, start + 14);
            if (kind == 0xFFFE && n_bytes >= 26) kind = value_at<std::uint16_t>(content, start + 24);
        }
        if (std::memcmp(content.data() + at, "data", 4) == 0 && n_channels > 0) {
            const bool is_float = kind == 3 && bits == 32;
            if (!is_float && !(kind == 1 && bits == 16)) fail(path + ": give 16-bit integers or 32-bit floating point");
            const std::size_t n_frames = n_bytes / (bits / 8) / n_channels;
            for (std::size_t i = 0; i < n_frames * n_channels; ++i) {
                const float sample = is_float ? value_at<float>(content, start + 4 * i)
                                              : static_cast<float>(value_at<std::int16_t>(content, start + 2 * i)) / 32768.0F;
                if (i % n_channels == 0) sound.samples.push_back(0.0F);
                sound.samples.back() += sample / static_cast<float>(n_channels);
            }
        }
        at = start + length + length % 2;
    }
    if (sound.samples.empty()) fail(path + ": holds no sound");
    return sound;
}

void write_wav(const std::string& path, int sample_rate, const std::vector<float>& left, const std::vector<float>& right) {
    std::ofstream file(path, std::ios::binary);
    const auto put = [&](auto value) { file.write(reinterpret_cast<const char*>(&value), sizeof value); };
    const auto n_bytes = static_cast<std::uint32_t>(8 * left.size());
    file.write("RIFF", 4);
    put(36 + n_bytes);
    file.write("WAVEfmt ", 8);
    put(std::uint32_t{16});
    put(std::uint16_t{3});
    put(std::uint16_t{2});
    put(static_cast<std::uint32_t>(sample_rate));
    put(static_cast<std::uint32_t>(8 * sample_rate));
    put(std::uint16_t{8});
    put(std::uint16_t{32});
    file.write("data", 4);
    put(n_bytes);
    for (std::size_t i = 0; i < left.size(); ++i) {
        put(left[i]);
        put(right[i]);
    }
    if (!file) fail(path + ": cannot be written");
}

float dial_of(const std::string& name, const char* text) {
    char* end = nullptr;
    const float value = std::strtof(text, &end);
    if (end == text || *end != '\0' || !(value >= 0.0F && value <= 1.0F)) fail(name + " is " + text + ": give a number from 0 to 1");
    return value;
}

Options options_of(int n, char** words) {
    Options options;
    std::vector<std::string> paths;
    for (int i = 1; i < n; ++i) {
        const std::string word = words[i];
        if (word.rfind("--", 0) != 0) {
            paths.push_back(word);
            continue;
        }
        if (i + 1 == n) fail(word + " lacks its value\n" + usage);
        const char* value = words[++i];
        if (word == "--voice") {
            options.voice = value;
        } else if (word == "--block") {
            options.block = std::atoi(value);
        } else if (word == "--mix") {
            for (int dial = 0; dial < VIOLUTE_ROOM; ++dial) options.dials[dial] = dial_of(word, value);
        } else {
            const std::vector<std::string> names = {"--tone", "--noise", "--attack", "--room"};
            const auto found = std::find(names.begin(), names.end(), word);
            if (found == names.end()) fail(word + " is no option\n" + usage);
            options.dials[found - names.begin()] = dial_of(word, value);
        }
    }
    if (paths.size() != 2 || options.voice.empty() || options.block < 1) fail(usage);
    options.in = paths[0];
    options.out = paths[1];
    return options;
}

}  // namespace

int main(int n, char** words) {
    const Options options = options_of(n, words);
    const Sound sound = read_wav(options.in);
    const std::vector<char> voice = content_of(options.voice);
    char problem[256];
    violute_live* live = violute_live_open(voice.data(), voice.size(), sound.sample_rate, options.dials[VIOLUTE_ROOM], 2,
                                           problem, sizeof problem);
    if (live == nullptr) fail(options.voice + ": " + problem);
    for (int dial = 0; dial <= VIOLUTE_ROOM; ++dial) violute_live_turn(live, dial, options.dials[dial]);
    std::vector<float> left(sound.samples.size()), right(sound.samples.size());
    double worst_seconds = 0.0;
    const std::size_t n_before = n_allocations();
    const std::clock_t first = std::clock();
    for (std::size_t at = 0; at < sound.samples.size();) {
        const auto length = std::min(static_cast<std::size_t>(options.block), sound.samples.size() - at);
        const auto started = std::chrono::steady_clock::now();
        violute_live_process(live, sound.samples.data() + at, left.data() + at, right.data() + at, static_cast<int>(length));
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
        worst_seconds = std::max(worst_seconds, seconds);
        at += length;
    }
    const double all_seconds = static_cast<double>(std::clock() - first) / CLOCKS_PER_SEC;
    if (n_allocations() != n_before) fail("the core allocated while it played: this is a mistake in it");
    write_wav(options.out, sound.sample_rate, left, right);
    std::printf("%s: %d samples late, %.2f %% of a core, worst block %.2f ms of %.2f\n", options.out.c_str(),
                violute_live_latency(live), 100.0 * all_seconds * sound.sample_rate / static_cast<double>(left.size()),
                1e3 * worst_seconds, 1e3 * options.block / sound.sample_rate);
    violute_live_close(live);
    return 0;
}
