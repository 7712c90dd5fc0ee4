#include "voice_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "network.hpp"
#include "pitch.hpp"
#include "pitch_search.hpp"
#include "rates.hpp"
#include "room.hpp"
#include "running_loudness.hpp"

namespace violute {

namespace {

constexpr std::string_view magic = "VIOLIVE\n";
constexpr std::uint32_t format_version = 3;
constexpr std::size_t head_bytes = 16, entry_head_bytes = 40, name_bytes = 32, checksum_bytes = 4;
constexpr std::array<std::size_t, 4> kind_bytes = {4, 8, 8, 1};  // float, double, integer, character
constexpr std::string_view damaged = "the voice file is damaged: export it again";

std::uint32_t integer_at(const unsigned char* bytes) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

// The checksum of zlib and PNG.
std::uint32_t crc32(const unsigned char* bytes, std::size_t n_bytes) {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t rest = i;
        for (int bit = 0; bit < 8; ++bit) rest = rest & 1 ? 0xEDB88320U ^ (rest >> 1) : rest >> 1;
        table[i] = rest;
    }
    std::uint32_t sum = 0xFFFFFFFFU;
    for (std::size_t i = 0; i < n_bytes; ++i) sum = table[(sum ^ bytes[i]) & 0xFF] ^ (sum >> 8);
    return ~sum;
}

template <class Value>
std::vector<Value> values_at(const unsigned char* bytes, std::size_t n_values) {
    std::vector<Value> values(n_values);
    if (n_values > 0) std::memcpy(values.data(), bytes, n_values * sizeof(Value));
    return values;
}

template <class Value>
bool is_rising(const std::vector<Value>& values) {
    return std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) == values.end();
}

template <class Map>
const typename Map::mapped_type& found(const Map& entries, std::string_view name) {
    static const typename Map::mapped_type nothing;
    const auto entry = entries.find(name);
    return entry == entries.end() ? nothing : entry->second;
}

template <class Map>
bool is_finite(const Map& entries) {
    return std::all_of(entries.begin(), entries.end(), [](const auto& entry) {
        return std::all_of(entry.second.begin(), entry.second.end(), [](auto value) { return std::isfinite(value); });
    });
}

}  // namespace

std::string VoiceFile::read(const void* content, std::size_t n_bytes) {
    const auto* bytes = static_cast<const unsigned char*>(content);
    if (n_bytes < magic.size() || std::memcmp(bytes, magic.data(), magic.size()) != 0)
        return "this is no voice file of the real-time core: write one with `violute export VOICE voice.live`";
    if (n_bytes < head_bytes + checksum_bytes) return std::string(damaged);
    const std::uint32_t version = integer_at(bytes + 8);
    if (version > format_version)
        return "the voice file has format " + std::to_string(version) + ", this program reads " +
               std::to_string(format_version) + ": get a newer one";
    if (version < format_version)
        return "the voice file has format " + std::to_string(version) + ", this program reads " +
               std::to_string(format_version) + ": export it again";
    const std::size_t n_body = n_bytes - checksum_bytes;
    if (crc32(bytes, n_body) != integer_at(bytes + n_body) || !read_entries(bytes, n_body) || !is_whole())
        return std::string(damaged);
    return {};
}

bool VoiceFile::read_entries(const unsigned char* bytes, std::size_t n_bytes) {
    const std::uint32_t n_entries = integer_at(bytes + 12);
    std::size_t at = head_bytes;
    for (std::uint32_t i = 0; i < n_entries; ++i) {
        if (n_bytes - at < entry_head_bytes) return false;
        const char* name_start = reinterpret_cast<const char*>(bytes + at);
        std::string name(name_start, std::find(name_start, name_start + name_bytes, '\0'));
        const std::uint32_t kind = integer_at(bytes + at + name_bytes);
        const std::size_t n_values = integer_at(bytes + at + name_bytes + 4);
        at += entry_head_bytes;
        if (kind >= kind_bytes.size()) return false;
        const std::size_t n_padded = (n_values * kind_bytes[kind] + 7) / 8 * 8;
        if (n_padded > n_bytes - at) return false;
        if (kind == 0) floats_[std::move(name)] = values_at<float>(bytes + at, n_values);
        if (kind == 1) doubles_[std::move(name)] = values_at<double>(bytes + at, n_values);
        if (kind == 2) integers_[std::move(name)] = values_at<std::uint64_t>(bytes + at, n_values);
        if (kind == 3) card_.assign(reinterpret_cast<const char*>(bytes + at), n_values);
        at += n_padded;
    }
    return at == n_bytes;
}

bool VoiceFile::is_whole() const {
    const std::size_t channels = n_channels(), harmonics = n_harmonics();
    const std::size_t n_dials = doubles("dial.mixes").size(), n_curves = doubles("dial.hz").size();
    if (channels == 0 || harmonics == 0 || harmonics > max_harmonics || n_dials < 2 || n_curves < 1) return false;
    const std::vector<double>& n_fft = doubles("loudness.n_fft");
    if (n_fft.size() != 1 || (n_fft[0] != 1024.0 && n_fft[0] != 2048.0) || !PitchSearch::is_sound(*this)) return false;
    const std::size_t n_blocks = Network::dilations(*this).size();
    if (n_blocks == 0) return false;
    const std::map<std::string, std::size_t> float_sizes = Network::sizes(channels, harmonics, n_blocks);
    const std::map<std::string, std::size_t> pitch_sizes = CausalPitch::sizes();
    const auto has_floats = [this](const auto& entry) { return floats(entry.first).size() == entry.second; };
    if (!std::all_of(float_sizes.begin(), float_sizes.end(), has_floats)) return false;
    if (!std::all_of(pitch_sizes.begin(), pitch_sizes.end(), has_floats)) return false;
    const auto has_doubles = [this](std::string_view name, std::size_t n, double lowest, double highest) {
        const std::vector<double>& values = doubles(name);
        return values.size() == n && std::all_of(values.begin(), values.end(), [&](double value) {
                   return value >= lowest && value <= highest;
               });
    };
    const bool has_tables = floats("wavering.depth_db").size() == n_ends * max_harmonics &&
                            floats("noise.rumble_root").size() == n_ends * n_bands &&
                            has_doubles("loudness.quantiles", n_ends * n_quantiles, -200.0, 200.0) &&
                            has_doubles("pitch.range_hz", n_ends * 2, 20.0, 5000.0) &&
                            has_doubles("registers.midi", n_registers, 0.0, 127.0) &&
                            has_doubles("registers.width", 1, 0.1, 100.0) &&
                            has_doubles("dial.mixes", n_dials, 0.0, 1.0) && is_rising(doubles("dial.mixes")) &&
                            has_doubles("dial.hz", n_curves, 1.0, 20000.0) && is_rising(doubles("dial.hz")) &&
                            has_doubles("dial.places", n_curves * n_dials, 0.0, 1.0) &&
                            has_doubles("room.arrivals", n_places * n_reflections, 0.0, 1.0) &&
                            has_doubles("room.signs", n_places * n_reflections, -1.0, 1.0) &&
                            integers("wavering.state").size() == 4 && integers("noise.state").size() == 4;
    if (!has_tables || !is_finite(floats_) || !is_finite(doubles_)) return false;
    const std::vector<double>& range_hz = doubles("pitch.range_hz");
    const std::vector<float>& span = floats("network.body_span");
    const std::size_t n_body = floats("network.body_db").size();
    return range_hz[0] <= range_hz[1] && range_hz[2] <= range_hz[3] && n_body >= 2 * n_ends && n_body % n_ends == 0 &&
           span[0] >= 20.0F && span[0] <= 5000.0F && span[1] >= 1.0F && span[1] <= 1200.0F;
}

const std::vector<float>& VoiceFile::floats(std::string_view name) const { return found(floats_, name); }
const std::vector<double>& VoiceFile::doubles(std::string_view name) const { return found(doubles_, name); }
const std::vector<std::uint64_t>& VoiceFile::integers(std::string_view name) const { return found(integers_, name); }

}  // namespace violute
