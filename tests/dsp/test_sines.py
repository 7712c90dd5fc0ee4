"""The differentiable twin of the sines."""

from __future__ import annotations

import numpy as np
import torch

from violute.dsp.sines import sines_of as torch_sines_of
from violute.synthesis.sines import sines_of

HOP = 64


def test_the_twins_agree():
    rng = np.random.default_rng(0)
    f0_hz = rng.uniform(200.0, 3000.0, (2, 5)).astype(np.float32)
    cycles = rng.random((2, 5 * HOP))
    ours = sines_of(cycles, f0_hz, 8, 7600.0)
    given = (torch.from_numpy(cycles).float(), torch.from_numpy(f0_hz), 8, 7600.0)
    assert np.allclose(ours, torch_sines_of(*given).numpy().transpose(0, 2, 1), atol=2e-4)
