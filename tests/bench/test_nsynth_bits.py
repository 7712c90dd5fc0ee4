"""Weights out of a voice file: the network that is put together again is the one that was exported."""

from __future__ import annotations

import torch
from nsynth_bits import network_of_voice

from violute.families.nsynth.export import export_nsynth
from violute.families.nsynth.network import Nsynth
from violute.families.nsynth.recipes import TINY_NETWORK


def test_a_voice_file_gives_back_the_network(tmp_path):
    torch.manual_seed(0)
    network = Nsynth(TINY_NETWORK).eval()
    path = tmp_path / "tiny.onnx"
    export_nsynth(network, path, names=("flute", "violin"), card={"name": "tiny"})
    back = network_of_voice(path, TINY_NETWORK).state_dict()
    for name, weights in network.state_dict().items():
        torch.testing.assert_close(back[name], weights, msg=name)
