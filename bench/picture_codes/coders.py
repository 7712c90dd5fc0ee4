"""The trained networks of spectrogram voices as codes: a window in, a latent out, and a window again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float32, Int

from violute.errors import InputError
from violute.families.mevae.network import MultiEncoderVae
from violute.families.vae.network import Vae
from violute.families.vae.recipes import SpectrogramRecipe
from violute.training.averaging import AveragedWeights
from violute.training.checkpoints import read_checkpoint
from violute.training.run_folder import RunFolder

BATCH_WINDOWS = 16

Pictures = Float32[np.ndarray, "window bin frame"]
LatentArray = Float32[np.ndarray, "window channel step"]
Ends = Int[np.ndarray, " window"]


class Coder(Protocol):
    """A trained code."""

    def encode(self, pictures: Pictures, ends: Ends) -> LatentArray:
        """Return the means of the latent; `ends` says which instrument plays each window."""
        ...

    def decode(self, latents: LatentArray, ends: Ends, partials: Pictures | None) -> Pictures:
        """Draw latents, as these instruments and with harmonics there where the decoder is told them."""
        ...


class VaeCoder:
    """The code of a `Vae`.

    Args:
        network: Trained.
    """

    def __init__(self, network: Vae) -> None:
        self.network = network.eval()

    def encode(self, pictures: Pictures, ends: Ends) -> LatentArray:
        """Return the means of the latent."""
        del ends
        return _batched(lambda x: self.network.encode(x).mean, pictures)

    def decode(self, latents: LatentArray, ends: Ends, partials: Pictures | None) -> Pictures:
        """Draw latents; a network without condition is told nothing."""
        told = () if partials is None else (partials,)
        return _batched(self.network.decode, latents, ends.astype(np.float32), *told)


class MultiEncoderCoder:
    """The code of a `MultiEncoderVae`: each window goes through the encoder of its instrument.

    Args:
        network: Trained.
    """

    def __init__(self, network: MultiEncoderVae) -> None:
        self.network = network.eval()

    def encode(self, pictures: Pictures, ends: Ends) -> LatentArray:
        """Return the means of the latent, by the encoder of each instrument."""
        by_encoder = [
            _batched(lambda x, encoder=encoder: self.network.encode(x, encoder).mean, pictures)
            for encoder in range(2)
        ]
        return np.where((ends == 1)[:, None, None], by_encoder[1], by_encoder[0])

    def decode(self, latents: LatentArray, ends: Ends, partials: Pictures | None) -> Pictures:
        """Draw latents, as played by these instruments."""
        told = () if partials is None else (partials,)
        return _batched(self.network.decode, latents, ends.astype(np.float32), *told)


def open_coder(run: Path, recipe: SpectrogramRecipe, family: str) -> Coder:
    """Open what a run has learned: its best weights, or its last where it keeps no best.

    Args:
        run: Run folder of `violute train vae` or `mevae`.
        recipe: Of the run.
        family: `vae` or `mevae`.

    Raises:
        InputError: There is no checkpoint, or it is of another model.
    """
    folder = RunFolder(run)
    path = folder.best_checkpoint if folder.best_checkpoint.exists() else folder.last_checkpoint
    if not path.exists():
        raise InputError(f"{path}: there is no such checkpoint: train until there is one")
    state = read_checkpoint(path)
    network = Vae(recipe.network) if family == "vae" else MultiEncoderVae(recipe.network)
    try:
        network.load_state_dict(state["modules"]["network"])
        if state.get("averaged") is not None:
            averaged = AveragedWeights({"network": network}, 0.0)
            averaged.load_state_dict(state["averaged"])
            averaged.copy_to_parameters()
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise InputError(
            f"{path}: is of another model: measure it with the version that trained it"
        ) from None
    return VaeCoder(network) if isinstance(network, Vae) else MultiEncoderCoder(network)


def _batched(function: Any, *arrays: np.ndarray) -> np.ndarray:
    """Apply a function of tensors to some windows at a time."""
    with torch.no_grad():
        done = [
            function(*(torch.from_numpy(array[at : at + BATCH_WINDOWS]) for array in arrays))
            for at in range(0, len(arrays[0]), BATCH_WINDOWS)
        ]
    return torch.cat(done).numpy()
