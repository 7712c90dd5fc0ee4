"""Moving average of the weights: steadier than the last step's, and what gets evaluated and exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class AveragedWeights:
    """Exponential moving average of every parameter of some modules.

    Buffers (running statistics) are not averaged; they are averages already.

    Args:
        modules: Whose parameters to follow.
        decay: Share of the old average that a step keeps, in [0, 1). Early on less is kept, so
            that the average forgets the untrained weights.

    Source:
        Polyak and Juditsky, Acceleration of stochastic approximation by averaging (SIAM Journal on
        Control and Optimization 30(4), 1992); the warm-up of the decay is that of TensorFlow's
        `ExponentialMovingAverage`, min(decay, (1 + step) / (10 + step)).
    """

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        self._decay = decay
        self._parameters = {
            f"{name}.{key}": parameter
            for name, module in modules.items()
            for key, parameter in module.named_parameters()
        }
        self._averages = {key: p.detach().clone() for key, p in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters as they are after `step` steps."""
        decay = min(self._decay, (1.0 + step) / (10.0 + step))
        # All at a stroke: one by one, hundreds of small kernels would cost a GPU more than its step.
        if self._averages:
            parameters = [self._parameters[key].detach() for key in self._averages]
            get_ema_multi_avg_fn(decay)(list(self._averages.values()), parameters, None)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages in the parameters' place, and the parameters back at the end."""
        kept = {key: p.detach().clone() for key, p in self._parameters.items()}
        self.copy_to_parameters()
        try:
            yield
        finally:
            self._copy(kept, self._parameters)

    def copy_to_parameters(self) -> None:
        """Overwrite the parameters by their averages, for good."""
        self._copy(self._averages, self._parameters)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the averages by `module.parameter`."""
        return dict(self._averages)

    def load_state_dict(self, averages: Mapping[str, Tensor]) -> None:
        """Overwrite the averages."""
        self._copy(averages, self._averages)

    @staticmethod
    @torch.no_grad()
    def _copy(source: Mapping[str, Tensor], destination: Mapping[str, Tensor]) -> None:
        for key, tensor in destination.items():
            tensor.copy_(source[key])


@contextmanager
def evaluating(modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Put modules in evaluation mode, and each part back into the mode that it had."""
    modes = [(part, part.training) for module in modules.values() for part in module.modules()]
    for module in modules.values():
        module.eval()
    try:
        yield
    finally:
        for part, was_training in modes:
            part.training = was_training
