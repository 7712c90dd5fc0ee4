"""A voice of two sines: a family without a network, to test what all families share."""

import numpy as np

from violute.audio.channels import mono_blocks
from violute.voices.card import Card
from violute.voices.contract import Performance
from violute.voices.family import FamilyVoice

CARD = Card(name="sines", family="sines", ends=("low", "high"), sample_rate=32_000)


class SinePerformance(Performance):
    """A sine an octave higher at mix 1 than at mix 0, as loud and as long as asked."""

    has_one_dial = True

    def __init__(self, sample_rate, n_samples, *, level=0.1, block=10_000, warnings=(), clicks=False):
        super().__init__(sample_rate, n_samples * 100 // sample_rate + 1, 100.0, warnings=tuple(warnings))
        self.n_samples = n_samples
        self._level = level
        self._block = block
        self._clicks = clicks

    def blocks(self, dials):
        for start in range(0, self.n_samples, self._block):
            i = np.arange(start, min(start + self._block, self.n_samples))
            mix = dials.tone[np.minimum(i * 100 // self.sample_rate, self.n_frames - 1)]
            low, high = (np.sin(2 * np.pi * f0_hz * i / self.sample_rate) for f0_hz in (440.0, 880.0))
            block = self._level * ((1 - mix) * low + mix * high)
            if self._clicks:
                block[i % 4_410 == 0] = 20 * self._level
            yield block.astype(np.float32)


class SineVoice(FamilyVoice):
    """Plays sines for as long as the recording lasts; settings as of `SinePerformance`."""

    def __init__(self, onnx_bytes=b"", card=CARD, **settings):
        super().__init__(card)
        self.settings = card.settings | settings

    def perform(self, source, measurement, on_progress, lines):
        n_heard = sum(len(block) for block in mono_blocks(source, measurement))
        on_progress(1.0)
        n_samples = -(-n_heard * self.card.sample_rate // source.sample_rate) + 100
        return SinePerformance(self.card.sample_rate, n_samples, **self.settings)
