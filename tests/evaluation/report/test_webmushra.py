"""The export for webMUSHRA: what its documentation asks of a configuration, and sounds that fit it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bench_document import heard_clip

from violute.evaluation.report.webmushra import write_webmushra

yaml = pytest.importorskip("yaml")


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, dict]:
    path = write_webmushra([heard_clip()], ["hybrid"], tmp_path / "out", "my test: 1")
    return path, yaml.safe_load(path.read_text(encoding="utf-8"))


def trials_of(config: dict) -> list[dict]:
    (block,) = [page for page in config["pages"] if isinstance(page, list)]
    assert block[0] == "random"
    return block[1:]


def sounds_of(page: dict) -> list[str]:
    return [page["reference"], *page["stimuli"].values()]


def test_the_configuration_is_what_webmushra_reads(written: tuple[Path, dict]) -> None:
    path, config = written
    assert path.name == "my-test-1.yaml"
    assert config["testId"] == "my-test-1"
    assert config["bufferSize"] in {256, 512, 1024, 2048, 4096, 8192, 16384}
    assert config["pages"][0]["type"] == "generic"
    assert config["pages"][-1]["type"] == "finish"
    assert config["pages"][-1]["writeResults"] is True
    assert {page["type"] for page in trials_of(config)} == {"mushra", "paired_comparison"}
    ids = [page["id"] for page in trials_of(config)]
    assert len(set(ids)) == len(ids)


def test_every_sound_is_there_and_those_of_a_page_are_alike_in_rate_and_length(
    written: tuple[Path, dict],
) -> None:
    path, config = written
    root = path.parents[1]
    volume = next(page for page in config["pages"] if isinstance(page, dict) and page["type"] == "volume")
    assert (root / volume["stimulus"]).is_file()
    for page in trials_of(config):
        infos = [soundfile.info(root / sound) for sound in sounds_of(page)]
        assert len({(i.samplerate, i.frames, i.channels) for i in infos}) == 1
        assert {i.format for i in infos} == {"WAV"}
    named = {root / sound for page in trials_of(config) for sound in sounds_of(page)}
    assert named == set((root / "configs" / "my-test-1").iterdir())


def test_the_hidden_reference_is_webmushras_and_the_anchor_is_ours(written: tuple[Path, dict]) -> None:
    path, config = written
    ratings = [page for page in trials_of(config) if page["type"] == "mushra"]
    assert [page["name"] for page in ratings] == ["Quality", "Fusion"]
    for page in ratings:
        assert page["strict"] is False
        assert not page["createAnchor35"]
        assert not page["showConditionNames"]
        assert not any("reference" in name for name in page["stimuli"])
        assert {"anchor", "hybrid at 0.5"} <= set(page["stimuli"])
    anchor, rate = soundfile.read(path.parents[1] / ratings[0]["stimuli"]["anchor"])
    power = np.square(np.abs(np.fft.rfft(anchor)))
    above = np.fft.rfftfreq(len(anchor), 1.0 / rate) > 6_000.0
    assert power[above].sum() < 1e-4 * power.sum()


def test_names_of_sounds_do_not_tell_who_played(written: tuple[Path, dict]) -> None:
    for page in trials_of(written[1]):
        for sound in sounds_of(page):
            assert not any(word in sound for word in ("hybrid", "anchor", "cross", "source", "flute"))


def test_any_name_of_a_contender_survives(tmp_path: Path) -> None:
    odd = 'a "b": c # \u00e9'
    played = {
        (odd if name == "hybrid" else name, mix): sound
        for (name, mix), sound in heard_clip().renderings.items()
    }
    path = write_webmushra([replace(heard_clip(), renderings=played)], [odd], tmp_path, "t")
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert any(f"{odd} at 0.5" in page["stimuli"] for page in trials_of(config))
