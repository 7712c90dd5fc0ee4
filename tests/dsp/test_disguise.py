"""What the encoder hears is disguised: another timbre, room and bandwidth, the same notes and level."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tones import SAMPLE_RATE, tone

from violute.dsp import disguise
from violute.dsp.disguise import coloured, disguised


def copies(audio, n):
    return torch.from_numpy(np.stack([audio.astype(np.float32)] * n))


def spectrum(audio):
    return np.abs(np.fft.rfft(audio * np.hanning(len(audio))))


def overtone_share(audio):
    """Power outside of the strongest partial, as a share."""
    power = np.square(spectrum(audio))
    peak = int(power.argmax())
    return 1.0 - power[peak - 4 : peak + 5].sum() / power.sum()


def test_what_is_heard_has_another_colour_and_the_same_level():
    audio = 0.1 * torch.randn(8, 8192)
    changed = coloured(audio, SAMPLE_RATE, torch.Generator().manual_seed(0))
    torch.testing.assert_close(changed.square().mean(1), audio.square().mean(1), rtol=0.01, atol=0.0)
    levels = [
        20 * np.log10(spectrum(one[0].numpy())[1:2049].reshape(16, -1).mean(1)) for one in (audio, changed)
    ]
    assert 2.0 < np.ptp(levels[1] - levels[0]) < 100.0


def test_it_is_the_same_for_the_same_chance():
    audio = 0.1 * torch.randn(1, 4096).expand(3, -1)
    first, again = (disguised(audio, SAMPLE_RATE, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])


def test_a_plain_tone_may_be_heard_rich_and_a_rich_one_plain_at_the_same_pitch_and_level(monkeypatch):
    monkeypatch.setattr(disguise, "ROOM_SHARE", 0.0)  # a room smears the partials of so short a tone
    generator = torch.Generator().manual_seed(1)
    plain, rich = tone(440.0, 0.4, db_per_octave=-60.0), tone(440.0, 0.4, db_per_octave=-1.0)
    for audio, end in ((plain, max), (rich, min)):
        heard = disguised(copies(0.1 * audio, 40), SAMPLE_RATE, generator).numpy()
        assert abs(end(overtone_share(one) for one in heard) - overtone_share(audio)) > 0.3
        for one in heard:
            strongest_hz = np.fft.rfftfreq(len(one), 1 / SAMPLE_RATE)[spectrum(one).argmax()]
            assert min(strongest_hz % 440.0, 440.0 - strongest_hz % 440.0) < 5.0, "partials stay in tune"
            assert np.sqrt(np.square(one).mean()) == pytest.approx(
                np.sqrt(np.square(0.1 * audio).mean()), rel=0.02
            )


def test_overtones_are_the_same_in_loud_and_soft(monkeypatch):
    monkeypatch.setattr(disguise, "ROOM_SHARE", 0.0)
    audio = tone(440.0, 0.4) * np.repeat([0.01, 0.3], round(0.2 * SAMPLE_RATE))
    monkeypatch.setattr(disguise, "NOISE_DB", (-90.0, -90.0))
    heard = disguised(copies(audio, 30), SAMPLE_RATE, torch.Generator().manual_seed(2)).numpy()
    shares = [[overtone_share(one[1000:-1000]) for one in half] for half in np.split(heard, 2, axis=1)]
    assert np.median(np.abs(np.array(shares[1]) - np.array(shares[0]))) < 0.1


def test_a_limit_takes_the_top_away_and_leaves_the_rest(monkeypatch):
    for name in ("ROOM_SHARE", "SLOPED_SHARE", "EQUALISER_RANGE_DB"):
        monkeypatch.setattr(disguise, name, 0.0)
    for name, value in (("LIMITED_SHARE", 1.0), ("LIMIT_HZ", (4000.0, 4000.0)), ("NOISE_DB", (-90.0, -90.0))):
        monkeypatch.setattr(disguise, name, value)
    audio = 0.1 * torch.randn(1, 1 << 15)
    heard = coloured(audio, SAMPLE_RATE, torch.Generator())[0].numpy()
    hz = np.fft.rfftfreq(len(heard), 1 / SAMPLE_RATE)
    levels = 20 * np.log10(spectrum(heard) / spectrum(audio[0].numpy()))
    level = np.median(levels[hz < 3800])
    assert abs(np.median(levels[(hz > 1000) & (hz < 3800)]) - level) < 0.5
    assert np.median(levels[hz > 8200]) - level < -70.0


def test_a_room_rings_on_for_its_time(monkeypatch):
    for name in ("LIMITED_SHARE", "SLOPED_SHARE", "EQUALISER_RANGE_DB"):
        monkeypatch.setattr(disguise, name, 0.0)
    monkeypatch.setattr(disguise, "NOISE_DB", (-120.0, -120.0))
    monkeypatch.setattr(disguise, "ROOM_SECONDS", (0.6, 0.6))
    click = torch.zeros(1, SAMPLE_RATE)
    click[0, 100] = 1.0
    levels = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(disguise, "ROOM_SHARE", share)
        heard = coloured(click, SAMPLE_RATE, torch.Generator().manual_seed(0))[0].numpy()
        levels[share] = 10 * np.log10(
            np.square(heard[1000 : 1000 + 80 * 441]).reshape(80, 441).mean(1) + 1e-30
        )
    assert levels[0.0].max() < -80.0
    assert levels[1.0][60] - levels[1.0][0] == pytest.approx(-60.0, abs=4.0), "after 0.6 s"


def test_levels_lie_in_the_range_given():
    audio = 0.1 * torch.randn(300, 4096)
    heard = disguised(audio, SAMPLE_RATE, torch.Generator().manual_seed(3), level_db=(-12.0, 3.0))
    gains_db = 10.0 * (heard.square().mean(dim=1) / audio.square().mean(dim=1)).log10()
    assert -12.1 < float(gains_db.min()) < -11.0
    assert 2.0 < float(gains_db.max()) < 3.1


def test_silence_stays_silent():
    heard = disguised(torch.zeros(4, 4096), SAMPLE_RATE, torch.Generator().manual_seed(0))
    assert float(heard.abs().max()) < 1e-5
