"""Moving average of the weights: steadier than the last step's, and what gets validated and exported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


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
        for key, average in self._averages.items():
            parameter = self._parameters[key]
            if average.is_floating_point() or average.is_complex():
                average.lerp_(parameter.detach(), 1.0 - decay)
            else:
                average.copy_(parameter)

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
        """Overwrite the averages.

        Raises:
            KeyError: An average is missing.
            RuntimeError: One has another shape.
        """
        self._copy(averages, self._averages)

    @staticmethod
    @torch.no_grad()
    def _copy(source: Mapping[str, Tensor], destination: Mapping[str, Tensor]) -> None:
        for key, tensor in destination.items():
            tensor.copy_(source[key])
