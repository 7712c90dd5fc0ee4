"""What a voice's network may do: nothing but compute."""

import pytest
from onnx import TensorProto, helper

from violute.voices.network import UNUSABLE, open_network

SECRET = b"not for everybody"


def network_that_reads(location):
    """Return a network whose one weight lies in another file."""
    weight = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[len(SECRET)])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    played = helper.make_tensor_value_info("played", TensorProto.UINT8, [len(SECRET)])
    nodes = [helper.make_node("Identity", ["w"], ["played"])]
    graph = helper.make_graph(nodes, "reading", [], [played], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("location", ["secret.bin", "../{here}/secret.bin", "{path}/secret.bin"])
def test_a_network_reads_no_file_of_this_machine(tmp_path, monkeypatch, location):
    (tmp_path / "secret.bin").write_bytes(SECRET)
    monkeypatch.chdir(tmp_path)
    model = network_that_reads(location.format(here=tmp_path.name, path=tmp_path))
    with pytest.raises(UNUSABLE):
        open_network(model.SerializeToString())
