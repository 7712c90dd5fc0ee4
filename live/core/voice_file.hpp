// The flat file of a voice, as `violute export VOICE voice.live` writes it; twin of families/ddsp/live_file.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace violute {

class VoiceFile {
   public:
    // Read a file; what is wrong with it, in one line, or nothing. A voice that was read is whole and finite.
    std::string read(const void* bytes, std::size_t n_bytes);

    const std::vector<float>& floats(std::string_view name) const;
    const std::vector<double>& doubles(std::string_view name) const;
    const std::vector<std::uint64_t>& integers(std::string_view name) const;
    const std::string& card() const { return card_; }

    std::size_t n_channels() const { return floats("network.first_bias").size(); }
    std::size_t n_harmonics() const { return floats("network.to_harmonics_bias").size(); }

   private:
    bool read_entries(const unsigned char* bytes, std::size_t n_bytes);
    bool is_whole() const;

    std::map<std::string, std::vector<float>, std::less<>> floats_;
    std::map<std::string, std::vector<double>, std::less<>> doubles_;
    std::map<std::string, std::vector<std::uint64_t>, std::less<>> integers_;
    std::string card_;
};

}  // namespace violute
