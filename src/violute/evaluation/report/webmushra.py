"""The report's trials for webMUSHRA, which runs listening tests in the browser and collects the results.

A folder to lay over webMUSHRA's own: a configuration `configs/NAME.yaml`, which opens at `?config=NAME.yaml`,
and the sounds as WAV in a folder beside it, by names that tell nothing about who played. webMUSHRA adds the
hidden reference and shuffles; the anchors are ours, so its strict mode, which wants its own two, is off.

Source:
    Schoeffler et al., webMUSHRA: A comprehensive framework for web-based listening tests (Journal of Open
    Research Software 6, 2018), and its documentation for experimenters.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from jaxtyping import Float

from violute.evaluation.report.audio import excerpt
from violute.evaluation.report.listening import FUSION, QUALITY, HeardClip, make_trials
from violute.whole_file import replace_text, whole_file

QUESTIONS = {
    QUALITY: "How good does it sound, beside the reference? 0 is bad, 100 as good as the reference.",
    FUSION: "Is it one instrument, or several at once? 0 is several at once, 100 one instrument.",
}
WELCOME = "You will hear short pieces. Use headphones, in a quiet place."
SAME_AS = "One of the two is the reference. Which?"


class WavFolder:
    """Sounds as WAV files by a name that tells nothing about who played; equal sounds are stored once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, audio: Float[np.ndarray, " sample"], sample_rate: int) -> str:
        """Store an excerpt as `excerpt` cuts and levels it, and return its name."""
        kept = excerpt(audio, sample_rate)
        name = hashlib.sha256(kept.tobytes()).hexdigest()[:12]
        with whole_file(self.folder / f"{name}.wav") as partial:
            soundfile.write(partial, np.clip(kept, -1.0, 1.0), sample_rate, format="WAV", subtype="PCM_16")
        return name


def write_webmushra(heard: Sequence[HeardClip], voices: Sequence[str], folder: Path, name: str) -> Path:
    """Write the trials of a report; return the configuration.

    Args:
        heard: What is played.
        voices: Names of the voices, as for `make_trials`.
        folder: To make.
        name: Of the test: letters, digits, `-`, `_`; others become `-`.

    Raises:
        OSError: The folder cannot be written.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "violute"
    trials = make_trials(heard, voices, WavFolder(folder / "configs" / name))
    pages = [_page(trial, name) for trial in trials]
    welcome = {"type": "generic", "id": "welcome", "name": "Welcome", "content": WELCOME}
    volume = {
        "type": "volume",
        "id": "volume",
        "name": "Volume",
        "content": "Set a comfortable volume, and leave it there.",
        "stimulus": pages[0]["reference"] if pages else "",
        "defaultVolume": 0.5,
    }
    finish = {
        "type": "finish",
        "name": "Thank you",
        "content": "Please press the button to send your answers.",
        "showResults": False,
        "writeResults": True,
    }
    config = {
        "testname": f"Violute: {name}",
        "testId": name,
        "bufferSize": 2048,
        "stopOnErrors": True,
        "showButtonPreviousPage": False,
        "remoteService": "service/write.php",
        "pages": [welcome, *([volume, ["random", *pages]] if pages else []), finish],
    }
    path = folder / "configs" / f"{name}.yaml"
    replace_text(path, "\n".join(_yaml(config)) + "\n")
    return path


def _page(trial: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a trial as webMUSHRA's page; A/B/X asks which of two the reference is."""
    path = f"configs/{name}/{{}}.wav"
    page = {"id": trial["id"], "showWaveform": False, "enableLooping": True}
    if trial["kind"] == "abx":
        return {
            "type": "paired_comparison",
            **page,
            "name": "Which is it?",
            "content": SAME_AS,
            "reference": path.format(trial["a"]["sound"]),
            "stimuli": {_condition(trial["b"]): path.format(trial["b"]["sound"])},
        }
    return {
        "type": "mushra",
        **page,
        "name": trial["question"].capitalize(),
        "content": QUESTIONS[trial["question"]],
        "strict": False,
        "reference": path.format(trial["reference"]),
        "createAnchor35": False,
        "createAnchor70": False,
        "randomize": True,
        "showConditionNames": False,
        "stimuli": {
            _condition(stimulus): path.format(stimulus["sound"])
            for stimulus in trial["stimuli"]
            if stimulus["role"] != "reference"
        },
    }


def _condition(stimulus: Mapping[str, Any]) -> str:
    """Name who plays, as the table of results will."""
    mix = "" if stimulus["mix"] is None else f" at {stimulus['mix']:g}"
    return (stimulus["contender"] or stimulus["role"]) + mix


def _yaml(value: Any, indent: int = 0) -> list[str]:
    """Write mappings and lists as YAML in blocks, their texts as JSON, which is YAML too."""
    space = " " * indent
    lines: list[str] = []
    entries = (
        [((key if key.isidentifier() else json.dumps(key)) + ":", entry) for key, entry in value.items()]
        if isinstance(value, Mapping)
        else [("-", entry) for entry in value]
    )
    for head, entry in entries:
        if isinstance(entry, (Mapping, list)):
            lines += [f"{space}{head}", *_yaml(entry, indent + 4)]
        else:
            lines.append(f"{space}{head} {json.dumps(entry)}")
    return lines
