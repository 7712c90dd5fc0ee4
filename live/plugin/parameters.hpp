// The parameters of the plug-in, in the order in which hosts count them.
#pragma once

#include <array>
#include <cstdint>

namespace violute {

enum class Parameter : std::uint32_t { mix, tone, noise, attack, room, wet, level, bypass, peak };
inline constexpr std::size_t n_parameters = 9;

struct Range {
    const char* name;
    const char* symbol;  // By which hosts find it again: it never changes.
    const char* unit;
    float lowest, highest, usual;
};

// Tone, noise and attack stand so far beside the mix: with 0 they go with it.
inline constexpr std::array<Range, n_parameters> ranges = {{
    {"Mix", "mix", "", 0.0F, 1.0F, 0.5F},
    {"Tone beside mix", "tone", "", -1.0F, 1.0F, 0.0F},
    {"Noise beside mix", "noise", "", -1.0F, 1.0F, 0.0F},
    {"Attack beside mix", "attack", "", -1.0F, 1.0F, 0.0F},
    {"Room", "room", "", 0.0F, 1.0F, 0.2F},
    {"Dry/wet", "wet", "", 0.0F, 1.0F, 1.0F},
    {"Level", "level", "dB", -24.0F, 24.0F, 0.0F},
    {"Bypass", "dpf_bypass", "", 0.0F, 1.0F, 0.0F},
    {"Peak", "peak", "dB", -60.0F, 6.0F, -60.0F},
}};

inline constexpr const char* voice_key =
    "voice";  // Of the state: the path of the voice file, nothing for the built-in.

constexpr std::uint32_t index_of(Parameter parameter) { return static_cast<std::uint32_t>(parameter); }
constexpr const Range& range_of(Parameter parameter) { return ranges[index_of(parameter)]; }

}  // namespace violute
