// The plug-in as a host sees it, in all formats, by DPF.
#include <memory>

#include "DistrhoPlugin.hpp"
#include "parameters.hpp"
#include "player.hpp"

START_NAMESPACE_DISTRHO

namespace {

using violute::Parameter;

class ViolutePlugin : public Plugin {
   public:
    ViolutePlugin() : Plugin(violute::n_parameters, 0, 1) { sampleRateChanged(getSampleRate()); }

   protected:
    const char* getLabel() const override { return "Violute"; }
    const char* getDescription() const override { return "Plays what you play in a voice between two instruments."; }
    const char* getMaker() const override { return "The Violute authors"; }
    const char* getLicense() const override { return "MIT"; }
    uint32_t getVersion() const override { return d_version(0, 1, 0); }
    int64_t getUniqueId() const override { return d_cconst('V', 'l', 'u', 't'); }

    void initAudioPort(bool is_input, uint32_t index, AudioPort& port) override {
        port.groupId = kPortGroupStereo;
        Plugin::initAudioPort(is_input, index, port);
    }

    void initParameter(uint32_t index, DISTRHO_NAMESPACE::Parameter& parameter) override {
        const violute::Range& range = violute::ranges[index];
        if (index == violute::index_of(Parameter::bypass)) {
            parameter.initDesignation(kParameterDesignationBypass);
            return;
        }
        parameter.hints = index == violute::index_of(Parameter::peak) ? kParameterIsOutput : kParameterIsAutomatable;
        parameter.name = range.name;
        parameter.symbol = range.symbol;
        parameter.unit = range.unit;
        parameter.ranges.min = range.lowest;
        parameter.ranges.max = range.highest;
        parameter.ranges.def = range.usual;
    }

    void initState(uint32_t, State& state) override {
        state.key = violute::voice_key;
        state.label = "Voice";
        state.description = "A file that `violute export VOICE voice.live` wrote; nothing for the built-in voice.";
        state.hints = kStateIsFilenamePath;
    }

    float getParameterValue(uint32_t index) const override { return player_.get(static_cast<Parameter>(index)); }
    void setParameterValue(uint32_t index, float value) override { player_.set(static_cast<Parameter>(index), value); }

    String getState(const char*) const override { return String(player_.chosen().c_str()); }
    void setState(const char* key, const char* value) override {
        if (std::strcmp(key, violute::voice_key) == 0) player_.choose(value);
    }

    void sampleRateChanged(double sample_rate) override {
        player_.set_rate(sample_rate);
        setLatency(static_cast<uint32_t>(player_.latency()));
    }

    void activate() override { player_.begin(); }

    void run(const float** inputs, float** outputs, uint32_t n_samples) override {
        player_.play(inputs, outputs, static_cast<int>(n_samples));
    }

   private:
    violute::Player player_;
};

}  // namespace

Plugin* createPlugin() { return new ViolutePlugin(); }

END_NAMESPACE_DISTRHO
