// A host of LV2 plug-ins for tests, by lilv, through which Ardour and Carla host them too. It offers what a plug-in
// with a state needs: options, numbers for URIs, and a worker. Its words are done one after the other:
//
//   lv2_host FOLDER-OF-BUNDLES URI WORD...
//
//   rate=HZ block=N          of an instance that is made anew
//   set=SYMBOL:VALUE ports
//   play=IN:OUT              raw stereo floats
//   save=FOLDER load=FOLDER  the state, as a session keeps it
#include <lilv/lilv.h>
#include <lv2/atom/atom.h>
#include <lv2/buf-size/buf-size.h>
#include <lv2/core/lv2.h>
#include <lv2/options/options.h>
#include <lv2/parameters/parameters.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "sounds.hpp"

namespace {

constexpr std::size_t largest_block = 8192, event_bytes = 8192;

std::vector<std::string>& uris() {
    static std::vector<std::string> known;
    return known;
}

LV2_URID number_of(LV2_URID_Map_Handle, const char* uri) {
    auto found = std::find(uris().begin(), uris().end(), uri);
    if (found == uris().end()) found = uris().insert(found, uri);
    return static_cast<LV2_URID>(found - uris().begin() + 1);
}

LV2_URID_Map map = {nullptr, number_of};
LV2_URID_Unmap unmap = {
    nullptr, [](LV2_URID_Unmap_Handle, LV2_URID number) -> const char* { return uris().at(number - 1).c_str(); }};

class Instance {
   public:
    Instance(const LilvPlugin* plugin, LilvWorld* world, double rate)
        : plugin_(plugin), world_(world), rate_(static_cast<float>(rate)) {
        const LV2_URID number = number_of(nullptr, LV2_ATOM__Int), real = number_of(nullptr, LV2_ATOM__Float);
        options_ = {
            {{LV2_OPTIONS_INSTANCE, 0, number_of(nullptr, LV2_BUF_SIZE__maxBlockLength), sizeof longest_, number,
              &longest_},
             {LV2_OPTIONS_INSTANCE, 0, number_of(nullptr, LV2_PARAMETERS__sampleRate), sizeof rate_, real, &rate_},
             {LV2_OPTIONS_INSTANCE, 0, 0, 0, 0, nullptr}}};
        schedule_ = {this, [](LV2_Worker_Schedule_Handle self, std::uint32_t n_bytes, const void* bytes) {
                         return static_cast<Instance*>(self)->work(n_bytes, bytes);
                     }};
        features_ = {{{LV2_URID__map, &map},
                      {LV2_URID__unmap, &unmap},
                      {LV2_OPTIONS__options, options_.data()},
                      {LV2_WORKER__schedule, &schedule_},
                      {LV2_BUF_SIZE__boundedBlockLength, nullptr}}};
        for (std::size_t i = 0; i < features_.size(); ++i) pointers_[i] = &features_[i];
        instance_ = lilv_plugin_instantiate(plugin, rate, pointers_.data());
        demand(instance_ != nullptr, "it cannot be made");
        connect();
        lilv_instance_activate(instance_);
    }
    ~Instance() {
        lilv_instance_deactivate(instance_);
        lilv_instance_free(instance_);
    }
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    float& port(const std::string& symbol) {
        const auto found = controls_.find(symbol);
        if (found == controls_.end()) fail(symbol + " is no port");
        return found->second;
    }
    const std::map<std::string, float>& ports() const { return controls_; }

    // Play a block, in place.
    void play(float* left, float* right, std::size_t n_samples) {
        const std::array<float*, 2> sound = {left, right};
        for (std::size_t i = 0; i < 2; ++i) {
            lilv_instance_connect_port(instance_, audio_in_[i], sound[i]);
            lilv_instance_connect_port(instance_, audio_out_[i], sound[i]);
        }
        for (const auto& [index, is_input] : events_) {
            auto* sequence = reinterpret_cast<LV2_Atom_Sequence*>(sequences_[index].data());
            sequence->atom.type = number_of(nullptr, is_input ? LV2_ATOM__Sequence : LV2_ATOM__Chunk);
            sequence->atom.size =
                is_input ? sizeof(LV2_Atom_Sequence_Body) : static_cast<std::uint32_t>(event_bytes - sizeof(LV2_Atom));
            sequence->body = {0, 0};
        }
        lilv_instance_run(instance_, static_cast<std::uint32_t>(n_samples));
    }

    void save(const std::string& folder) {
        LilvState* state = lilv_state_new_from_instance(
            plugin_, instance_, &map, nullptr, nullptr, nullptr, folder.c_str(),
            [](const char* symbol, void* self, std::uint32_t* size, std::uint32_t* type) -> const void* {
                *size = sizeof(float);
                *type = number_of(nullptr, LV2_ATOM__Float);
                return &static_cast<Instance*>(self)->port(symbol);
            },
            this, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE, pointers_.data());
        demand(state != nullptr, "its state cannot be taken");
        demand(lilv_state_save(world_, &map, &unmap, state, nullptr, folder.c_str(), "state.ttl") == 0,
               "its state cannot be saved");
        lilv_state_free(state);
    }

    void load(const std::string& folder) {
        LilvState* state = lilv_state_new_from_file(world_, &map, nullptr, (folder + "/state.ttl").c_str());
        demand(state != nullptr, "its state cannot be read");
        lilv_state_restore(
            state, instance_,
            [](const char* symbol, void* self, const void* value, std::uint32_t, std::uint32_t) {
                static_cast<Instance*>(self)->port(symbol) = *static_cast<const float*>(value);
            },
            this, 0, pointers_.data());
        lilv_state_free(state);
    }

   private:
    void connect() {
        const std::uint32_t n_ports = lilv_plugin_get_num_ports(plugin_);
        std::vector<float> usual(n_ports);
        lilv_plugin_get_port_ranges_float(plugin_, nullptr, nullptr, usual.data());
        const auto node = [&](const char* uri) {
            return std::unique_ptr<LilvNode, void (*)(LilvNode*)>(lilv_new_uri(world_, uri), lilv_node_free);
        };
        const auto audio = node(LV2_CORE__AudioPort), input = node(LV2_CORE__InputPort),
                   events = node(LV2_ATOM__AtomPort);
        for (std::uint32_t i = 0; i < n_ports; ++i) {
            const LilvPort* port = lilv_plugin_get_port_by_index(plugin_, i);
            const bool is_input = lilv_port_is_a(plugin_, port, input.get());
            if (lilv_port_is_a(plugin_, port, audio.get())) {
                (is_input ? audio_in_ : audio_out_).push_back(i);
            } else if (lilv_port_is_a(plugin_, port, events.get())) {
                events_[i] = is_input;
                sequences_[i].resize(event_bytes / sizeof(std::uint64_t));
                lilv_instance_connect_port(instance_, i, sequences_[i].data());
            } else {
                float& value = controls_[lilv_node_as_string(lilv_port_get_symbol(plugin_, port))];
                value = usual[i];
                lilv_instance_connect_port(instance_, i, &value);
            }
        }
        demand(audio_in_.size() == 2 && audio_out_.size() == 2, "it has no two channels");
    }

    LV2_Worker_Status work(std::uint32_t n_bytes, const void* bytes) {
        const auto* worker = static_cast<const LV2_Worker_Interface*>(
            lilv_instance_get_extension_data(instance_, LV2_WORKER__interface));
        return worker->work(
            lilv_instance_get_handle(instance_),
            [](LV2_Worker_Respond_Handle, std::uint32_t, const void*) { return LV2_WORKER_SUCCESS; }, this, n_bytes,
            bytes);
    }

    const LilvPlugin* plugin_;
    LilvWorld* world_;
    LilvInstance* instance_ = nullptr;
    std::int32_t longest_ = largest_block;
    float rate_;
    std::array<LV2_Options_Option, 3> options_{};
    LV2_Worker_Schedule schedule_{};
    std::array<LV2_Feature, 5> features_{};
    std::array<const LV2_Feature*, 6> pointers_{};
    std::map<std::string, float> controls_;
    std::vector<std::uint32_t> audio_in_, audio_out_;
    std::map<std::uint32_t, bool> events_;  // By port: whether they come.
    std::map<std::uint32_t, std::vector<std::uint64_t>> sequences_;
};

void play(Instance& instance, const std::string& in, const std::string& out, std::size_t block) {
    std::vector<float> sound = sound_of(in), left(block), right(block);
    for (std::size_t at = 0; at < sound.size() / 2; at += block) {
        const std::size_t n = std::min(block, sound.size() / 2 - at);
        for (std::size_t i = 0; i < n; ++i) {
            left[i] = sound[2 * (at + i)];
            right[i] = sound[2 * (at + i) + 1];
        }
        instance.play(left.data(), right.data(), n);
        for (std::size_t i = 0; i < n; ++i) {
            sound[2 * (at + i)] = left[i];
            sound[2 * (at + i) + 1] = right[i];
        }
    }
    keep_sound(out, sound);
}

}  // namespace

int main(int n, char** words) {
    demand(n > 2, "lv2_host FOLDER-OF-BUNDLES URI WORD...");
    setenv("LV2_PATH", words[1], 1);
    LilvWorld* world = lilv_world_new();
    lilv_world_load_all(world);
    LilvNode* uri = lilv_new_uri(world, words[2]);
    const LilvPlugin* plugin = lilv_plugins_get_by_uri(lilv_world_get_all_plugins(world), uri);
    demand(plugin != nullptr, "there is no such plug-in");
    auto instance = std::make_unique<Instance>(plugin, world, 44100.0);
    std::size_t block = 512;
    for (int i = 3; i < n; ++i) {
        const std::vector<std::string> word = parts_of(words[i], '=');
        const std::string& verb = word[0];
        const std::vector<std::string> values = parts_of(word.size() > 1 ? word[1] : "");
        if (verb == "rate") instance = std::make_unique<Instance>(plugin, world, std::atof(values[0].c_str()));
        else if (verb == "block") block = static_cast<std::size_t>(std::atoi(values[0].c_str()));
        else if (verb == "set") instance->port(values.at(0)) = static_cast<float>(std::atof(values.at(1).c_str()));
        else if (verb == "ports") {
            for (const auto& [symbol, value] : instance->ports())
                std::printf("%s: %g\n", symbol.c_str(), static_cast<double>(value));
        } else if (verb == "play") play(*instance, values.at(0), values.at(1), block);
        else if (verb == "save") instance->save(values.at(0));
        else if (verb == "load") instance->load(values.at(0));
        else fail(std::string(words[i]) + " is no word");
    }
    instance.reset();
    lilv_node_free(uri);
    lilv_world_free(world);
    return 0;
}
