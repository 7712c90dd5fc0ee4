"""Causal convolutions that remember: the same layer offline, on zeros before the start, and block by block.

A network made of these alone is causal, and a stream of blocks through it gives the very samples that the
whole would have given. Two reshapings change the rate: `fold` puts neighbouring steps beside each other as
channels, `unfold` lays them out again, so that a convolution between them is a strided or a transposed one
and needs no further memory.

Shapes stand in the text here, (batch, channel, step): TorchScript reads these annotations, and knows plain
types only.

Source:
    Caillon & Esling, Streamable neural audio synthesis with non-causal convolutions (DAFx 2022), section 3,
    for cached padding; Shi et al., Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network (CVPR 2016), section 2.2, for the reshaping.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


def fold(x: Tensor, factor: int) -> Tensor:
    """Put `factor` neighbouring steps beside each other: channel `c * factor + j` holds step j of them.

    (batch, channel, step * factor) becomes (batch, channel * factor, step).
    """
    batch, channels = x.shape[0], x.shape[1]
    apart = x.reshape(batch, channels, -1, factor).transpose(2, 3)
    return apart.reshape(batch, channels * factor, -1)


def unfold(x: Tensor, factor: int) -> Tensor:
    """Undo `fold`: (batch, channel * factor, step) becomes (batch, channel, step * factor)."""
    batch, channels = x.shape[0], x.shape[1] // factor
    apart = x.reshape(batch, channels, factor, -1).transpose(2, 3)
    return apart.reshape(batch, channels, -1)


def repeat(x: Tensor, factor: int) -> Tensor:
    """Hold each step of (batch, channel, step) for `factor` steps."""
    batch, channels = x.shape[0], x.shape[1]
    return x.unsqueeze(3).expand(batch, channels, x.shape[2], factor).reshape(batch, channels, -1)


class CausalConv1d(nn.Module):
    """A convolution whose outputs hear no later input, and `kernel_size` steps with the present one.

    Attributes:
        is_streaming: Whether the inputs of one call follow those of the call before.
        n_past: Steps before the present that are heard.
    """

    past: Tensor

    def __init__(
        self, n_in: int, n_out: int, kernel_size: int = 1, dilation: int = 1, *, has_bias: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, kernel_size, dilation=dilation, bias=has_bias)
        self.n_past = (kernel_size - 1) * dilation
        self.is_streaming = False
        self.register_buffer("past", torch.zeros(1, n_in, self.n_past), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, after zeros or after what was heard before."""
        if self.n_past > 0:
            if self.is_streaming:
                if self.past.shape[0] != x.shape[0]:
                    self.past = torch.zeros(x.shape[0], x.shape[1], self.n_past, device=x.device)
                x = torch.cat([self.past, x], dim=2)
                self.past = x[:, :, x.shape[2] - self.n_past :].detach()
            else:
                x = functional.pad(x, (self.n_past, 0))
        y: Tensor = self.conv(x)
        return y


def set_streaming(module: nn.Module, *, on: bool) -> None:
    """Let all convolutions of a module remember, or no longer; either way they forget what they heard."""
    for part in module.modules():
        if isinstance(part, CausalConv1d):
            part.is_streaming = on
            part.past = torch.zeros_like(part.past)
