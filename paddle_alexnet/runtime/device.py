"""Choose the device, and check that it supports mixed precision."""

import os
import re

import paddle

from paddle_alexnet.errors import ConfigError

# Major compute capability that paddle.amp.auto_cast needs; below, it warns and uses float32
# (Paddle 3.3).
CAPABILITY = {"float16": 7, "bfloat16": 8}


def choose_device(name: str) -> str:
    """Make Paddle use a device.

    Args:
        name: ``auto`` (a GPU if there is one), ``cpu``, ``gpu`` or ``gpu:N``.

    Returns:
        The device in use: ``cpu`` or ``gpu:N``.

    Raises:
        ConfigError: The GPU does not exist, or this Paddle has no GPU support.
    """
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", name):
        raise ConfigError(f"unknown device {name!r}: choose auto, cpu, gpu or gpu:N")
    built = paddle.device.is_compiled_with_cuda()
    count = paddle.device.cuda.device_count() if built else 0
    if name == "auto":
        name = "gpu" if count else "cpu"
    if name == "cpu":
        paddle.device.set_device("cpu")
        return "cpu"
    if not built:
        raise ConfigError(
            f"device {name}: this PaddlePaddle has no GPU support; install paddlepaddle-gpu "
            "as https://www.paddlepaddle.org.cn/install/quick says, or use the device cpu"
        )
    # paddle.distributed.launch sets the GPU of each process.
    own = os.environ.get("FLAGS_selected_gpus", "0").partition(",")[0]  # noqa: SIM112, its name
    wanted = int(name.partition(":")[2] or (own if own.isdecimal() else 0))
    if wanted >= count:
        raise ConfigError(
            f"device {name}: PaddlePaddle sees {count} GPU(s); choose gpu:N with N below "
            "that (see nvidia-smi and CUDA_VISIBLE_DEVICES), or use the device cpu"
        )
    paddle.device.set_device(f"gpu:{wanted}")
    return f"gpu:{wanted}"


def check_amp(dtype: str, device: str) -> None:
    """Check that the device in use supports mixed precision with a dtype.

    Args:
        dtype: ``none``, ``float16`` or ``bfloat16``.
        device: ``cpu`` or ``gpu:N``.

    Raises:
        ConfigError: It does not; Paddle would use float32 without saying so.
    """
    if dtype == "none":
        return
    if device == "cpu":
        raise ConfigError(
            f"train.amp: {dtype} needs a GPU; on a CPU Paddle has no faster operators for it: use "
            "train.amp=none"
        )
    if paddle.is_compiled_with_rocm():
        return
    have, least = paddle.device.cuda.get_device_capability(), CAPABILITY[dtype]
    if have < (least, 0):
        raise ConfigError(
            f"train.amp: {dtype} needs a GPU of compute capability {least}.0 or more, {device} has "
            f"{have[0]}.{have[1]}: use train.amp={'float16' if have >= (7, 0) else 'none'}"
        )
