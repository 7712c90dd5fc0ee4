"""A voice whose tones every tracker hears: 440 Hz at mix 0, 880 Hz at mix 1, with harmonics."""

import numpy as np
from fake_voice import SinePerformance, SineVoice


class BuzzPerformance(SinePerformance):
    """Sines bent until they have harmonics; a pitch tracker of speech hears no pure sine."""

    def blocks(self, dials):
        for block in super().blocks(dials):
            yield (0.1 * np.tanh(30.0 * block + 1.0)).astype(np.float32)


class BuzzVoice(SineVoice):
    """Buzzes for as long as the recording lasts."""

    def perform(self, source, measurement, on_progress, lines):
        sines = super().perform(source, measurement, on_progress, lines)
        return BuzzPerformance(sines.sample_rate, sines.n_samples)
