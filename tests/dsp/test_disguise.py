"""Disguised sound keeps its notes and loses its colour."""

from __future__ import annotations

import pytest
import torch

from violute.dsp.disguise import disguised

RATE = 16_000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def buzz(n_pieces: int) -> torch.Tensor:
    """A tone of 400 Hz with many partials."""
    t = torch.arange(RATE // 2) / RATE
    tone = sum(torch.sin(2.0 * torch.pi * 400.0 * k * t) / k for k in range(1, 19))
    return 0.2 * torch.as_tensor(tone).expand(n_pieces, -1)


def test_the_same_chance_disguises_alike_and_pieces_differ():
    first, again = (disguised(buzz(3), RATE, generator(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert float((first[0] - first[1]).abs().max()) > 0.05


def test_partials_stay_where_they_were_and_their_levels_go_apart():
    heard = disguised(buzz(200), RATE, generator(2))
    spectra = torch.fft.rfft(heard * torch.hann_window(heard.shape[1])).abs()
    loudest = spectra[:, 100:1000].argmax(dim=1) + 100
    assert not (loudest % 200).any(), "bins are of 2 Hz"
    levels_db = 20.0 * spectra[:, 200::200].log10()
    relative = levels_db - levels_db[:, :1]
    assert float(relative[:, 8].std()) > 8.0, "of the partial at 3.6 kHz beside the fundamental"


def test_levels_lie_in_the_range_given_and_nothing_clips_beyond_full_scale():
    heard = disguised(buzz(300), RATE, generator(3))
    rms_db = 20.0 * (heard.square().mean(dim=1).sqrt() / buzz(1).square().mean().sqrt()).log10()
    assert float(rms_db.min()) > -12.5
    assert float(rms_db.max()) < 4.5
    assert float(rms_db.std()) > 3.0
    assert float(heard.abs().max()) <= 1.0


def test_silence_stays_silent():
    assert float(disguised(torch.zeros(4, 4000), RATE, generator()).abs().max()) == pytest.approx(
        0.0, abs=1e-6
    )
