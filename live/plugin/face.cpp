// The face of the plug-in: a large dial between the instruments, small ones for the rest, a meter, and the voice.
//
// It asks the part that plays for nothing: of a voice it reads the card itself, so that the two may live in two
// processes, and neither waits for the other.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numbers>
#include <optional>
#include <string>

#include "DistrhoUI.hpp"
#include "parameters.hpp"
#include "violute_live.h"
#include "voice.hpp"

START_NAMESPACE_DISTRHO

namespace {

using violute::Parameter;

constexpr float width = DISTRHO_UI_DEFAULT_WIDTH, height = DISTRHO_UI_DEFAULT_HEIGHT;
constexpr float pi = std::numbers::pi_v<float>;
constexpr float first_angle = 0.75F * pi, all_angles = 1.5F * pi;  // A dial begins below on the left.
constexpr float drag_length = 180.0F;                              // From one end of a dial to the other.
constexpr double smallest = 0.75;                                  // Share of its usual size that it can be made.
constexpr float fine = 0.1F, wheel_step = 0.02F;
constexpr uint double_click_ms = 350;

// The dark half of src/violute/studio/page/colours.css.
const Color paper(18, 18, 21), card(26, 26, 31), well(13, 13, 16), ink(241, 237, 231), soft(166, 159, 150),
    line(47, 46, 53);
const Color flute(88, 193, 211), violin(240, 149, 92), between(199, 143, 219), bad(255, 143, 134);

struct Knob {
    Parameter parameter;
    const char* label;
    float x, y, radius;
};

constexpr std::array<Knob, 7> knobs = {{
    {Parameter::mix, "", 170.0F, 202.0F, 100.0F},
    {Parameter::tone, "tone", 388.0F, 136.0F, 29.0F},
    {Parameter::noise, "noise", 468.0F, 136.0F, 29.0F},
    {Parameter::attack, "attack", 548.0F, 136.0F, 29.0F},
    {Parameter::room, "room", 388.0F, 262.0F, 29.0F},
    {Parameter::wet, "dry/wet", 468.0F, 262.0F, 29.0F},
    {Parameter::level, "level", 548.0F, 262.0F, 29.0F},
}};

struct Button {
    const char* label;
    float x, y, width;

    bool holds(float px, float py) const { return px >= x && px < x + width && py >= y && py < y + 28.0F; }
};

constexpr Button choose{"choose a voice", 20.0F, 352.0F, 128.0F}, builtin{"built-in", 156.0F, 352.0F, 80.0F};
constexpr Button bypass{"bypass", 550.0F, 16.0F, 78.0F};

// From 0 to 1.
float place_of(Parameter parameter, float value) {
    const violute::Range& range = violute::range_of(parameter);
    return std::clamp((value - range.lowest) / (range.highest - range.lowest), 0.0F, 1.0F);
}

float value_at(Parameter parameter, float place) {
    const violute::Range& range = violute::range_of(parameter);
    return range.lowest + std::clamp(place, 0.0F, 1.0F) * (range.highest - range.lowest);
}

// The colour of a place between the ends.
Color colour_at(float place) {
    return place < 0.5F ? Color(flute, between, 2.0F * place) : Color(between, violin, 2.0F * place - 1.0F);
}

std::string text_of(Parameter parameter, float value) {
    char text[32];
    const bool is_beside = violute::range_of(parameter).lowest == -1.0F;
    if (parameter == Parameter::level) std::snprintf(text, sizeof text, "%+.1f dB", static_cast<double>(value));
    else if (is_beside) std::snprintf(text, sizeof text, "%+.2f", static_cast<double>(value));
    else std::snprintf(text, sizeof text, "%.2f", static_cast<double>(value));
    return text;
}

class VioluteFace : public UI {
   public:
    VioluteFace() : UI(DISTRHO_UI_DEFAULT_WIDTH, DISTRHO_UI_DEFAULT_HEIGHT), voice_(violute::read_voice({})) {
        loadSharedResources();
        const double scaled = getScaleFactor();
        setGeometryConstraints(static_cast<uint>(smallest * width * scaled),
                               static_cast<uint>(smallest * height * scaled), true);
        if (scaled != 1.0) setSize(static_cast<uint>(width * scaled), static_cast<uint>(height * scaled));
        for (std::size_t i = 0; i < violute::n_parameters; ++i) values_[i] = violute::ranges[i].usual;
    }

   protected:
    void parameterChanged(uint32_t index, float value) override {
        if (index >= violute::n_parameters) return;
        values_[index] = value;
        repaint();
    }

    void stateChanged(const char* key, const char* value) override {
        if (std::strcmp(key, violute::voice_key) != 0) return;
        violute::Voice voice = violute::read_voice(value);
        problem_ = voice.problem;
        voice.file.clear();
        if (problem_.empty()) voice_ = std::move(voice);
        repaint();
    }

    void sampleRateChanged(double) override { repaint(); }

    bool onMouse(const MouseEvent& event) override {
        if (event.button != 1) return false;
        const float x = x_of(event.pos), y = y_of(event.pos);
        if (!event.press) {
            if (!turned_) return false;
            editParameter(violute::index_of(turned_->parameter), false);
            turned_.reset();
            return true;
        }
        if (choose.holds(x, y)) {
            requestStateFile(violute::voice_key);
        } else if (builtin.holds(x, y)) {
            setState(violute::voice_key, "");
            stateChanged(violute::voice_key, "");
        } else if (bypass.holds(x, y)) {
            editParameter(violute::index_of(Parameter::bypass), true);
            turn(Parameter::bypass, value(Parameter::bypass) > 0.5F ? 0.0F : 1.0F);
            editParameter(violute::index_of(Parameter::bypass), false);
        } else if (const Knob* knob = knob_at(x, y)) {
            press(*knob, event);
        } else {
            return false;
        }
        return true;
    }

    bool onMotion(const MotionEvent& event) override {
        if (!turned_) return false;
        const float x = x_of(event.pos), y = y_of(event.pos);
        const float step =
            ((x - last_x_) - (y - last_y_)) / drag_length * ((event.mod & kModifierShift) != 0 ? fine : 1.0F);
        last_x_ = x;
        last_y_ = y;
        place_ = std::clamp(place_ + step, 0.0F, 1.0F);
        turn(turned_->parameter, value_at(turned_->parameter, place_));
        return true;
    }

    bool onScroll(const ScrollEvent& event) override {
        const Knob* knob = knob_at(x_of(event.pos), y_of(event.pos));
        if (knob == nullptr) return false;
        const Parameter parameter = knob->parameter;
        const float step = wheel_step * static_cast<float>(event.delta.getY());
        editParameter(violute::index_of(parameter), true);
        turn(parameter, value_at(parameter, place_of(parameter, value(parameter)) + step));
        editParameter(violute::index_of(parameter), false);
        return true;
    }

    void onNanoDisplay() override {
        const float scaled = scale_now();
        scale(scaled, scaled);
        fontFace(NANOVG_DEJAVU_SANS_TTF);
        box(0.0F, 0.0F, width, height, 0.0F, paper);
        box(12.0F, 56.0F, 316.0F, 284.0F, 14.0F, card);
        box(338.0F, 56.0F, 290.0F, 284.0F, 14.0F, card);
        write("Violute", 20.0F, 33.0F, 22.0F, ink, ALIGN_LEFT | ALIGN_MIDDLE);
        write(voice_.path.empty() ? "built-in voice" : voice_.name.c_str(), 108.0F, 35.5F, 13.0F, soft,
              ALIGN_LEFT | ALIGN_MIDDLE);
        draw_mix(knobs[0]);
        write("beside the mix", knobs[2].x, 84.0F, 12.0F, soft, ALIGN_CENTER | ALIGN_MIDDLE);
        for (std::size_t i = 1; i < knobs.size(); ++i) draw_knob(knobs[i]);
        draw_meter();
        draw_button(choose, false);
        draw_button(builtin, false);
        draw_button(bypass, value(Parameter::bypass) > 0.5F);
        draw_notice();
    }

   private:
    float scale_now() const {
        return std::min(static_cast<float>(getWidth()) / width, static_cast<float>(getHeight()) / height);
    }
    float x_of(const Point<double>& at) const { return static_cast<float>(at.getX()) / scale_now(); }
    float y_of(const Point<double>& at) const { return static_cast<float>(at.getY()) / scale_now(); }
    float value(Parameter parameter) const { return values_[violute::index_of(parameter)]; }

    static const Knob* knob_at(float x, float y) {
        const auto found = std::find_if(knobs.begin(), knobs.end(), [&](const Knob& knob) {
            return std::hypot(x - knob.x, y - knob.y) < knob.radius + 10.0F;
        });
        return found == knobs.end() ? nullptr : &*found;
    }

    void press(const Knob& knob, const MouseEvent& event) {
        const bool is_double = pressed_ == &knob && event.time - pressed_ms_ < double_click_ms;
        pressed_ = &knob;
        pressed_ms_ = event.time;
        turned_ = knob;
        last_x_ = x_of(event.pos);
        last_y_ = y_of(event.pos);
        editParameter(violute::index_of(knob.parameter), true);
        if (is_double) turn(knob.parameter, violute::range_of(knob.parameter).usual);
        place_ = place_of(knob.parameter, value(knob.parameter));
    }

    void turn(Parameter parameter, float value) {
        values_[violute::index_of(parameter)] = value;
        setParameterValue(violute::index_of(parameter), value);
        repaint();
    }

    void box(float x, float y, float w, float h, float radius, const Color& colour) {
        beginPath();
        roundedRect(x, y, w, h, radius);
        fillColor(colour);
        fill();
    }

    void write(const char* words, float x, float y, float size, const Color& colour, int align) {
        fontSize(size);
        textAlign(align);
        fillColor(colour);
        text(x, y, words, nullptr);
    }

    void ring(float x, float y, float radius, float from, float to, float thick, const Color& colour,
              LineCap cap = ROUND) {
        beginPath();
        arc(x, y, radius, first_angle + all_angles * std::min(from, to), first_angle + all_angles * std::max(from, to),
            CW);
        strokeColor(colour);
        strokeWidth(thick);
        lineCap(cap);
        stroke();
    }

    void draw_mix(const Knob& knob) {
        constexpr int n_parts = 90;
        const float place = value(knob.parameter);
        ring(knob.x, knob.y, knob.radius, 0.0F, 0.001F, 12.0F, colour_at(0.0F));
        ring(knob.x, knob.y, knob.radius, 0.999F, 1.0F, 12.0F,
             Color(card, colour_at(1.0F), place < 1.0F ? 0.3F : 1.0F));
        for (int i = 0; i < n_parts; ++i) {
            const float from = static_cast<float>(i) / n_parts, to = static_cast<float>(i + 1) / n_parts;
            const Color colour(card, colour_at(0.5F * (from + to)), from <= place ? 1.0F : 0.3F);
            ring(knob.x, knob.y, knob.radius, from, to + 0.002F, 12.0F, colour, BUTT);
        }
        const float angle = first_angle + all_angles * place;
        beginPath();
        circle(knob.x + knob.radius * std::cos(angle), knob.y + knob.radius * std::sin(angle), 11.0F);
        fillColor(ink);
        fill();
        strokeColor(colour_at(place));
        strokeWidth(4.0F);
        stroke();
        char percent[16];
        std::snprintf(percent, sizeof percent, "%.0f %%", 100.0 * static_cast<double>(place));
        write(percent, knob.x, knob.y - 4.0F, 34.0F, ink, ALIGN_CENTER | ALIGN_MIDDLE);
        write(voice_.ends[1].c_str(), knob.x, knob.y + 26.0F, 13.0F, soft, ALIGN_CENTER | ALIGN_MIDDLE);
        write(voice_.ends[0].c_str(), knob.x - 78.0F, knob.y + 108.0F, 15.0F, flute, ALIGN_CENTER | ALIGN_MIDDLE);
        write(voice_.ends[1].c_str(), knob.x + 78.0F, knob.y + 108.0F, 15.0F, violin, ALIGN_CENTER | ALIGN_MIDDLE);
    }

    void draw_knob(const Knob& knob) {
        const bool is_beside = violute::range_of(knob.parameter).lowest < 0.0F;
        const float place = place_of(knob.parameter, value(knob.parameter)), origin = is_beside ? 0.5F : 0.0F;
        ring(knob.x, knob.y, knob.radius, 0.0F, 1.0F, 5.0F, line);
        const bool is_tinted = violute::range_of(knob.parameter).lowest == -1.0F;
        const Color colour =
            is_tinted ? colour_at(std::clamp(value(Parameter::mix) + value(knob.parameter), 0.0F, 1.0F)) : soft;
        if (place != origin) ring(knob.x, knob.y, knob.radius, origin, place, 5.0F, colour);
        const float angle = first_angle + all_angles * place;
        beginPath();
        circle(knob.x + knob.radius * std::cos(angle), knob.y + knob.radius * std::sin(angle), 5.5F);
        fillColor(ink);
        fill();
        write(text_of(knob.parameter, value(knob.parameter)).c_str(), knob.x, knob.y, 12.0F, ink,
              ALIGN_CENTER | ALIGN_MIDDLE);
        write(knob.label, knob.x, knob.y + knob.radius + 14.0F, 13.0F, soft, ALIGN_CENTER | ALIGN_MIDDLE);
    }

    void draw_meter() {
        constexpr float x = 606.0F, y = 76.0F, w = 8.0F, h = 244.0F;
        const float place = place_of(Parameter::peak, value(Parameter::peak)), full = place_of(Parameter::peak, 0.0F);
        box(x, y, w, h, 4.0F, well);
        if (place > 0.0F)
            box(x, y + h * (1.0F - place), w, h * place, std::min(4.0F, 0.5F * h * place),
                place > full ? bad : colour_at(value(Parameter::mix)));
        box(x - 3.0F, y + h * (1.0F - full), w + 6.0F, 1.0F, 0.0F, soft);  // Full scale.
    }

    void draw_button(const Button& button, bool is_on) {
        box(button.x, button.y, button.width, 28.0F, 8.0F, is_on ? violin : line);
        write(button.label, button.x + 0.5F * button.width, button.y + 14.5F, 13.0F, is_on ? paper : ink,
              ALIGN_CENTER | ALIGN_MIDDLE);
    }

    // What is wrong, or how the dials are turned.
    void draw_notice() {
        std::string notice = problem_;
        const double rate = getSampleRate();
        if (rate < VIOLUTE_LOWEST_RATE || rate > VIOLUTE_HIGHEST_RATE)
            notice = "no voice plays at " + std::to_string(std::lround(rate)) + " Hz: choose " VIOLUTE_RATES;
        const bool is_wrong = !notice.empty();
        if (!is_wrong) notice = "shift: fine, double click: as it was";
        fontSize(12.0F);
        textAlign(ALIGN_LEFT | ALIGN_MIDDLE);
        fillColor(is_wrong ? bad : soft);
        save();
        scissor(250.0F, 348.0F, 378.0F, 40.0F);
        textBox(250.0F, notice.size() > 58 ? 360.0F : 367.0F, 378.0F, notice.c_str());
        restore();
    }

    std::array<float, violute::n_parameters> values_{};
    violute::Voice voice_;  // The one that plays, as far as its card goes.
    std::string problem_;   // Of the one that was chosen last.
    std::optional<Knob> turned_;
    const Knob* pressed_ = nullptr;
    uint pressed_ms_ = 0;
    float last_x_ = 0.0F, last_y_ = 0.0F, place_ = 0.0F;
};

}  // namespace

UI* createUI() { return new VioluteFace(); }

END_NAMESPACE_DISTRHO
