"""The baselines that every voice is measured against, each a `Contender`.

| name | what it does | needs |
|---|---|---|
| source | the recording itself, at every mix | |
| layering | both ends of the voice at once; the mix sets their balance | the voice |
| cross_fade | both ends of the voice, at equal power | the voice |
| eq_match | the source under each instrument's average spectrum | recordings |
| world_envelope_swap | the source's pitch and loudness under nearest frames' envelopes | recordings |
| optimal_transport | nearest frames' partials, moved from one instrument to the other | recordings |
"""

from __future__ import annotations

from violute.errors import InputError
from violute.evaluation.baselines.eq_match import EqMatch
from violute.evaluation.baselines.layering import CrossFade, Layering, SourceItself
from violute.evaluation.baselines.reference_frames import ReferenceFrames
from violute.evaluation.baselines.references import References
from violute.evaluation.baselines.transport import OptimalTransport
from violute.evaluation.baselines.world import WorldEnvelopeSwap
from violute.voices.contract import Player
from violute.voices.family import FamilyVoice

BASELINE_NAMES = ("source", "layering", "cross_fade", "eq_match", "world_envelope_swap", "optimal_transport")


def all_baselines(voice: FamilyVoice, references: References | None = None) -> dict[str, Player]:
    """Make every baseline; those that borrow frames share one measurement of the recordings.

    Args:
        voice: Whose ends to layer and cross-fade.
        references: Recordings by end, of instruments and players that the bench does not play; the
            names are those of the voice's ends, in any order. None leaves out what needs recordings.

    Returns:
        By name, in the order of `BASELINE_NAMES`. They measure nothing before they are first used.

    Raises:
        InputError: Recordings of an end are missing.
    """
    baselines: list[Player] = [SourceItself(), Layering(voice), CrossFade(voice)]
    if references is None:
        return dict(zip(BASELINE_NAMES, baselines, strict=False))
    missing = [end for end in voice.card.ends if end not in references]
    if missing:
        raise InputError(
            f"references for {list(references)} came, none for {missing}: name them as {voice.card.name} does"
        )
    in_order = {end: references[end] for end in voice.card.ends}
    frames = ReferenceFrames(in_order)
    baselines += [EqMatch(in_order), WorldEnvelopeSwap(frames), OptimalTransport(frames)]
    return dict(zip(BASELINE_NAMES, baselines, strict=True))
