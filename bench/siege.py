"""A siege: damaged files, kills, full disks and hostile clients against Violute; writes `bench/SIEGE.md`.

    python bench/siege.py                       all of it, about an hour
    python bench/siege.py --short               200 files, 5 kills: what CI runs; writes nothing
    python bench/siege.py --parts files kills   some of it; the other rows of the page stay

Every part says how many it tried, by which seed, and what was found; the exit code is 1 where something was.
Disks need the right to mount one of memory, and schemathesis is used where it is installed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from environment import ROOT, environment_lines
from sieges.examiner import Verdict
from sieges.files import besiege_files
from sieges.processes import Job, besiege_disks, besiege_jobs, can_mount, jobs
from sieges.stores import besiege_stores
from sieges.studio import besiege_studio

from violute.evaluation.bench.environment import revision
from violute.examples import example_paths

SHORT_JOBS = ("convert", "prepare", "train ddsp")
PARTS = ("files", "stores", "kills", "disks", "studio")
MENDED = """
Found by sieges while they were written, and mended, each with a test: notes of the MP3 decoder on the
terminal; an MP3 whose header lies about its length (a traceback); an endless loop on an MP3 of free
format; overflow warnings from samples of 1e30 and more; a voice's card of other kinds (endless version,
lists for names); a voice whose weights are no numbers; codes in an archive of a later zip; a store of
endless version; workers that outlived a killed parent; on full and read-only disks, tracebacks of training's
metrics and plots, of `pairs` and of `bench`, and FLAC of `bench` that was half written and taken for whole.
"""
NOT_COMPARED = (
    "atheris 3.0.0 installs and reads our readers' code; it was not yet compared: `python bench/fuzzers.py`."
)
WHAT = {
    "files": "damaged recordings of 12 kinds, read and converted",
    "stores": "damaged voices, stores, checkpoints, cards, codes, automation",
    "kills": "kills (-9) of whatever works for long, then gone on",
    "disks": "disks that fill up or become read-only under the same",
    "studio": "damaged uploads, slow clients, people at work, a fuzzer on the interface",
}


def main() -> int:
    """Besiege, write the page, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--short", action="store_true", help="200 files, 5 kills, and nothing is written")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--stores", type=int, default=400, help="of each kind")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--disks", type=int, default=36)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--jobs", nargs="+", choices=[job.name for job in jobs()], help="disturb these only; writes nothing"
    )
    parser.add_argument("--keep", type=Path, help="folder for the damaged recordings of findings")
    given = parser.parse_args()
    if given.short:
        given.parts = ["files", "stores", "kills"]
        given.files, given.stores, given.kills = 200, 15, 5
    tried: dict[str, Callable[[], list[Verdict]]] = {
        "files": lambda: besiege_files(given.files, given.seed, given.keep),
        "stores": lambda: _stores(given.stores, given.seed),
        "kills": lambda: besiege_jobs(_jobs(given), given.kills, given.seed),
        "disks": lambda: _disks(_jobs(given), given.disks, given.seed),
        "studio": lambda: besiege_studio(given.uploads, given.seed),
    }
    rows = {}
    found: list[Verdict] = []
    n_tried = 0
    for part in given.parts:
        started = time.monotonic()
        verdicts = tried[part]()
        rows[part] = _row(verdicts, given.seed, time.monotonic() - started)
        n_tried += len(verdicts)
        found += [verdict for verdict in verdicts if verdict.is_finding]
        print(f"{part}: {rows[part]['counts']} in {rows[part]['seconds']} s", flush=True)
        if not (given.short or given.jobs):
            write_page(rows)
    for verdict in found:
        print(f"{verdict.name}: {verdict.outcome}: {verdict.detail}")
    print(f"{n_tried - len(found)} passed, {len(found)} failed")
    return 1 if found else 0


def _stores(n_files: int, seed: int) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder:
        recordings = Path(folder) / "in"
        for name, path in example_paths().items():
            (recordings / name).mkdir(parents=True)
            (recordings / name / path.name).symlink_to(path)
        prepare = ["prepare", str(recordings), "--out", str(Path(folder) / "store"), "--quiet", "--no-images"]
        subprocess.run([sys.executable, "-m", "violute", *prepare], check=True)
        return besiege_stores(n_files, seed, Path(folder) / "store")


def _jobs(given: argparse.Namespace) -> list[Job]:
    chosen = SHORT_JOBS if given.short else given.jobs
    return [job for job in jobs() if chosen is None or job.name in chosen]


def _disks(chosen: list[Job], n_times: int, seed: int) -> list[Verdict]:
    if not can_mount():
        return [Verdict("disks", "left out", "this process may not mount a disk of memory")]
    return besiege_disks(chosen, n_times, seed)


def _row(verdicts: list[Verdict], seed: int, seconds: float) -> dict[str, object]:
    commit, is_changed = revision()
    return {
        "revision": commit[:12] + "+" * is_changed,
        "seed": seed,
        "seconds": round(seconds),
        "counts": dict(Counter(verdict.outcome for verdict in verdicts)),
        "found": [
            f"{v.name}: {v.outcome}: {v.detail[-300:]}".replace(f"{ROOT}/", "")
            for v in verdicts
            if v.is_finding
        ],
    }


def write_page(rows: Mapping[str, object], *, key: str = "parts") -> None:
    """Bring the rows of this run into `bench/SIEGE.json`, and write the page anew."""
    document = ROOT / "bench" / "SIEGE.json"
    held = json.loads(document.read_text()) if document.is_file() else {"environment": [], "parts": {}}
    held[key] = held.get(key, {}) | rows
    held["environment"] = environment_lines(["violute", "numpy", "soundfile", "onnxruntime"])
    document.write_text(json.dumps(held, indent=2) + "\n")
    lines = [
        "# Siege",
        "",
        *held["environment"],
        "",
        "| part | what | tried | found | seed | seconds | revision |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for part in PARTS:
        if row := held["parts"].get(part):
            counts = ", ".join(f"{number} {outcome}" for outcome, number in row["counts"].items())
            cells = (
                part,
                WHAT[part],
                counts,
                len(row["found"]),
                row["seed"],
                row["seconds"],
                row["revision"],
            )
            lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "`played` came through whole, `refused` got one line that says what to do."]
    fuzzers = held.get("fuzzers")
    lines += ["", *(_fuzzer_lines(fuzzers) if fuzzers else [NOT_COMPARED])]
    found = [f"- {line}" for row in held["parts"].values() for line in row["found"]]
    lines += ["", "Still to be mended:", "", *found] if found else ["", "Nothing is left to be mended."]
    lines.append(MENDED.rstrip())
    (ROOT / "bench" / "SIEGE.md").write_text("\n".join(lines) + "\n")


def _fuzzer_lines(fuzzers: Mapping[str, Any]) -> list[str]:
    """Compare our mutator with atheris."""
    command = f"`python bench/fuzzers.py --minutes {fuzzers['minutes']:g} --seed {fuzzers['seed']}`"
    lines = [
        f"Our mutator and atheris on readers of recordings, minutes of processor time each ({command}):",
        "",
        "| mutator | tried | edges of `violute.audio` reached after a minute | at the end | found |",
        "|---|---|---|---|---|",
    ]
    for name, row in fuzzers["rows"].items():
        lines.append(f"| {name} | {row['tried']} | {row['edges'][0]} | {row['edges'][-1]} | {row['found']} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
