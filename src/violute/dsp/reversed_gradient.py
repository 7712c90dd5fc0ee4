"""The identity whose gradient is turned round: what lies before it learns the contrary of what lies behind.

Source:
    Ganin & Lempitsky, Unsupervised domain adaptation by backpropagation (ICML 2015), equation 4.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class ReversedGradient(torch.autograd.Function):
    """The identity forwards, its negative backwards."""

    @staticmethod
    def forward(_context: Any, value: Tensor) -> Tensor:
        """Pass a value on."""
        return value.view_as(value)

    @staticmethod
    def backward(_context: Any, *gradients: Any) -> Any:
        """Turn the gradient round."""
        return -gradients[0]
