"""The training loop that every model family shares.

A run of so many steps is a function of its settings and its data: seeds are derived from the step, the
learning rate is a function of the step, and a checkpoint holds the rest. So a run that was killed and
resumed ends, on a CPU, bit for bit where an uninterrupted one ends. Where minutes end a run, schedules
follow the clock: a resumed run goes on from the time that was spent, but no two runs are alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from violute.errors import TrainingError
from violute.training.averaging import AveragedWeights, evaluating
from violute.training.batches import Batch, Batches, drawn_batches, to_device, workers_for
from violute.training.checkpoints import read_checkpoint, write_checkpoint
from violute.training.losses import DivergenceAlarm, LossMeter
from violute.training.plots import VALIDATION
from violute.training.processes import (
    average_gradients,
    copy_from_writer,
    current_processes,
    fast_arithmetic,
    share_from_writer,
)
from violute.training.progress import OnTrainingProgress, Progress, TrainingResult
from violute.training.run_folder import RunFolder
from violute.training.schedules import CHECKPOINT_SECONDS, Timetable, learning_rate_factor
from violute.training.seeds import Stream, derived_seed, seed_everything
from violute.training.settings import LoopSettings
from violute.training.task import StepContext, Task, Watched


def train(
    task: Task,
    run_dir: str | Path,
    settings: LoopSettings,
    *,
    config: object = None,
    resume: bool = False,
    on_progress: OnTrainingProgress | None = None,
    on_warning: Callable[[str], None] | None = None,
    warnings: Sequence[str] = (),
) -> TrainingResult:
    """Train until the steps or the minutes are spent; leave the best weights in the modules.

    In several processes, call it in each, within `joined_processes`.

    Args:
        task: The family's modules, optimizers, step and validation.
        run_dir: Folder for metrics, checkpoints, plots and sounds; see `RunFolder`.
        settings: How long, how often and how carefully.
        config: The whole recipe, recorded and compared on resume; None records `settings` alone.
        resume: Continue the run in `run_dir`, killed or ended; without one there, start.
        on_progress: Called with the losses and the time left.
        on_warning: Called with a line where the task sees that training goes wrong; once a start.
        warnings: Of the time before the first step, for the run folder to keep.

    Raises:
        TrainingError: The folder holds another run, one trains in it at this moment, its checkpoint
            doesn't fit, or training diverged (the last good checkpoint is kept).
    """
    folder = RunFolder(Path(run_dir))
    processes = current_processes()
    recorded = {"loop": settings} if config is None else config
    gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    alone = folder.alone() if processes.is_writer else nullcontext()
    with alone, torch.random.fork_rng(devices=gpus):
        resuming = folder.start(recorded, resume=resume) if processes.is_writer else False
        run = _Run(task, folder, settings, on_progress, on_warning)
        if share_from_writer(resuming):
            run.restore()
        for message in warnings:
            run.keep_warning(message)
        return run.to_the_end()


class _Run:
    """One start of a run: what changes from step to step, and what is done with it."""

    def __init__(
        self,
        task: Task,
        folder: RunFolder,
        settings: LoopSettings,
        on_progress: OnTrainingProgress | None,
        on_warning: Callable[[str], None] | None,
    ) -> None:
        self.task, self.folder, self.settings = task, folder, settings
        self.on_progress, self.on_warning = on_progress, on_warning
        self.has_warned = False
        self.processes = current_processes()
        self.modules: dict[str, nn.Module] = dict(task.modules())
        self.optimizers = dict(task.optimizers())
        self.base_rates = {
            name: [float(group["lr"]) for group in optimizer.param_groups]
            for name, optimizer in self.optimizers.items()
        }
        copy_from_writer(self.modules)
        decay = settings.averaging_decay
        self.averaged = None if decay is None else AveragedWeights(self.modules, decay)
        self.step = 0
        self.best_value, self.best_step = math.inf, 0
        self.best_validation: dict[str, float] = {}
        self.validation: dict[str, float] = {}
        self.seconds_before = self.time_share = 0.0
        self.started = self.reported = time.monotonic()
        self.steps_at_start = self.steps_at_report = 0
        self.timetable = Timetable(settings, is_timed=self.processes.n_processes == 1)
        self.plotted = -math.inf
        self.meter, self.alarm = LossMeter(), DivergenceAlarm()
        weights = (p for module in self.modules.values() for p in module.parameters())
        self.device = next((p.device for p in weights), torch.device("cpu"))

    @property
    def seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started

    def to_the_end(self) -> TrainingResult:
        """Step, report, validate and save, each when due; then take up the best weights."""
        if not self._is_over():
            batches = Batches(self.task, self.settings.seed, self.processes.rank)
            n_workers = workers_for(batches, self.device, self.settings.batch_workers)
            steps = range(self.step, self.settings.n_steps)
            with fast_arithmetic(self.device), drawn_batches(batches, steps, n_workers=n_workers) as drawn:
                self._walk(drawn)
        self._take_up_best()
        if self.processes.is_writer:
            self._write_sounds()
        stopped_by: Literal["steps", "minutes"] = "steps" if self.step >= self.settings.n_steps else "minutes"
        return TrainingResult(self.step, self.best_step, dict(self.best_validation), self.seconds, stopped_by)

    def _walk(self, drawn: Iterator[Batch]) -> None:
        """Take steps until the run is over."""
        timetable = self.timetable
        is_over = False
        while not is_over:
            self._advance(next(drawn))
            is_over = self._is_over()
            is_validating = is_over or timetable.is_due("validation", self.step)
            is_saving = is_over or timetable.is_due("checkpoint", self.step)
            if is_validating or is_saving or timetable.is_due("report", self.step):
                self._report()
                timetable.done("report")
            if is_validating:
                self._validate(is_last=is_over)
                timetable.done("validation")
            if is_saving:
                self._save()
                timetable.done("checkpoint")
            if is_validating or is_saving:
                self.reported = time.monotonic()  # so that the pace is that of the steps alone

    def restore(self) -> None:
        """Continue from the last checkpoint."""
        path = self.folder.last_checkpoint
        state = share_from_writer(read_checkpoint(path) if self.processes.is_writer else {})
        try:
            for name, module in self.modules.items():
                module.load_state_dict(state["modules"][name])
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(state["optimizers"][name])
            if self.averaged is not None:
                self.averaged.load_state_dict(state["averaged"])
            self.step = state["step"]
            self.best_value, self.best_step = state["best_value"], state["best_step"]
            self.best_validation, self.validation = state["best_validation"], state["validation"]
            self.alarm = DivergenceAlarm(state["recent_totals"])
            self.seconds_before = state["seconds"]
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise TrainingError(
                f"{path}: is of another model: resume with its own recipe or name another folder"
            ) from None
        self.steps_at_start = self.steps_at_report = self.step
        if self.processes.is_writer:
            self.folder.truncate_metrics(self.step)

    def _advance(self, batch: Batch) -> None:
        """Do one step, all its chance seeded by its number."""
        seed = derived_seed(self.settings.seed, Stream.TRAINING, self.step, self.processes.rank)
        generator = seed_everything(seed)
        generator.set_state(batch.state)
        context = StepContext(self.step, self.settings.n_steps, generator, self._descend, self.time_share)
        losses = self.task.step(to_device(batch.drawn, self.device), context)
        self.step += 1
        for name, loss in losses.items():
            self.meter.add(name, loss)
        if self.averaged is not None:
            self.averaged.update(self.step)

    def _descend(self, name: str, loss: Tensor) -> None:
        """Move the parameters of one optimizer down the gradient of `loss`."""
        optimizer = self.optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        average_gradients(parameters)
        limit = self.settings.gradient_clip_norm
        norm = nn.utils.clip_grad_norm_(parameters, math.inf if limit is None else limit)
        factor = learning_rate_factor(self.step, self.settings, time_share=self.time_share)
        for group, rate in zip(optimizer.param_groups, self.base_rates[name], strict=True):
            group["lr"] = rate * factor
        optimizer.step()
        self.meter.add(f"gradient_norm/{name}", norm)
        self.meter.add(f"learning_rate/{name}", self.base_rates[name][0] * factor)

    def _report(self) -> None:
        """Read the losses since the last report, at one stroke, and write and pass on their means."""
        losses = self.meter.read(self.device)
        diverged = self.alarm.diverged(losses)
        if diverged is not None:
            last = self.folder.last_checkpoint
            kept = f"the last good checkpoint is {last}" if last.exists() else "there was no checkpoint yet"
            raise TrainingError(
                f"training diverged: {diverged} is {losses[diverged]:g} by step {self.step}: "
                f"lower the learning rate or gradient_clip_norm; {kept}"
            )
        now = time.monotonic()
        pace = (now - self.reported) / max(self.step - self.steps_at_report, 1)
        self.reported, self.steps_at_report = now, self.step
        if self.processes.is_writer:
            row = {"step": self.step, "seconds": self.seconds, "seconds_per_step": pace}
            self.folder.append_metrics(row | losses)
        self._pass_on(losses, pace)

    def _validate(self, *, is_last: bool) -> None:
        """Measure the averaged weights and keep them if they are the best."""
        copy_from_writer(self.modules, buffers_only=True)
        with nullcontext() if self.averaged is None else self.averaged.applied():
            with evaluating(self.modules), torch.no_grad():
                seed_everything(derived_seed(self.settings.seed, Stream.VALIDATION))
                measured = {name: float(value) for name, value in self.task.validate().items()}
            measured = share_from_writer(measured)
            self.validation = {VALIDATION + name: value for name, value in measured.items()}
            best_by = self.settings.best_by
            if measured and best_by is not None:
                if best_by not in measured:
                    raise TrainingError(
                        f"best_by is {best_by!r}, validation measures {', '.join(sorted(measured))}: "
                        "name one of these"
                    )
                if measured[best_by] < self.best_value:
                    self.best_value, self.best_step = measured[best_by], self.step
                    self.best_validation = self.validation
                    if self.processes.is_writer:
                        state = {"step": self.step, "validation": self.validation}
                        state["modules"] = self._module_states()
                        write_checkpoint(self.folder.best_checkpoint, state)
        if self.processes.is_writer:
            if self.validation:
                self.folder.append_metrics({"step": self.step, "seconds": self.seconds} | self.validation)
            # Drawing takes a second or two, which many a validation does not.
            if is_last or time.monotonic() - self.plotted >= CHECKPOINT_SECONDS:
                self.folder.plot()
                self.plotted = time.monotonic()
            self._warn_of(measured)

    def _warn_of(self, measured: Mapping[str, float]) -> None:
        """Pass on what the task says is wrong, the first time."""
        problem = self.task.problem(measured) if isinstance(self.task, Watched) else None
        if problem is None or self.has_warned:
            return
        self.has_warned = True
        self.keep_warning(problem)
        if self.on_warning is not None:
            self.on_warning(problem)

    def keep_warning(self, message: str) -> None:
        """Leave a warning in the run folder."""
        if self.processes.is_writer:
            self.folder.append_warning(self.step, message)

    def _save(self) -> None:
        """Write everything that the next start needs."""
        copy_from_writer(self.modules, buffers_only=True)
        if not self.processes.is_writer:
            return
        state = {
            "step": self.step,
            "modules": self._module_states(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "averaged": None if self.averaged is None else self.averaged.state_dict(),
            "best_value": self.best_value,
            "best_step": self.best_step,
            "best_validation": self.best_validation,
            "validation": self.validation,
            "recent_totals": self.alarm.recent_totals,
            "seconds": self.seconds,
        }
        write_checkpoint(self.folder.last_checkpoint, state)

    def _take_up_best(self) -> None:
        """Leave in the modules the best validated weights, or else the averaged ones."""
        if self.best_step:
            state = read_checkpoint(self.folder.best_checkpoint) if self.processes.is_writer else {}
            state = share_from_writer(state)
            for name, module in self.modules.items():
                module.load_state_dict(state["modules"][name])
            self.best_step, self.best_validation = state["step"], state["validation"]
            return
        self.best_step = self.step
        if self.averaged is not None:
            self.averaged.copy_to_parameters()

    def _write_sounds(self) -> None:
        with evaluating(self.modules), torch.no_grad():
            seed_everything(derived_seed(self.settings.seed, Stream.SOUNDS))
            self.folder.write_sounds(self.task.sounds())

    def _is_over(self) -> bool:
        """Look at the clock, and tell whether the steps or the minutes are spent.

        Of several processes the writer looks, at reports, so that all go by one time and end together.
        """
        minutes = self.settings.minutes
        if minutes is not None and not (
            self.processes.n_processes > 1 and self.step % self.settings.report_every
        ):
            self.time_share = share_from_writer(min(self.seconds / (60.0 * minutes), 1.0))
        return self.step >= self.settings.n_steps or self.time_share >= 1.0

    def _pass_on(self, losses: Mapping[str, float], seconds_per_step: float) -> None:
        if self.on_progress is None or not self.processes.is_writer:
            return
        n_left = self.settings.n_steps - self.step
        pace = (time.monotonic() - self.started) / max(self.step - self.steps_at_start, 1)
        left = n_left * pace
        if self.settings.minutes is not None:
            left = min(left, max(60.0 * self.settings.minutes - self.seconds, 0.0))
        at = (self.step, self.settings.n_steps, losses, self.seconds, seconds_per_step, left)
        self.on_progress(Progress(*at, dict(self.validation)))

    def _module_states(self) -> dict[str, Any]:
        return {name: dict(module.state_dict()) for name, module in self.modules.items()}
