// Sounds of the hosts in the tests: raw stereo floats in files, and words of a command cut into parts.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

[[noreturn]] inline void fail(const std::string& line) {
    std::fprintf(stderr, "%s\n", line.c_str());
    std::exit(1);
}

inline void demand(bool holds, const char* line) {
    if (!holds) fail(line);
}

inline std::vector<std::string> parts_of(const std::string& text, char mark = ':') {
    std::vector<std::string> parts(1);
    for (const char letter : text) {
        if (letter == mark) parts.emplace_back();
        else parts.back() += letter;
    }
    return parts;
}

inline std::vector<float> sound_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    std::vector<float> sound(content.size() / sizeof(float));
    std::memcpy(sound.data(), content.data(), sound.size() * sizeof(float));
    return sound;
}

inline void keep_sound(const std::string& path, const std::vector<float>& sound) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(sound.data()), static_cast<std::streamsize>(sound.size() * sizeof(float)));
}
