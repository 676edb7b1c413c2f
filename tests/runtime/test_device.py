"""Choosing the device."""

import numpy as np
import paddle
import pytest

from paddle_alexnet import AlexNet
from paddle_alexnet.errors import ConfigError
from paddle_alexnet.runtime.device import check_amp, choose_device


@pytest.fixture(autouse=True)
def back_to_the_usual_device():
    before = paddle.device.get_device()
    yield
    paddle.device.set_device(before)


def fake(monkeypatch, built, count):
    chosen = []
    monkeypatch.setattr(paddle.device, "is_compiled_with_cuda", lambda: built)
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: count)
    monkeypatch.setattr(paddle.device, "set_device", chosen.append)
    return chosen


@pytest.mark.parametrize(
    ("name", "built", "count", "want"),
    [
        ("auto", False, 0, "cpu"),
        ("auto", True, 0, "cpu"),
        ("auto", True, 2, "gpu:0"),
        ("cpu", True, 2, "cpu"),
        ("gpu", True, 2, "gpu:0"),
        ("gpu:1", True, 2, "gpu:1"),
    ],
)
def test_choice(monkeypatch, name, built, count, want):
    chosen = fake(monkeypatch, built, count)
    assert choose_device(name) == want
    assert chosen == [want]


@pytest.mark.parametrize(
    ("name", "want"), [("auto", "gpu:1"), ("gpu", "gpu:1"), ("gpu:0", "gpu:0")]
)
def test_the_launcher_sets_the_gpu_of_each_process(monkeypatch, name, want):
    fake(monkeypatch, True, 2)
    monkeypatch.setenv("FLAGS_selected_gpus", "1")
    assert choose_device(name) == want


@pytest.mark.parametrize(
    ("name", "built", "count", "words"),
    [
        ("gpu", False, 0, "no GPU support"),
        ("gpu", True, 0, r"sees 0 GPU\(s\)"),
        ("gpu:2", True, 2, r"sees 2 GPU\(s\)"),
        ("tpu", True, 2, "choose auto, cpu, gpu or gpu:N"),
        ("gpu:x", True, 2, "choose auto, cpu, gpu or gpu:N"),
    ],
)
def test_devices_that_do_not_exist(monkeypatch, name, built, count, words):
    fake(monkeypatch, built, count)
    with pytest.raises(ConfigError, match=words):
        choose_device(name)


@pytest.mark.parametrize(
    ("dtype", "capability"), [("float16", (7, 0)), ("float16", (9, 0)), ("bfloat16", (8, 6))]
)
def test_supported_mixed_precision(monkeypatch, dtype, capability):
    monkeypatch.setattr(paddle.device.cuda, "get_device_capability", lambda: capability)
    check_amp(dtype, "gpu:0")
    check_amp("none", "cpu")


@pytest.mark.parametrize(
    ("dtype", "device", "capability", "words"),
    [
        ("float16", "cpu", None, r"train\.amp: float16 needs a GPU; .*train\.amp=none"),
        ("bfloat16", "cpu", None, r"train\.amp: bfloat16 needs a GPU; .*train\.amp=none"),
        ("bfloat16", "gpu:1", (7, 5), r"8\.0 or more, gpu:1 has 7\.5: use train\.amp=float16"),
        ("float16", "gpu:0", (6, 1), r"7\.0 or more, gpu:0 has 6\.1: use train\.amp=none"),
    ],
)
def test_unsupported_mixed_precision(monkeypatch, dtype, device, capability, words):
    monkeypatch.setattr(paddle.device.cuda, "get_device_capability", lambda: capability)
    with pytest.raises(ConfigError, match=words) as error:
        check_amp(dtype, device)
    assert "\n" not in str(error.value)


@pytest.mark.gpu
@pytest.mark.skipif(not paddle.device.cuda.device_count(), reason="PaddlePaddle sees no GPU")
def test_the_gpu_computes_what_the_cpu_computes():
    choose_device("cpu")
    paddle.seed(0)
    net = AlexNet(5)
    net.eval()
    images = np.random.default_rng(0).normal(0, 1, (2, 3, 227, 227)).astype(np.float32)
    want = net(paddle.to_tensor(images)).numpy()
    choose_device("gpu")
    net.to("gpu")
    got = net(paddle.to_tensor(images)).numpy()
    np.testing.assert_allclose(got, want, atol=1e-3 * np.abs(want).max())
