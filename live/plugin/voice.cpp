#include "voice.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "voice_file.hpp"

extern "C" {
extern const char violute_builtin_voice[], violute_builtin_voice_end[];
}

namespace violute {

namespace {

constexpr std::uintmax_t largest_bytes = 64U << 20U;  // Of a voice file; the budget of a voice is 10 MB.

std::span<const char> builtin() {
    return {violute_builtin_voice, static_cast<std::size_t>(violute_builtin_voice_end - violute_builtin_voice)};
}

std::string file_name(const std::string& path) { return path.substr(path.find_last_of("/\\") + 1); }

std::string utf8(unsigned code) {
    std::string text;
    if (code < 0x80) {
        text += static_cast<char>(code);
    } else if (code < 0x800) {
        text += static_cast<char>(0xC0U | code >> 6U);
        text += static_cast<char>(0x80U | (code & 0x3FU));
    } else {
        text += static_cast<char>(0xE0U | code >> 12U);
        text += static_cast<char>(0x80U | (code >> 6U & 0x3FU));
        text += static_cast<char>(0x80U | (code & 0x3FU));
    }
    return text;
}

// Reads JSON that a program wrote, no further than texts at the outermost level.
class Reader {
   public:
    explicit Reader(std::string_view json) : json_(json) {}

    bool is_done() const { return at_ >= json_.size(); }
    char next() { return is_done() ? '\0' : json_[at_++]; }

    // The rest of a text whose quotation mark was read.
    std::string text() {
        std::string made;
        while (!is_done()) {
            const char letter = next();
            if (letter == '"') break;
            made += letter == '\\' ? escaped() : std::string(1, letter);
        }
        return made;
    }

   private:
    std::string escaped() {
        const char letter = next();
        if (letter == 'n' || letter == 't' || letter == 'r' || letter == 'b' || letter == 'f') return " ";
        if (letter != 'u') return std::string(1, letter);
        unsigned code = 0;
        for (int i = 0; i < 4; ++i) {
            const char digit = next();
            const char base = digit >= 'a' ? 'a' - 10 : digit >= 'A' ? 'A' - 10 : '0';
            code = code * 16 + static_cast<unsigned>(digit - base) % 16;
        }
        return code >= 0xD800 && code < 0xE000 ? "?" : utf8(code);  // No instrument's name needs more.
    }

    std::string_view json_;
    std::size_t at_ = 0;
};

}  // namespace

std::array<std::string, 2> texts_of(std::string_view json, std::string_view entry) {
    std::array<std::string, 2> found;
    std::size_t n_found = 0;
    Reader reader(json);
    std::string last;
    bool is_key = true, is_ours = false;
    for (int depth = 0; !reader.is_done();) {
        const char letter = reader.next();
        if (letter == '{' || letter == '[') ++depth;
        if (letter == '}' || letter == ']') --depth;
        if (depth == 1 && letter == ',') is_key = true;
        if (depth == 1 && letter == ':') {
            is_ours = last == entry;
            is_key = false;
        }
        if (letter != '"') continue;
        const std::string text = reader.text();
        if (is_key && depth == 1) last = text;
        else if (is_ours && depth <= 2 && n_found < found.size()) found[n_found++] = text;
    }
    return found;
}

std::span<const char> Voice::bytes() const { return path.empty() ? builtin() : std::span<const char>(file); }

Voice read_voice(const std::string& path) {
    Voice voice;
    const std::filesystem::path place(std::u8string(path.begin(), path.end()));
    std::error_code trouble;
    // Hosts of LV2 take no path for that of the session's folder.
    if (!std::filesystem::is_directory(place, trouble)) voice.path = path;
    if (!voice.path.empty()) {
        const std::string name = file_name(path);
        if (!std::filesystem::is_regular_file(place, trouble)) {
            voice.problem = name + " is not on this machine: choose the voice again";
            return voice;
        }
        if (const std::uintmax_t n_bytes = std::filesystem::file_size(place, trouble);
            trouble || n_bytes > largest_bytes) {
            voice.problem = name + " is no voice file";
            return voice;
        }
        std::ifstream file(place, std::ios::binary);
        voice.file.assign(std::istreambuf_iterator<char>(file), {});
        if (!file) {
            voice.problem = name + " cannot be read";
            return voice;
        }
    }
    VoiceFile read;
    const std::span<const char> bytes = voice.bytes();
    if (const std::string problem = read.read(bytes.data(), bytes.size()); !problem.empty()) {
        voice.problem = file_name(path) + ": " + problem;
        return voice;
    }
    voice.name = texts_of(read.card(), "name")[0];
    voice.ends = texts_of(read.card(), "ends");
    return voice;
}

}  // namespace violute
