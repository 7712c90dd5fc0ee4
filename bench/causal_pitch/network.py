"""The twin of `violute.analysis.causal_pitch` that learns: all frames of some clips at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional as F

from violute.analysis import causal_pitch as causal

HIDDEN = (24, 12)
CHANGE = 8

SALIENCE_WEIGHT = 5.0
LOW_SALIENCE_WEIGHT, LOW_HZ = 2.5, (300.0, 500.0)
"""What the saliences add to the network's judgement: that of the longest window where pitches are low."""

N_SHARED = 7
"""What the network is shown of a frame: levels, how they change, and how peaked the spectrum is."""

GLIDE_BINS = 2
"""How far a pitch moves in a frame without a leap: 50 cents."""


def salience_weights() -> Float32[np.ndarray, "window candidate"]:
    """Return what each salience of a candidate counts beside the network."""
    is_low = np.interp(np.log2(causal.candidates_hz()), np.log2(LOW_HZ), (1.0, 0.0))
    counts = (np.full(causal.N_CANDIDATES, SALIENCE_WEIGHT), LOW_SALIENCE_WEIGHT * is_low)
    return np.stack(counts).astype(np.float32)


class CausalPitchNetwork(nn.Module):
    """Belief about the pitch, from what is known of candidates and of frames."""

    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Linear(causal.N_OWN, HIDDEN[0])
        self.shared = nn.Linear(N_SHARED, HIDDEN[0], bias=False)
        self.second = nn.Linear(*HIDDEN)
        self.last = nn.Linear(HIDDEN[1], 1, bias=False)
        self.change = nn.Linear(N_SHARED, CHANGE)
        self.leap = nn.Linear(CHANGE, 1)
        self.glide = nn.Parameter(torch.tensor([3.0, 1.0, -1.0]))
        self.salience: Tensor
        self.register_buffer("salience", torch.from_numpy(salience_weights()))
        nn.init.constant_(self.leap.bias, -3.0)

    def forward(
        self, own: Float[Tensor, "clip frame own candidate"], shared: Float[Tensor, "clip frame shared"]
    ) -> Float[Tensor, "clip frame candidate"]:
        """Return the logarithm of the belief."""
        n_clips, n_frames = shared.shape[:2]
        hidden = F.conv1d(own.flatten(0, 1), self.own.weight[:, :, None], self.own.bias)
        hidden = F.relu(hidden + self.shared(shared).flatten(0, 1)[:, :, None])
        hidden = F.relu(F.conv1d(hidden, self.second.weight[:, :, None], self.second.bias))
        logits = F.conv1d(hidden, self.last.weight[:, :, None]).reshape(n_clips, n_frames, -1)
        logits = logits + (own[:, :, causal.SALIENCES] * self.salience).sum(dim=2)
        return self._filtered(logits, self.leap(F.relu(self.change(shared)))[..., 0])

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
            stayed = F.conv1d(belief[:, None], kernel, padding=GLIDE_BINS)[:, 0]
            belief = (stayed * (1.0 - leap[:, i]) + leap[:, i] / causal.N_CANDIDATES) * heard[:, i] + 1e-12
            belief = belief / belief.sum(dim=1, keepdim=True)
            found.append(belief)
        return torch.log(torch.stack(found, dim=1))

    def stored(self) -> dict[str, np.ndarray]:
        """Return the weights under the names that the player reads."""
        found = {name: tensor.detach().numpy().astype(np.float32) for name, tensor in self._named().items()}
        return {**found, "glide": self.glide_kernel().detach().numpy()}

    def restore(self, weights: Mapping[str, np.ndarray]) -> None:
        """Go on from stored weights."""
        with torch.no_grad():
            for name, tensor in self._named().items():
                tensor.copy_(torch.from_numpy(weights[name]))
            self.glide.copy_(torch.from_numpy(weights["glide"][GLIDE_BINS:]).log())

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
            "salience": self.salience,
        }
