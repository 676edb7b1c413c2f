"""Where the net runs."""

import os
import re

import paddle

from paddle_alexnet.errors import ConfigError

# What paddle.amp.auto_cast asks for, which else warns and goes on in float32 (Paddle 3.3).
CAPABILITY = {"float16": 7, "bfloat16": 8}


def choose_device(name: str) -> str:
    """Make Paddle use a device.

    Args:
        name: ``auto`` (a GPU where there is one), ``cpu``, ``gpu`` or ``gpu:N``.

    Returns:
        What is used: ``cpu`` or ``gpu:N``.

    Raises:
        ConfigError: A GPU is asked for that cannot be used.
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
    # The launcher of several processes tells each its own GPU.
    own = os.environ.get("FLAGS_selected_gpus", "0").partition(",")[0]  # noqa: SIM112, its name
    wanted = int(name.partition(":")[2] or own)
    if wanted >= count:
        raise ConfigError(
            f"device {name}: PaddlePaddle sees {count} GPU(s); choose gpu:N with N below "
            "that (see nvidia-smi and CUDA_VISIBLE_DEVICES), or use the device cpu"
        )
    paddle.device.set_device(f"gpu:{wanted}")
    return f"gpu:{wanted}"


def check_amp(dtype: str, device: str) -> None:
    """Check that a device, which is in use, has mixed precision in a type.

    Args:
        dtype: ``none``, ``float16`` or ``bfloat16``.
        device: ``cpu`` or ``gpu:N``.

    Raises:
        ConfigError: It has not; Paddle would go on in float32.
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
