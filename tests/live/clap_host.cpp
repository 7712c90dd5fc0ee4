// A small host of CLAP plug-ins for tests. Its words are done one after the other:
//
//   clap_host PLUGIN.clap WORD...
//
//   rate=HZ block=N          of what is played from here on; the plug-in is activated anew
//   params latency values    written to the output, a line each
//   set=NAME:VALUE
//   automate=NAME:A:B        from A to B over what is played next, in a step a block
//   play=IN:OUT[:IN:OUT]     raw stereo floats; with two pairs, two instances side by side
//   stop reset save=FILE load=FILE
//   cycles=N                 N times: load the plug-in, make it, play with one in eight, let it go, unload it
//   face wait=MS drag=X:Y:DX:DY shot=FILE resize=W:H noface
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "clap/entry.h"
#include "clap/ext/gui.h"
#include "clap/ext/latency.h"
#include "clap/ext/params.h"
#include "clap/ext/state.h"
#include "clap/ext/timer-support.h"
#include "clap/plugin-factory.h"
#include "sounds.hpp"

namespace {

// What a plug-in may ask of a host.
std::map<clap_id, std::uint32_t> timers;
int n_latency_changes = 0;

const clap_host_timer_support_t host_timer = {[](const clap_host_t*, std::uint32_t period_ms, clap_id* id) {
                                                  *id = static_cast<clap_id>(timers.size() + 1);
                                                  timers[*id] = period_ms;
                                                  return true;
                                              },
                                              [](const clap_host_t*, clap_id id) { return timers.erase(id) == 1; }};
const clap_host_latency_t host_latency = {[](const clap_host_t*) { ++n_latency_changes; }};
const clap_host_params_t host_params = {[](const clap_host_t*, clap_param_rescan_flags) {},
                                        [](const clap_host_t*, clap_id, clap_param_clear_flags) {},
                                        [](const clap_host_t*) {}};
const clap_host_state_t host_state = {[](const clap_host_t*) {}};
const clap_host_gui_t host_gui = {
    [](const clap_host_t*) {}, [](const clap_host_t*, std::uint32_t, std::uint32_t) { return true; },
    [](const clap_host_t*) { return true; }, [](const clap_host_t*) { return true; }, [](const clap_host_t*, bool) {}};
const clap_host_t host = {CLAP_VERSION,
                          nullptr,
                          "clap_host",
                          "Violute",
                          "",
                          "0",
                          [](const clap_host_t*, const char* id) -> const void* {
                              if (std::strcmp(id, CLAP_EXT_TIMER_SUPPORT) == 0) return &host_timer;
                              if (std::strcmp(id, CLAP_EXT_LATENCY) == 0) return &host_latency;
                              if (std::strcmp(id, CLAP_EXT_PARAMS) == 0) return &host_params;
                              if (std::strcmp(id, CLAP_EXT_STATE) == 0) return &host_state;
                              if (std::strcmp(id, CLAP_EXT_GUI) == 0) return &host_gui;
                              return nullptr;
                          },
                          [](const clap_host_t*) {},
                          [](const clap_host_t*) {},
                          [](const clap_host_t*) {}};

using Events = std::vector<clap_event_param_value_t>;

clap_input_events_t input_of(Events& events) {
    return {&events,
            [](const clap_input_events_t* list) {
                return static_cast<std::uint32_t>(static_cast<const Events*>(list->ctx)->size());
            },
            [](const clap_input_events_t* list, std::uint32_t at) -> const clap_event_header_t* {
                return &(*static_cast<const Events*>(list->ctx))[at].header;
            }};
}

struct Library {
    explicit Library(const std::string& path) : handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
        if (handle == nullptr) fail(dlerror());
        entry = static_cast<const clap_plugin_entry_t*>(dlsym(handle, "clap_entry"));
        demand(entry != nullptr && entry->init(path.c_str()), "it has no entry");
    }
    ~Library() {
        entry->deinit();
        dlclose(handle);
    }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    void* handle;
    const clap_plugin_entry_t* entry = nullptr;
};

class Instance {
   public:
    explicit Instance(const Library& library) {
        const auto* factory =
            static_cast<const clap_plugin_factory_t*>(library.entry->get_factory(CLAP_PLUGIN_FACTORY_ID));
        demand(factory != nullptr && factory->get_plugin_count(factory) == 1, "it makes no plug-in");
        const clap_plugin_descriptor_t* descriptor = factory->get_plugin_descriptor(factory, 0);
        plugin_ = factory->create_plugin(factory, &host, descriptor->id);
        demand(plugin_ != nullptr && plugin_->init(plugin_), "it cannot be made");
        params_ = extension<clap_plugin_params_t>(CLAP_EXT_PARAMS);
        state_ = extension<clap_plugin_state_t>(CLAP_EXT_STATE);
        latency_ = extension<clap_plugin_latency_t>(CLAP_EXT_LATENCY);
        gui_ = extension<clap_plugin_gui_t>(CLAP_EXT_GUI);
    }
    ~Instance() {
        close_face();
        stop();
        plugin_->destroy(plugin_);
    }
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    void start(double rate) {
        if (rate == rate_) return;
        stop();
        demand(plugin_->activate(plugin_, rate, 1, 8192), "it cannot be activated");
        demand(plugin_->start_processing(plugin_), "it cannot begin");
        rate_ = rate;
    }

    void stop() {
        if (rate_ <= 0.0) return;
        plugin_->stop_processing(plugin_);
        plugin_->deactivate(plugin_);
        rate_ = 0.0;
    }

    void reset() { plugin_->reset(plugin_); }
    unsigned latency() const { return latency_->get(plugin_); }

    void print_parameters(bool with_ranges) const {
        for (std::uint32_t i = 0; i < params_->count(plugin_); ++i) {
            clap_param_info_t info{};
            demand(params_->get_info(plugin_, i, &info), "a parameter has no information");
            double value = NAN;
            demand(params_->get_value(plugin_, info.id, &value), "a parameter has no value");
            std::printf("%s: %g", info.name, value);
            if (with_ranges) {
                std::printf(" from %g to %g, first %g%s%s", info.min_value, info.max_value, info.default_value,
                            (info.flags & CLAP_PARAM_IS_AUTOMATABLE) != 0 ? ", automatable" : "",
                            (info.flags & CLAP_PARAM_IS_BYPASS) != 0 ? ", bypass" : "");
            }
            std::printf("\n");
        }
    }

    void set(const std::string& name, double value) { coming_.push_back(event(name, value)); }

    void flush() {
        const clap_input_events_t in = input_of(coming_);
        const clap_output_events_t out = {nullptr,
                                          [](const clap_output_events_t*, const clap_event_header_t*) { return true; }};
        params_->flush(plugin_, &in, &out);
        coming_.clear();
    }

    void automate(const std::string& name, double from, double to) { courses_.push_back({name, from, to}); }

    // Play a block, in place, at this share of the whole.
    void play(float* left, float* right, int n_samples, double share) {
        for (const Course& course : courses_) set(course.name, course.from + share * (course.to - course.from));
        std::array<float*, 2> channels = {left, right};
        clap_audio_buffer_t buffer{};
        buffer.data32 = channels.data();
        buffer.channel_count = 2;
        const clap_input_events_t in = input_of(coming_);
        const clap_output_events_t out = {nullptr,
                                          [](const clap_output_events_t*, const clap_event_header_t*) { return true; }};
        clap_process_t process{};
        process.frames_count = static_cast<std::uint32_t>(n_samples);
        process.audio_inputs = process.audio_outputs = &buffer;
        process.audio_inputs_count = process.audio_outputs_count = 1;
        process.in_events = &in;
        process.out_events = &out;
        demand(plugin_->process(plugin_, &process) != CLAP_PROCESS_ERROR, "it does not play");
        coming_.clear();
    }
    void end_courses() { courses_.clear(); }

    std::string state() const {
        std::string kept;
        const clap_ostream_t stream = {&kept, [](const clap_ostream_t* to, const void* bytes, std::uint64_t n) {
                                           static_cast<std::string*>(to->ctx)->append(static_cast<const char*>(bytes),
                                                                                      n);
                                           return static_cast<std::int64_t>(n);
                                       }};
        demand(state_->save(plugin_, &stream), "its state cannot be saved");
        return kept;
    }

    void load(const std::string& kept) {
        struct Source {
            const std::string& kept;
            std::size_t at;
        } source{kept, 0};
        const clap_istream_t stream = {&source, [](const clap_istream_t* from, void* bytes, std::uint64_t n) {
                                           auto* rest = static_cast<Source*>(from->ctx);
                                           const std::size_t n_read =
                                               std::min<std::size_t>(n, rest->kept.size() - rest->at);
                                           std::memcpy(bytes, rest->kept.data() + rest->at, n_read);
                                           rest->at += n_read;
                                           return static_cast<std::int64_t>(n_read);
                                       }};
        demand(state_->load(plugin_, &stream), "its state cannot be loaded");
    }

    void open_face() {
        display_ = XOpenDisplay(nullptr);
        demand(display_ != nullptr, "there is no display");
        demand(gui_->is_api_supported(plugin_, CLAP_WINDOW_API_X11, false), "its face is none of X11");
        demand(gui_->create(plugin_, CLAP_WINDOW_API_X11, false), "its face cannot be made");
        demand(gui_->get_size(plugin_, &width_, &height_), "its face has no size");
        window_ = XCreateSimpleWindow(display_, DefaultRootWindow(display_), 0, 0, width_, height_, 0, 0, 0);
        XMapWindow(display_, window_);
        XSync(display_, False);
        clap_window_t parent{};
        parent.api = CLAP_WINDOW_API_X11;
        parent.x11 = window_;
        demand(gui_->set_parent(plugin_, &parent) && gui_->show(plugin_), "its face cannot be shown");
    }

    void close_face() {
        if (display_ == nullptr) return;
        gui_->hide(plugin_);
        gui_->destroy(plugin_);
        XDestroyWindow(display_, window_);
        XCloseDisplay(display_);
        display_ = nullptr;
    }

    void resize_face(unsigned width, unsigned height) {
        demand(gui_->can_resize(plugin_) && gui_->adjust_size(plugin_, &width, &height), "its face has one size");
        XResizeWindow(display_, window_, width, height);
        XSync(display_, False);
        demand(gui_->set_size(plugin_, width, height), "its face cannot be resized");
        width_ = width;
        height_ = height;
    }

    // Give the face its time, as the loop of a host does.
    void wait(int ms) {
        const auto* timer = extension<clap_plugin_timer_support_t>(CLAP_EXT_TIMER_SUPPORT);
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
        while (std::chrono::steady_clock::now() < end) {
            const std::map<clap_id, std::uint32_t> now = timers;
            for (const auto& [id, period_ms] : now) timer->on_timer(plugin_, id);
            flush();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }

    void drag(int x, int y, int dx, int dy) {
        Window root = 0, parent = 0, *children = nullptr;
        unsigned n_children = 0;
        XQueryTree(display_, window_, &root, &parent, &children, &n_children);
        demand(n_children > 0, "its face has no window");
        const Window face = children[0];
        XFree(children);
        const auto send = [&](int type, int at_x, int at_y, unsigned state) {
            XEvent event{};
            event.xbutton.type = type;
            event.xbutton.display = display_;
            event.xbutton.window = face;
            event.xbutton.root = root;
            event.xbutton.time = ++time_ms_;
            event.xbutton.x = at_x;
            event.xbutton.y = at_y;
            event.xbutton.state = state;
            event.xbutton.button = type == MotionNotify ? 0 : 1;
            event.xbutton.same_screen = True;
            XSendEvent(display_, face, True, NoEventMask, &event);
            XSync(display_, False);
            wait(60);
        };
        time_ms_ += 1000;
        send(ButtonPress, x, y, 0);
        if (dx != 0 || dy != 0) send(MotionNotify, x + dx, y + dy, Button1Mask);
        send(ButtonRelease, x + dx, y + dy, Button1Mask);
    }

    // Rows of red, green and blue, after a line with width and height.
    void shoot(const std::string& path) {
        XSync(display_, False);
        XImage* image = XGetImage(display_, window_, 0, 0, width_, height_, AllPlanes, ZPixmap);
        demand(image != nullptr, "its face cannot be seen");
        std::ofstream file(path, std::ios::binary);
        file << width_ << " " << height_ << "\n";
        for (int y = 0; y < static_cast<int>(height_); ++y) {
            for (int x = 0; x < static_cast<int>(width_); ++x) {
                const unsigned long pixel = XGetPixel(image, x, y);
                for (const int shift : {16, 8, 0}) file.put(static_cast<char>(pixel >> shift));
            }
        }
        XDestroyImage(image);
    }

   private:
    struct Course {
        std::string name;
        double from, to;
    };

    template <class Extension>
    const Extension* extension(const char* id) const {
        const auto* found = static_cast<const Extension*>(plugin_->get_extension(plugin_, id));
        demand(found != nullptr, id);
        return found;
    }

    clap_event_param_value_t event(const std::string& name, double value) const {
        for (std::uint32_t i = 0; i < params_->count(plugin_); ++i) {
            clap_param_info_t info{};
            params_->get_info(plugin_, i, &info);
            if (name != info.name) continue;
            clap_event_param_value_t made{};
            made.header = {sizeof made, 0, CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_PARAM_VALUE, 0};
            made.param_id = info.id;
            made.cookie = info.cookie;
            made.note_id = made.port_index = made.channel = made.key = -1;
            made.value = value;
            return made;
        }
        fail(name + " is no parameter");
    }

    const clap_plugin_t* plugin_ = nullptr;
    const clap_plugin_params_t* params_ = nullptr;
    const clap_plugin_state_t* state_ = nullptr;
    const clap_plugin_latency_t* latency_ = nullptr;
    const clap_plugin_gui_t* gui_ = nullptr;
    double rate_ = 0.0;
    Events coming_;
    std::vector<Course> courses_;

    Display* display_ = nullptr;
    Window window_ = 0;
    std::uint32_t width_ = 0, height_ = 0;
    Time time_ms_ = 0;
};

// Play pairs of files, each by its own instance, block by block side by side.
void play(std::vector<std::unique_ptr<Instance>>& instances, const std::vector<std::string>& paths, std::size_t block) {
    std::vector<std::vector<float>> sounds;
    for (std::size_t i = 0; i < paths.size(); i += 2) sounds.push_back(sound_of(paths[i]));
    std::vector<float> left(block), right(block);
    const std::size_t n_samples = sounds[0].size() / 2;
    for (std::size_t at = 0; at < n_samples; at += block) {
        const std::size_t n = std::min(block, n_samples - at);
        for (std::size_t which = 0; which < sounds.size(); ++which) {
            float* sound = sounds[which].data() + 2 * at;
            for (std::size_t i = 0; i < n; ++i) {
                left[i] = sound[2 * i];
                right[i] = sound[2 * i + 1];
            }
            instances[which]->play(left.data(), right.data(), static_cast<int>(n),
                                   static_cast<double>(at) / static_cast<double>(n_samples));
            for (std::size_t i = 0; i < n; ++i) {
                sound[2 * i] = left[i];
                sound[2 * i + 1] = right[i];
            }
        }
    }
    for (std::size_t which = 0; which < sounds.size(); ++which) {
        instances[which]->end_courses();
        keep_sound(paths[2 * which + 1], sounds[which]);
    }
}

void cycle(const std::string& path, int n_cycles) {
    std::vector<float> left(512), right(512);
    for (int i = 0; i < n_cycles; ++i) {
        const Library library(path);
        Instance instance(library);
        if (i % 3 == 0) instance.load(instance.state());
        if (i % 8 != 0) continue;
        instance.start(i % 16 == 0 ? 44100.0 : 48000.0);
        instance.play(left.data(), right.data(), 512, 0.0);
        if (i % 24 == 0) instance.stop();
    }
}

}  // namespace

int main(int n, char** words) {
    demand(n > 1, "clap_host PLUGIN.clap WORD...");
    const std::string path = words[1];
    auto library = std::make_unique<Library>(path);
    std::vector<std::unique_ptr<Instance>> instances;
    instances.push_back(std::make_unique<Instance>(*library));
    double rate = 44100.0;
    std::size_t block = 512;
    for (int i = 2; i < n; ++i) {
        const std::vector<std::string> word = parts_of(words[i], '=');
        const std::string& verb = word[0];
        const std::vector<std::string> values = parts_of(word.size() > 1 ? word[1] : "");
        const auto number = [&](std::size_t at) { return std::atoi(values.at(at).c_str()); };
        Instance& first = *instances[0];
        if (verb == "rate") rate = number(0);
        else if (verb == "block") block = static_cast<std::size_t>(number(0));
        else if (verb == "params" || verb == "values") first.print_parameters(verb == "params");
        else if (verb == "latency") {
            first.start(rate);
            std::printf("latency: %u\n", first.latency());
        } else if (verb == "set") {
            first.set(values.at(0), std::atof(values.at(1).c_str()));
            first.flush();
        } else if (verb == "automate")
            first.automate(values.at(0), std::atof(values.at(1).c_str()), std::atof(values.at(2).c_str()));
        else if (verb == "play") {
            while (instances.size() < values.size() / 2) instances.push_back(std::make_unique<Instance>(*library));
            for (const auto& instance : instances) instance->start(rate);
            play(instances, values, block);
        } else if (verb == "stop") first.stop();
        else if (verb == "reset") first.reset();
        else if (verb == "save") std::ofstream(values.at(0), std::ios::binary) << first.state();
        else if (verb == "load") {
            std::ifstream file(values.at(0), std::ios::binary);
            first.load({std::istreambuf_iterator<char>(file), {}});
        } else if (verb == "cycles") cycle(path, number(0));
        else if (verb == "face") first.open_face();
        else if (verb == "noface") first.close_face();
        else if (verb == "wait") first.wait(number(0));
        else if (verb == "drag") first.drag(number(0), number(1), number(2), number(3));
        else if (verb == "resize")
            first.resize_face(static_cast<unsigned>(number(0)), static_cast<unsigned>(number(1)));
        else if (verb == "shot") first.shoot(values.at(0));
        else fail(std::string(words[i]) + " is no word");
        std::fflush(stdout);
    }
    instances.clear();
    library.reset();
    return 0;
}
