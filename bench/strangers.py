r"""The strangers exam: voices on players and rooms that training never heard, each in five conditions.

    python bench/strangers.py --data STRANGERS --voices vae=voices/vae.onnx ... --out bench/STRANGERS.md

STRANGERS has folders flute and violin. Every clip comes as it is, at 16 kHz, through MP3 at 64 kb/s, in a
room and with hiss 25 dB below it, and is played at mixes 0, 0.25, 0.5, 0.75 and 1. Writes the page OUT
and the figures beside it (OUT with the ending .json); what is done stays in WORK, so that a run that was
stopped goes on, and a later one repeats only what a new voice, judge or exam changes; `--beside` keeps the
other voices of an earlier page. Prints what holds.

The exam is looked at when all is chosen. To choose, train with --hold-out bench/strangers_dev.txt and
hear

    python bench/strangers.py --data DATA --select bench/strangers_dev_pieces.txt --limit 8 --clips 3 ...
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from contextlib import closing
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from environment import environment_lines
from exam.conditions import CONDITIONS, under
from exam.figures import Source, examine, measure_source
from exam.page import page, verdicts
from exam.tagger import Tagger

from violute.data.recordings import read_patterns
from violute.errors import InputError, VioluteError
from violute.evaluation.bench.clips import Clip, find_clips
from violute.evaluation.bench.job import slug
from violute.evaluation.judge import classifier
from violute.evaluation.judge.classifier import Judge
from violute.rates import SAMPLE_RATE
from violute.voices.load import find_voice, load_voice
from violute.whole_file import replace_text
from violute.worklist.engine import Engine

HERE = Path(__file__).resolve().parent
INSTRUMENTS = ("flute", "violin")
SHORTEST_SECONDS = 2.5


@dataclass(frozen=True)
class Job:
    """All voices on one clip, in all conditions: what is measured of the clip serves them all."""

    clip: Clip
    voices: tuple[tuple[str, Path], ...]
    work: Path
    tagger: Path | None


def do_job(job: Job) -> list[dict[str, Any]]:
    """Examine each voice on a clip, unless that is done."""
    results = []
    audio = job.clip.read(SAMPLE_RATE)
    sources: dict[str, Source] = {}
    measured = partial(measure_source, judge=_judge(), tagger=_tagger(job.tagger))
    examined = partial(examine, judge=_judge(), tagger=_tagger(job.tagger))
    for name, path in job.voices:
        store = job.work / f"{slug(name)}--{slug(job.clip.name)}.json"
        whole = path.read_bytes() + _exam_bytes() + audio.tobytes() + bytes(job.tagger is not None)
        wanted = hashlib.sha256(whole).hexdigest()
        stored = json.loads(store.read_text(encoding="utf-8")) if store.is_file() else {}
        if stored.get("fingerprint") == wanted:
            results.append(stored)
            continue
        voice = load_voice(path)
        result: dict[str, Any] = {
            "voice": name,
            "family": voice.card.family,
            "clip": job.clip.name,
            "instrument": job.clip.instrument,
            "group": job.clip.recording.name,
            "fingerprint": wanted,
        }
        try:
            sources = sources or {
                condition: measured(*under(condition, audio, SAMPLE_RATE, name=job.clip.name))
                for condition in CONDITIONS
            }
            result["conditions"] = {
                condition: examined(voice, source) for condition, source in sources.items()
            }
        except VioluteError as error:
            result["failure"] = str(error)
        replace_text(store, json.dumps(result, indent=1) + "\n")
        results.append(result)
    return results


def earlier_results(path: Path) -> list[dict[str, Any]]:
    """Return what an earlier exam measured, voice by voice.

    Raises:
        InputError: The file holds no such figures.
    """
    try:
        results: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]
        if not all(isinstance(result["voice"], str) for result in results):
            raise TypeError("a voice has no name")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: holds no figures of this exam ({error}): name the .json beside its page"
        ) from None
    return results


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with folders flute and violin")
    parser.add_argument("--voices", nargs="+", required=True, metavar="NAME=VOICE")
    parser.add_argument("--select", type=Path, help="file of glob patterns: hear these recordings only")
    parser.add_argument("--limit", type=int, help="recordings of each instrument at most, evenly picked")
    parser.add_argument("--clips", type=int, default=1, help="clips of a long recording at most (default 1)")
    parser.add_argument("--seconds", type=float, default=5.0, help="longest clip (default 5)")
    parser.add_argument(
        "--tagger", type=Path, metavar="MUSICNN", help="a second opinion (exam/tagger.py says how to get it)"
    )
    parser.add_argument("--jobs", type=int, help="processes at a time (default: the cores)")
    parser.add_argument(
        "--beside", type=Path, metavar="JSON", help="figures of an earlier page, whose other voices stay"
    )
    parser.add_argument("--title", default="Strangers", help="of the page")
    parser.add_argument("--work", type=Path, help="folder of what is done (default: OUT with .work)")
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    options = parser.parse_args()
    try:
        earlier = earlier_results(options.beside) if options.beside else []
        clips = find_clips(
            options.data,
            INSTRUMENTS,
            select=read_patterns(options.select) if options.select else None,
            limit=options.limit,
            clip_seconds=options.seconds,
            shortest_seconds=SHORTEST_SECONDS,
            clips_per_recording=options.clips,
        )
        named = [entry.partition("=") for entry in options.voices]
        voices = tuple((name, find_voice(path or name).resolve()) for name, _, path in named)
        work: Path = options.work or options.out.with_suffix(".work")
        work.mkdir(parents=True, exist_ok=True)
        jobs = [Job(clip, voices, work, options.tagger) for clip in clips]
        results: list[dict[str, Any]] = []
        with closing(Engine(options.jobs).results(do_job, jobs)) as done:
            for number, found in enumerate(done, start=1):
                results += found
                sys.stderr.write(f"{number} of {len(jobs)} clips\n")
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    names = [name for name, _ in voices]
    results += [result for result in earlier if result["voice"] not in names]
    names = list(dict.fromkeys([*(result["voice"] for result in earlier), *names]))
    results.sort(key=lambda result: names.index(result["voice"]))
    counts = ", ".join(
        f"{len({c.recording.name for c in clips if c.instrument == name})} of {name}" for name in INSTRUMENTS
    )
    notes = [
        f"Recordings: {counts}; medians over them with intervals of 95 %.",
        "",
        *environment_lines(["numpy", "onnxruntime", "pyworld", "librosa"]),
    ]
    if options.beside:
        notes.append(f"- Voices but {', '.join(name for name, _ in voices)}: figures of an earlier page")
    replace_text(options.out, page(results, options.title, notes))
    judged = {name: verdicts([result for result in results if result["voice"] == name]) for name in names}
    document = {"title": options.title, "holds": judged, "results": results}
    replace_text(options.out.with_suffix(".json"), json.dumps(document, indent=1) + "\n")
    for name, rows in judged.items():
        for row in rows:
            print(f"{name}: {'holds' if row['holds'] else 'FAILS'}: {row['requirement']} {row['worst']}")
    return 0


@cache
def _exam_bytes() -> bytes:
    """What decides over figures besides the voice: the exam's own code, and the judge."""
    files = [*sorted((HERE / "exam").glob("*.py")), Path(classifier.__file__).with_name("judge.onnx")]
    return b"".join(path.read_bytes() for path in files if path.name not in ("page.py", "requirements.py"))


@lru_cache(maxsize=1)
def _tagger(folder: Path | None) -> Tagger | None:
    return Tagger(folder) if folder else None


@lru_cache(maxsize=1)
def _judge() -> Judge:
    return Judge()


if __name__ == "__main__":
    sys.exit(main())
