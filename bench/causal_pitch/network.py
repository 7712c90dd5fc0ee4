"""The twin of `violute.analysis.causal_pitch` that learns: all frames of some clips at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from violute.analysis import causal_pitch as causal

HIDDEN = (24, 12)
CHANGE, VOICED = 8, 8


class CausalPitchNetwork(nn.Module):
    """Belief about the pitch and log odds of being voiced, from levels in dB."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Linear(causal.N_OWN, HIDDEN[0])
        self.shared = nn.Linear(causal.N_SHARED, HIDDEN[0], bias=False)
        self.second = nn.Linear(*HIDDEN)
        self.last = nn.Linear(HIDDEN[1], 1, bias=False)
        self.change = nn.Linear(causal.N_SHARED, CHANGE)
        self.leap = nn.Linear(CHANGE, 1)
        self.glide = nn.Parameter(torch.tensor([3.0, 1.0, -1.0]))
        self.voiced = nn.Linear(causal.N_SHARED + 4, VOICED)
        self.voiced_out = nn.Linear(VOICED, 1)
        nn.init.constant_(self.leap.bias, -3.0)

    def forward(
        self, own: Float[Tensor, "clip frame own candidate"], shared: Float[Tensor, "clip frame shared"]
    ) -> tuple[Float[Tensor, "clip frame candidate"], Float[Tensor, "clip frame"]]:
        """Return the logarithm of the belief, and the log odds of being voiced."""
        n_clips, n_frames = shared.shape[:2]
        hidden = F.conv1d(own.flatten(0, 1), self.own.weight[:, :, None], self.own.bias)
        hidden = F.relu(hidden + self.shared(shared).flatten(0, 1)[:, :, None])
        hidden = F.relu(F.conv1d(hidden, self.second.weight[:, :, None], self.second.bias))
        logits = F.conv1d(hidden, self.last.weight[:, :, None]).reshape(n_clips, n_frames, -1)
        belief = self._filtered(logits, self.leap(F.relu(self.change(shared)))[..., 0])
        return belief, self._voiced(shared, logits, belief)

    def glide_kernel(self) -> Tensor:
        """Shares of a belief that move by -2 to 2 bins."""
        return torch.softmax(torch.cat([self.glide.flip(0)[:-1], self.glide]), dim=0)

    def _filtered(self, logits: Tensor, leap_odds: Tensor) -> Tensor:
        kernel = self.glide_kernel()[None, None]
        heard = torch.softmax(logits, dim=2)
        leap = torch.sigmoid(leap_odds)[..., None]
        belief = torch.full_like(heard[:, 0], 1.0 / causal.N_CANDIDATES)
        found = []
        for i in range(logits.shape[1]):
            stayed = F.conv1d(belief[:, None], kernel, padding=causal.GLIDE_BINS)[:, 0]
            belief = (stayed * (1.0 - leap[:, i]) + leap[:, i] / causal.N_CANDIDATES) * heard[:, i] + 1e-12
            belief = belief / belief.sum(dim=1, keepdim=True)
            found.append(belief)
        return torch.log(torch.stack(found, dim=1))

    def _voiced(self, shared: Tensor, logits: Tensor, belief: Tensor) -> Tensor:
        logits, belief = logits.detach(), belief.detach()
        most, best = belief.max(dim=2)
        top = logits.max(dim=2).values
        spread = torch.log(torch.exp(logits - top[..., None]).mean(dim=2))
        at_best = logits.gather(2, best[..., None])[..., 0]
        told = torch.stack([0.1 * at_best, 0.1 * top, 0.1 * spread, most.exp()], dim=2)
        return self.voiced_out(F.relu(self.voiced(torch.cat([shared, told], dim=2))))[..., 0]

    def stored(self) -> dict[str, np.ndarray]:
        """Return the weights under the names that the player reads."""
        found = {name: tensor.detach().numpy().astype(np.float32) for name, tensor in self._named().items()}
        return {**found, "glide": self.glide_kernel().detach().numpy()}

    def restore(self, weights: Mapping[str, np.ndarray]) -> None:
        """Go on from stored weights."""
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(torch.from_numpy(weights[name]))
            self.glide.copy_(torch.from_numpy(weights["glide"][causal.GLIDE_BINS :]).log())

    def _named(self) -> dict[str, Tensor]:
        return {
            "own": self.own.weight,
            "first": self.own.bias,
            "shared": self.shared.weight,
            "second": self.second.weight,
            "second_bias": self.second.bias,
            "last": self.last.weight[0],
            "change": self.change.weight,
            "change_bias": self.change.bias,
            "leap": self.leap.weight[0],
            "leap_bias": self.leap.bias[0],
            "voiced": self.voiced.weight,
            "voiced_bias": self.voiced.bias,
            "voiced_out": self.voiced_out.weight[0],
            "voiced_out_bias": self.voiced_out.bias[0],
        }
