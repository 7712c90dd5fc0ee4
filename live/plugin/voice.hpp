// A voice that the plug-in plays: a file that the musician chose, or the built-in one.
#pragma once

#include <array>
#include <span>
#include <string>

namespace violute {

struct Voice {
    std::string path;                 // Nothing for the built-in.
    std::string name;                 // As its card says.
    std::array<std::string, 2> ends;  // The instruments at 0 and at 1.
    std::string problem;              // What is wrong with it, in one line.
    std::string file;                 // What lies at the path.

    std::span<const char> bytes() const;  // What the core opens.
};

// Read the voice at a path in UTF-8, or the built-in one; may wait for the disk.
Voice read_voice(const std::string& path);

// The texts of an entry at the outermost level of JSON: one, or those of a list; nothing where there are none.
std::array<std::string, 2> texts_of(std::string_view json, std::string_view entry);

}  // namespace violute
