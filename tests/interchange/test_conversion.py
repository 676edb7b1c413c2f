"""Weights of others in the nets here: the same numbers come out as in their own nets."""

import importlib.util

import numpy as np
import paddle
import pytest
from paddle.nn import functional as F

from paddle_alexnet import build_model
from paddle_alexnet.errors import WeightsError
from paddle_alexnet.interchange.conversion import export_weights, import_weights, unwrap
from paddle_alexnet.interchange.files import read_arrays
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.nets.weights import Description, net_arrays, read_weights, write_weights
from tests.nets.test_registry import caffenet
from tests.references import CLASSES, VECTORS, make_inputs

TORCH = importlib.util.find_spec("torch") is not None
WIDTH = 0.02
# As the layers are listed by torchvision and in the code of alexnet_pad2's article.
NAMES = {
    "alexnet_owt": (
        *(f"features.{i}" for i in (0, 3, 6, 8, 10)),
        *(f"classifier.{i}" for i in (1, 4, 6)),
    ),
    "alexnet_pad2": tuple(f"net.{i}" for i in (0, 4, 8, 10, 12, 17, 20, 22)),
}


def named(name, arrays):
    """Weights and biases in order, by the names that the net ``name`` has in torch."""
    keys = [f"{layer}.{part}" for layer in NAMES[name] for part in ("weight", "bias")]
    return dict(zip(keys, arrays, strict=True))


def state_of(name):
    """A torch state dict of a narrow net, as numpy arrays."""
    return named(name, make_inputs(name, WIDTH)[0])


@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod.", "model.net.", "net."]
)
@pytest.mark.parametrize("name", NAMES)
def test_torchs_names_give_torchs_logits(name, prefix):
    state = {prefix + key: array for key, array in state_of(name).items()}
    counters = {"n_averaged": np.array(7)} if prefix else {}
    unwrapped, notes = unwrap({**counters, **state})
    assert unwrapped.keys() == state_of(name).keys()
    assert notes == (f"without the prefix {prefix!r} and 'n_averaged'" if prefix else "")
    state |= counters
    net, description = import_weights(state, name, "x", width=WIDTH)
    assert description.architecture == name
    assert description.classes == tuple("0123456")
    assert description.preprocessing == MODELS[name].preprocessing
    net.eval()
    _, images, _ = make_inputs(name, WIDTH)
    # Stored vectors of the same seed: the logits of torch's net.
    with np.load(VECTORS / f"{name}.npz") as file:
        want = file["logits"][:-1].reshape(2, CLASSES)
    np.testing.assert_allclose(net(paddle.to_tensor(images)).numpy(), want, atol=1e-5)


@pytest.mark.skipif(not TORCH, reason="torch is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_a_pth_of_full_width(name, tmp_path):
    import torch

    from tests.references import torch_net

    theirs = torch_net(name, 1.0)
    state = named(name, theirs.state_dict().values())
    torch.save(state, tmp_path / "a.pth")
    net, _ = import_weights(read_arrays(tmp_path / "a.pth"), name, "a.pth")
    net.eval()
    images = make_inputs(name, 1.0)[1]
    with torch.no_grad():
        want = theirs(torch.from_numpy(images)).numpy()
    got = net(paddle.to_tensor(images)).numpy()
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


def test_paddle_visions_net_with_its_own_dropout(tmp_path):
    """Its dropout halves values in evaluation (downscale_in_infer): the weights carry that."""
    paddle.seed(0)
    theirs = paddle.vision.models.alexnet(num_classes=6)
    theirs.eval()
    paddle.save(theirs.state_dict(), str(tmp_path / "a.pdparams"))
    arrays = read_arrays(tmp_path / "a.pdparams")
    net, description = import_weights(arrays, "alexnet_owt", "a.pdparams")
    assert len(description.classes) == 6
    net.eval()
    images = paddle.randn([2, 3, 224, 224])
    want = theirs(images).numpy()
    np.testing.assert_allclose(net(images).numpy(), want, atol=1e-5 * np.abs(want).max())
    # And back, into their net.
    write_weights(tmp_path / "b.safetensors", net_arrays(net), description)
    back = export_weights(tmp_path / "b.safetensors", "alexnet_owt", "paddle")
    assert {k: v.shape for k, v in back.items()} == {k: v.shape for k, v in arrays.items()}
    for key, array in arrays.items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)


def caffe_blobs(name="caffenet", classes=4):
    rng = np.random.default_rng(0)
    net = build_model(name, classes, width=WIDTH)
    blobs = {}
    layers = [*(f"conv{i}" for i in range(1, 6)), "fc6", "fc7", "fc8"]
    for place, parameter in enumerate(net.parameters()):
        shape = parameter.shape if len(parameter.shape) == 4 else parameter.shape[::-1]
        key = f"{layers[place // 2]}_{'wb'[place % 2]}"
        blobs[key] = (0.1 * rng.standard_normal(shape)).astype(np.float32)
    return blobs


@pytest.mark.parametrize("old", [False, True])
def test_caffes_blobs_see_blue_first(old):
    blobs = caffe_blobs()
    given = blobs
    if old:  # every blob of rank 4
        given = {k: v.reshape((1,) * (4 - v.ndim) + v.shape) for k, v in blobs.items()}
    net, description = import_weights(given, "caffenet", "x", width=WIDTH)
    assert description.preprocessing.squash
    images = paddle.randn([1, 3, 227, 227])  # red first
    want = F.conv2d(
        images.flip(1), paddle.to_tensor(blobs["conv1_w"]), paddle.to_tensor(blobs["conv1_b"]), 4
    )
    np.testing.assert_allclose(net.block1[0](images).numpy(), want.numpy(), atol=1e-5)
    hidden = paddle.randn([3, blobs["fc8_w"].shape[1]])
    want = hidden.numpy() @ blobs["fc8_w"].T + blobs["fc8_b"]
    np.testing.assert_allclose(net.out_fc(hidden).numpy(), want, atol=1e-5)


def test_caffes_blobs_give_what_caffes_net_gives():
    """The whole net in float64 numpy, on blue first; ours on red first."""
    blobs = caffe_blobs()
    net, _ = import_weights(blobs, "caffenet", "x", width=WIDTH)
    net.eval()
    red_first = np.random.default_rng(1).normal(0, 60, (2, 3, 227, 227)).astype(np.float32)
    layers = {
        name: (blobs[f"{name}_w"].astype(float), blobs[f"{name}_b"].astype(float))
        for name in (*(f"conv{i}" for i in range(1, 6)), "fc6", "fc7", "fc8")
    }
    for name in ("fc6", "fc7", "fc8"):  # the reference has Paddle's layout
        layers[name] = layers[name][0].T, layers[name][1]
    want = caffenet(red_first[:, ::-1].astype(float), layers)
    got = net(paddle.to_tensor(red_first)).numpy()
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())


def test_paddleclass_names():
    """As ppcls/arch/backbone/model_zoo/alexnet.py makes them: pooled convolutions are nested."""
    names = ["_conv1._conv", "_conv2._conv", "_conv3", "_conv4", "_conv5._conv"]
    names += ["_fc6", "_fc7", "_fc8"]
    arrays = {}
    for name, (weight, bias) in zip(
        names, batched(make_inputs("alexnet_owt", WIDTH)[0]), strict=True
    ):
        arrays[f"{name}.weight"] = weight.T if weight.ndim == 2 else weight
        arrays[f"{name}.bias"] = bias
    net, _ = import_weights(arrays, "alexnet_owt", "x", width=WIDTH)
    for name, parameter in zip(arrays, net.parameters(), strict=True):
        halved = name in ("_fc6.weight", "_fc7.weight")  # its dropout halves values in use
        np.testing.assert_array_equal(parameter.numpy(), arrays[name] * (0.5 if halved else 1))


def batched(arrays):
    """Pairs."""
    return zip(arrays[::2], arrays[1::2], strict=True)


@pytest.mark.parametrize(("name", "to"), [("alexnet_owt", "torch"), ("alexnet_pad2", "torch")])
def test_back_to_torch(name, to, tmp_path):
    state = state_of(name)
    net, description = import_weights(state, name, "x", width=WIDTH)
    write_weights(tmp_path / "a.safetensors", net_arrays(net), description)
    back = export_weights(tmp_path / "a.safetensors", name, to)
    assert list(back) == list(state)
    for key, array in state.items():
        np.testing.assert_array_equal(back[key], array, err_msg=key)


def test_class_names_are_kept():
    names = ["a", "b", "c", "d", "e", "f", "雏菊"]
    _, description = import_weights(
        state_of("alexnet_owt"), "alexnet_owt", "x", classes=names, width=WIDTH
    )
    assert description.classes == tuple(names)


def test_everything_at_fault_is_listed():
    state = state_of("alexnet_owt")
    del state["features.6.bias"]
    state["extra.weight"] = np.ones(2, np.float32)
    state["features.3.weight"] = state["features.3.weight"][:-1]
    state["classifier.1.bias"] = state["classifier.1.bias"].astype(int)
    with pytest.raises(WeightsError) as caught:
        import_weights(state, "alexnet_owt", "some.pth", width=WIDTH)
    for part in (
        "some.pth",
        "torchvision",
        "alexnet_owt",
        "missing: features.6.bias",
        "surplus: 'extra.weight'",
        "features.3.weight has shape [3, 2, 5, 5], expected [4, 2, 5, 5]",
        "classifier.1.bias holds int64, expected floats",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize("other", sorted(set(MODELS) - {"alexnet_owt"}))
def test_weights_of_another_net_are_refused_with_both_named(other):
    with pytest.raises(WeightsError, match=f"alexnet_owt here, but --arch is {other}"):
        import_weights(state_of("alexnet_owt"), other, "x", width=WIDTH)


@pytest.mark.parametrize("other", ["alexnet_2012", "alexnet_paper"])
def test_caffes_blobs_are_of_caffes_nets(other):
    """Theirs have the same shapes."""
    with pytest.raises(
        WeightsError, match=f"alexnet_caffe or caffenet here, but --arch is {other}"
    ):
        import_weights(caffe_blobs(), other, "x", width=WIDTH)


@pytest.mark.parametrize(
    "changes",
    [
        {"classifier.6.weight": np.zeros((10**9, 0), np.float32)},
        {"classifier.6.weight": np.zeros((0, 2), np.float32)},
        {"classifier.6.weight": np.zeros(3, np.float32)},
        {"classifier.6.weight": None, "classifier.6.bias": np.zeros(10**7, np.float32)},
        {"classifier.6.bias": np.zeros(0, np.float32)},
        {"classifier.6.bias": np.full(7, np.nan, np.float32)},
        {"classifier.6.bias": np.zeros(7, np.int32)},
        {"\x1b[31m": np.zeros(1, np.float32)},
        {f"more.{i}": np.zeros(1, np.float32) for i in range(10_000)},
    ],
)
def test_arrays_made_to_harm(changes):
    state = {**state_of("alexnet_owt"), **changes}
    state = {name: array for name, array in state.items() if array is not None}
    with pytest.raises(WeightsError) as caught:
        import_weights(state, "alexnet_owt", "x", width=WIDTH)
    assert len(str(caught.value)) < 5000
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("missing", ["classifier.6.bias", "classifier.6.weight"])
def test_classes_are_counted_by_what_is_there_of_the_last_layer(missing):
    state = state_of("alexnet_owt")
    del state[missing]
    with pytest.raises(WeightsError) as caught:
        import_weights(state, "alexnet_owt", "x", width=WIDTH)
    assert str(caught.value).endswith(f"with 7 classes:\n  missing: {missing}")


@pytest.mark.parametrize("name", ["alexnet", "cifar_13pct"])
def test_only_nets_that_others_have_are_written_for_them(tmp_path, name):
    path = tmp_path / "a.safetensors"
    net = build_model(name, 2, width=WIDTH)
    description = Description(name, ("a", "b"), MODELS[name].preprocessing, width=WIDTH)
    write_weights(path, net_arrays(net), description)
    for to in ("torch", "paddle"):
        with pytest.raises(WeightsError, match=f"no net of {to} is {name}: only alexnet_owt"):
            export_weights(path, name, to)


def test_changed_nets_are_not_written_for_others(tmp_path):
    path, changes = tmp_path / "a.safetensors", {"activation": "tanh"}
    net = build_model("alexnet_owt", 2, width=WIDTH, changes=changes)
    preprocessing = MODELS["alexnet_owt"].preprocessing
    description = Description(
        *("alexnet_owt", ("a", "b"), preprocessing), width=WIDTH, changes=changes
    )
    write_weights(path, net_arrays(net), description)
    with pytest.raises(WeightsError, match=r"activation.*torch"):
        export_weights(path, "alexnet_owt", "torch")


def test_a_mean_image_is_not_lost_without_a_word(tmp_path):
    path, model = tmp_path / "a.safetensors", MODELS["alexnet_owt"]
    net = build_model("alexnet_owt", 2, width=WIDTH)
    side = model.preprocessing.input_size
    mean = np.zeros((side, side, 3), np.float32)
    description = Description(
        *("alexnet_owt", ("a", "b"), model.preprocessing), width=WIDTH, mean_image=mean
    )
    write_weights(path, net_arrays(net), description)
    with pytest.raises(WeightsError, match=r"mean: image.*torch"):
        export_weights(path, "alexnet_owt", "torch")


def test_another_count_of_classes():
    with pytest.raises(WeightsError, match=r"with 2 classes:\n  classifier\.6\.weight"):
        import_weights(state_of("alexnet_owt"), "alexnet_owt", "x", classes=["a", "b"], width=WIDTH)


@pytest.mark.parametrize("arrays", [{}, {"layer1.weight": np.ones(2, np.float32)}])
def test_names_of_no_layout(arrays):
    with pytest.raises(WeightsError, match=r"torchvision \(features\.0\.weight.*Caffe"):
        import_weights(arrays, "alexnet_owt", "x")


def test_writing_names_both_nets(tmp_path):
    net = build_model("alexnet_owt", 2, width=WIDTH)
    description = Description(
        "alexnet_owt", ("a", "b"), MODELS["alexnet_owt"].preprocessing, width=WIDTH
    )
    write_weights(tmp_path / "a.safetensors", net_arrays(net), description)
    assert read_weights(tmp_path / "a.safetensors")[1].width == WIDTH
    with pytest.raises(WeightsError, match="holds 'alexnet_owt', but --arch is alexnet_pad2"):
        export_weights(tmp_path / "a.safetensors", "alexnet_pad2", "torch")


def test_prefixes_that_are_not_before_every_name_stay():
    state = state_of("alexnet_owt")
    (first, array), *rest = state.items()
    mixed = {first: array, **{f"module.{key}": value for key, value in rest}}
    assert unwrap(mixed) == (mixed, "")
    with pytest.raises(WeightsError, match=r"has the names"):
        import_weights({f"teacher.{key}": a for key, a in state.items()}, "alexnet_owt", "x")
