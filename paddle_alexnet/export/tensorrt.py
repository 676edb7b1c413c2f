"""From a graph of Paddle to one that TensorRT runs, on an NVIDIA GPU.

``paddle.inference.Config.enable_tensorrt_engine`` is for Paddle 2's files; those of Paddle 3 are
converted beforehand (PaddlePaddle's guide "Paddle Inference (TensorRT)", 3.0).
"""

from pathlib import Path

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.export.folder import ExportFolder
from paddle_alexnet.printable import printable

MOST = 16  # pictures at once; tools/infer.py's batch


def convert(folder: ExportFolder, device: str, target: Path) -> list[Path]:
    """Write what TensorRT runs in float32, for 1 to :data:`MOST` pictures.

    It is for the GPU and the TensorRT that are there, so every process does it anew.

    Args:
        folder: An export in Paddle's format.
        device: As :func:`paddle_alexnet.runtime.device.choose_device` gives it.
        target: A folder that is there.

    Returns:
        The graph and its parameters, in ``target``.

    Raises:
        ConfigError: There is no GPU that can be used, this PaddlePaddle has no TensorRT, or
            the two cannot make it of this graph.
    """
    from paddle import inference

    if device != "gpu:0":  # Paddle's converter takes no other (3.3)
        raise ConfigError(
            f"engine tensorrt needs a GPU, and the first of them, not the device {device}: "
            "CUDA_VISIBLE_DEVICES=N makes GPU N the first; on a CPU use --engine paddle"
        )
    if not any(inference.get_trt_compile_version()):
        raise ConfigError(
            "engine tensorrt: this PaddlePaddle is built without TensorRT; install one with it as "
            "https://www.paddlepaddle.org.cn/install/quick says, or use --engine paddle"
        )
    size = folder.description.preprocessing.input_size
    try:
        _convert(folder.files[0].with_suffix(""), size, target / "model")
    except Exception as error:  # whatever TensorRT and Paddle's converter raise
        built = ".".join(map(str, inference.get_trt_compile_version()))
        raise ConfigError(
            f"TensorRT cannot run {folder.path} here ({printable(repr(error), 200)}): this "
            f"PaddlePaddle is built for TensorRT {built}, install that, or use --engine paddle"
        ) from error
    return [target / file.name for file in folder.files]


def _convert(source: Path, size: int, target: Path) -> None:
    from paddle.tensorrt import export

    most = (MOST, size, size, 3)
    pixels = export.Input(
        min_input_shape=(1, size, size, 3),
        optim_input_shape=most,
        max_input_shape=most,
        input_data_type="uint8",
        input_range=(0, 256),
    )
    settings = export.TensorRTConfig(inputs=[pixels], save_model_dir=str(target))
    export.convert(str(source), settings)
