"""`Prefetched`: a piece that was analysed before anybody asked for it, kept by the worker that did."""

from __future__ import annotations

import filecmp
from dataclasses import dataclass

from violute.studio.work.jobs import Analysed, AnalyseJob
from violute.voices.take import Take


@dataclass(frozen=True)
class Prefetched:
    """What came of an analysis.

    Attributes:
        job: What was asked.
        analysed: The outcome.
        take: To be rendered.
        preview: Content of the file for the page.
        parameters: Likewise; None where the voice has none.
    """

    job: AnalyseJob
    analysed: Analysed
    take: Take
    preview: bytes
    parameters: bytes | None

    @classmethod
    def of(cls, job: AnalyseJob, analysed: Analysed, take: Take) -> Prefetched:
        """Keep what came of a job, whose files may go."""
        parameters = job.parameters.read_bytes() if analysed.live_gains is not None else None
        return cls(job, analysed, take, job.preview.read_bytes(), parameters)

    def responds_to(self, job: AnalyseJob) -> bool:
        """Whether a job asks the same of the same recording, whatever its name."""
        is_alike = (job.voice, job.lines) == (self.job.voice, self.job.lines)
        return is_alike and filecmp.cmp(job.source, self.job.source, shallow=False)
