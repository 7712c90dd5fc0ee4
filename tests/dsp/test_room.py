"""`reverb` against scipy's convolution and its NumPy twin."""

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from violute.dsp.room import reverb
from violute.synthesis.room import room, room_response


@pytest.mark.parametrize(("n_samples", "n_taps"), [(1, 1), (1, 900), (1000, 1), (4097, 4096), (500, 3000)])
def test_is_a_causal_convolution_of_the_same_length(n_samples, n_taps):
    generator = torch.Generator().manual_seed(n_samples)
    audio = torch.randn(3, n_samples, generator=generator)
    responses = torch.randn(3, n_taps, generator=generator)
    wet = reverb(audio, responses)
    for i in range(3):
        expected = fftconvolve(audio[i].double().numpy(), responses[i].double().numpy())[:n_samples]
        np.testing.assert_allclose(wet[i].numpy(), expected, atol=1e-5 * max(1, np.abs(expected).max()))
    shared = reverb(audio, responses[:1])
    torch.testing.assert_close(shared[0], wet[0], atol=1e-5 * max(1, wet[0].abs().max().item()), rtol=0)


def test_agrees_with_the_room_over_seconds():
    dry = np.random.default_rng(0).standard_normal(5 * 44_100).astype(np.float32)
    reference = room(dry, 0.7)
    response = torch.from_numpy(room_response(0.7))[None]
    twin = dry + 0.7 * reverb(torch.from_numpy(dry)[None], response)[0].numpy()
    assert 10 * np.log10(np.mean((twin - reference) ** 2) / np.mean(reference**2)) < -80


def test_gradients_are_those_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    audio = torch.randn(2, 20, dtype=torch.float64, generator=generator, requires_grad=True)
    response = torch.randn(1, 9, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(reverb, (audio, response))
