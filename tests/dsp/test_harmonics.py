"""`harmonic_bank` against its NumPy twin, against finite differences, and at the edges."""

import numpy as np
import pytest
import torch

from violute.dsp.harmonics import harmonic_bank
from violute.errors import ShapeError
from violute.synthesis.harmonics import harmonic_synth

RATE, HOP = 44_100, 441


def both(f0_hz, amplitudes):
    """Play (frame,) and (frame, harmonic) with both twins."""
    twin = harmonic_bank(
        torch.from_numpy(f0_hz)[None].float(),
        torch.from_numpy(amplitudes.T.copy())[None],
        sample_rate=RATE,
        hop_length=HOP,
    )
    return twin[0].numpy(), harmonic_synth(f0_hz.astype(np.float32), amplitudes)


def relative_db(error, reference):
    return 10 * np.log10(np.mean(np.square(error, dtype=float)) / np.mean(np.square(reference, dtype=float)))


@pytest.mark.parametrize("n_harmonics", [1, 10, 35, 100])
def test_agrees_with_numpy_over_seconds_of_gliding_pitch(n_harmonics):
    rng = np.random.default_rng(n_harmonics)
    time = np.arange(733) / 100
    f0_hz = 190 * 19 ** (time / time[-1]) * 2 ** (np.sin(2 * np.pi * 6 * time) / 24)  # 190 to 3600 Hz
    amplitudes = rng.uniform(0, 0.1, (733, n_harmonics)).astype(np.float32)
    twin, reference = both(f0_hz, amplitudes)
    assert relative_db(twin - reference, reference) < -80


def test_agrees_with_numpy_at_leaps_and_rests():
    rng = np.random.default_rng(0)
    f0_hz = rng.uniform(100, 4000, 300) * (rng.random(300) > 0.2)
    amplitudes = rng.uniform(0, 0.1, (300, 60)).astype(np.float32)
    twin, reference = both(f0_hz, amplitudes)
    assert relative_db(twin - reference, reference) < -80


def test_items_of_a_batch_do_not_touch_each_other():
    generator = torch.Generator().manual_seed(0)
    f0_hz = torch.rand(3, 20, generator=generator) * 4000
    amplitudes = torch.rand(3, 30, 20, generator=generator)
    together = harmonic_bank(f0_hz, amplitudes, sample_rate=RATE, hop_length=HOP)
    for i in range(3):
        alone = harmonic_bank(f0_hz[i : i + 1], amplitudes[i : i + 1], sample_rate=RATE, hop_length=HOP)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-4, rtol=0)


def test_gradients_are_those_of_finite_differences():
    # Rate 1000: some harmonics lie in the fade, one leaps over Nyquist, one frame is unvoiced.
    f0_hz = torch.tensor([[90.0, 93.0, 160.0, 0.0, 120.0]], dtype=torch.float64)
    amplitudes = torch.rand(1, 12, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def play(f0_hz, amplitudes):
        return harmonic_bank(f0_hz, amplitudes, sample_rate=1000, hop_length=10)

    amplitudes.requires_grad_()
    assert torch.autograd.gradcheck(play, (f0_hz, amplitudes))
    voiced = f0_hz[:, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda pitch: play(pitch, amplitudes[:, :, :3].detach()), (voiced,))


@pytest.mark.parametrize("pitch_hz", [0.0, 440.0, 30_000.0])
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_gradients_are_finite_at_the_edges(pitch_hz, level):
    f0_hz = torch.full((2, 9), pitch_hz, requires_grad=True)
    amplitudes = torch.full((2, 15, 9), level, requires_grad=True)
    audio = harmonic_bank(f0_hz, amplitudes, sample_rate=RATE, hop_length=HOP)
    audio.square().sum().backward()
    assert audio.isfinite().all()
    assert f0_hz.grad.isfinite().all()
    assert amplitudes.grad.isfinite().all()
    assert (amplitudes.grad.abs().sum() > 0) == (pitch_hz == 440.0 and level > 0)


@pytest.mark.unchecked
@pytest.mark.parametrize(
    ("f0_shape", "amplitude_shape"), [((2, 5), (2, 7, 6)), ((1, 5), (2, 7, 5)), ((2, 0), (2, 7, 0))]
)
def test_shapes_that_disagree_are_refused(f0_shape, amplitude_shape):
    with pytest.raises(ShapeError, match="harmonic"):
        harmonic_bank(torch.ones(f0_shape), torch.ones(amplitude_shape), sample_rate=RATE, hop_length=HOP)
