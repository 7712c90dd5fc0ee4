"""Training the multi-encoder VAE: both encoders on both instruments, one decoder that is given which."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from violute.families.mevae.network import MultiEncoderVae
from violute.families.pictures.corpus import Windows
from violute.families.pictures.losses import divergence_above, played_by, spectrogram_losses
from violute.families.pictures.task import SpectrogramTask


class MevaeTask(SpectrogramTask):
    """The family `mevae` in training."""

    family = "mevae"
    built = MultiEncoderVae
    network: MultiEncoderVae

    def losses(self, windows: Windows) -> dict[str, Float[Tensor, ""]]:
        """Reconstruct windows from either encoder's code, and keep the instrument out of it.

        `latent/agreement` asks both encoders for one code; `latent/critic` is the critic's own
        loss, whose gradient reaches the code reversed; `source/cross_entropy` is the listener's.
        """
        coded = self.network(windows.heard, windows.end, windows.partials)
        free_nats = self.recipe.free_nats
        divergences = [divergence_above(posterior, free_nats) for posterior in (coded.own, coded.other)]
        return {
            **spectrogram_losses(
                coded.spectrogram, windows.spectrogram, windows.is_recorded, self.bin_weights
            ),
            "latent/divergence": 0.5 * (divergences[0] + divergences[1]),
            "latent/agreement": (coded.own.mean - coded.other.mean).square().mean(),
            "latent/critic": played_by(coded.critic_logit, windows.end),
            "source/cross_entropy": played_by(coded.listener_logit, windows.end),
        }
