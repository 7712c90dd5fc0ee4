"""A rainbowgram's axes stand where its sound is."""

import numpy as np
import pytest

from violute.drawing.lettering import FAINT
from violute.drawing.rainbowgram import BOTTOM, LEFT, TOP, rainbow_page, row_frequencies

RATE = 16_000


@pytest.mark.parametrize("f0_hz", [220.0, 440.0, 1760.0])
def test_a_note_a_lies_beside_its_tick_and_begins_above_its_second(f0_hz):
    seconds = np.arange(3 * RATE) / RATE
    tone = (np.sin(2.0 * np.pi * f0_hz * seconds) * (seconds >= 1.0)).astype(np.float32)
    page = rainbow_page(tone, RATE).astype(int)
    height = len(page) - TOP - BOTTOM
    is_tick = (page == FAINT).all(axis=2)
    octave = round(np.log2(f0_hz / 110.0))
    ticks = np.flatnonzero(is_tick[:, LEFT - 3])[::-1]
    assert len(ticks) == 1 + int(np.log2(row_frequencies(RATE)[-1] / 110.0))
    brightness = page[TOP : TOP + height, LEFT:-30].max(axis=2)
    assert TOP + brightness.sum(axis=1).argmax() == pytest.approx(ticks[octave], abs=1)
    marks = np.flatnonzero(is_tick[TOP + height + 3])
    assert marks[0] == LEFT
    row = brightness[ticks[octave] - TOP]
    begins = LEFT + np.flatnonzero(row > 0.9 * row.max())[0]
    assert begins == pytest.approx(marks[len(marks) // 3], abs=8)
