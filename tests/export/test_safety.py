"""ONNX graphs that are not run."""

import sys

import numpy as np
import pytest

from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.export.safety import ONNX_OPERATORS, check_onnx


@pytest.fixture
def onnx():
    return pytest.importorskip("onnx", reason="needs the package onnx")


def graph(onnx, kinds, tensors=()):
    """A model whose nodes follow each other."""
    nodes = [
        onnx.helper.make_node(kind, [f"t{n}"], [f"t{n + 1}"], domain=domain)
        for n, (kind, domain) in enumerate(kinds)
    ]
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1])
        for name in ("t0", f"t{len(nodes)}")
    ]
    made = onnx.helper.make_graph(nodes, "g", values[:1], values[1:], list(tensors))
    return onnx.helper.make_model(made)


def refusal(path):
    with pytest.raises(WeightsError) as caught:
        check_onnx(path)
    return str(caught.value)


def test_what_only_computes_passes(onnx, tmp_path):
    weights = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "w")
    onnx.save(graph(onnx, [("Relu", ""), ("Sqrt", "ai.onnx")], [weights]), tmp_path / "a.onnx")
    check_onnx(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("kind", "domain", "shown"),
    [
        ("Loop", "", "Loop"),
        ("If", "", "If"),
        ("Relu", "com.evil\x1b[2J", r"com.evil\x1b[2J.Relu"),
    ],
)
def test_other_operators(onnx, tmp_path, kind, domain, shown):
    onnx.save(graph(onnx, [("Relu", ""), (kind, domain)]), tmp_path / "a.onnx")
    message = refusal(tmp_path / "a.onnx")
    assert shown in message
    assert "\x1b" not in message


@pytest.mark.parametrize("inside", ["initializer", "constant"])
def test_weights_in_another_file(onnx, tmp_path, inside):
    tensor = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")
    tensor.ClearField("raw_data")
    if inside == "initializer":
        model = graph(onnx, [("Relu", "")], [tensor])
    else:
        model = graph(onnx, [("Constant", "")])
        model.graph.node[0].attribute.append(onnx.helper.make_attribute("value", tensor))
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    assert "'w' is to be read from another file" in refusal(tmp_path / "a.onnx")


def test_sparse_weights_in_another_file(onnx, tmp_path):
    values = onnx.numpy_helper.from_array(np.zeros(1, np.float32), "w")
    onnx.external_data_helper.set_external_data(values, "secret.bin")
    values.ClearField("raw_data")
    indices = onnx.numpy_helper.from_array(np.zeros(1, np.int64), "i")
    sparse = onnx.helper.make_sparse_tensor(values, indices, [4])
    model = graph(onnx, [("Constant", "")])
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("sparse_value", sparse))
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    assert "Constant has an attribute of a type" in refusal(tmp_path / "a.onnx")


def test_a_graph_within_a_setting(onnx, tmp_path):
    model = graph(onnx, [("Relu", "")])
    inner = onnx.helper.make_attribute("body", graph(onnx, [("Relu", "")]).graph)
    model.graph.node[0].attribute.append(inner)
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    assert "Relu has an attribute of a type" in refusal(tmp_path / "a.onnx")


def test_functions_of_its_own(onnx, tmp_path):
    model = graph(onnx, [("Relu", "")])
    model.functions.add().name = "Relu"
    onnx.save(model, tmp_path / "a.onnx")
    assert "parts that no net here needs" in refusal(tmp_path / "a.onnx")


def test_no_graph_at_all(onnx, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"\xff" * 100)
    assert "a.onnx is not an ONNX graph" in refusal(tmp_path / "a.onnx")


def test_subgraphs_have_no_way_in():
    assert not ONNX_OPERATORS & {"If", "Loop", "Scan", "SequenceMap"}


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[onnx\]'"):
        check_onnx(tmp_path / "a.onnx")
