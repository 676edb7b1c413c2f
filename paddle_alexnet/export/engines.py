"""Engines that run an export folder: paddle.inference, TensorRT, onnxruntime and OpenVINO.

Graphs of Paddle 3 are converted for TensorRT (NVIDIA GPUs) beforehand, as PaddlePaddle's guide
"Paddle Inference (TensorRT)", 3.0, says; ``paddle.inference.Config.enable_tensorrt_engine`` reads
only files of Paddle 2.
"""

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import paddle

from paddle_alexnet.errors import ConfigError
from paddle_alexnet.export.folder import ExportFolder
from paddle_alexnet.export.safety import check_graph, check_onnx
from paddle_alexnet.runtime.cpu import paddle_threads, usable_cores

# From a batch uint8 [N, S, S, 3] to scores float32 [N, classes].
Run = Callable[[np.ndarray], np.ndarray]
ONNX_ON_GPU = "CUDAExecutionProvider"
PRECISIONS = ("float32", "bfloat16")
# Engines that compute in bfloat16 on a CPU.
WITH_BFLOAT16 = ("paddle", "openvino")
TRT_BATCH = 16  # images per batch for TensorRT; tools/infer.py's default batch size


def _open_paddle(folder: ExportFolder, device: str, precision: str) -> Run:
    """``paddle.inference``, on a CPU with oneDNN where this Paddle has it."""
    check_graph(folder.files[0])
    return _predictor(folder.files, device, precision)


def _open_tensorrt(folder: ExportFolder, device: str, precision: str) -> Run:
    """``paddle.inference`` with TensorRT, in batches of the sizes that it is converted for."""
    check_graph(folder.files[0])
    made = tempfile.TemporaryDirectory()
    predict = _predictor(convert_to_tensorrt(folder, device, Path(made.name)), device, precision)

    def run(batch: np.ndarray) -> np.ndarray:
        _ = made  # the files are deleted with this function
        parts = [predict(batch[i : i + TRT_BATCH]) for i in range(0, len(batch), TRT_BATCH)]
        return np.concatenate(parts)

    return run


def convert_to_tensorrt(folder: ExportFolder, device: str, target: Path) -> list[Path]:
    """Write a graph that TensorRT runs in float32, for 1 to :data:`TRT_BATCH` images.

    The result fits only this GPU and this TensorRT, so every process converts anew.

    Args:
        folder: An export in Paddle's format.
        device: See :func:`paddle_alexnet.runtime.device.choose_device`.
        target: An existing folder.

    Returns:
        The graph and its parameters, in ``target``.

    Raises:
        ConfigError: The device is not the first GPU, this PaddlePaddle is built without
            TensorRT, or the conversion fails.
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
            f"TensorRT cannot run {folder.path} here ({repr(error)[:200]}): this "
            f"PaddlePaddle is built for TensorRT {built}, install that, or use --engine paddle"
        ) from error
    return [target / file.name for file in folder.files]


def _convert(source: Path, size: int, target: Path) -> None:
    from paddle.tensorrt import export

    most = (TRT_BATCH, size, size, 3)
    pixels = export.Input(
        min_input_shape=(1, size, size, 3),
        optim_input_shape=most,
        max_input_shape=most,
        input_data_type="uint8",
        input_range=(0, 256),
    )
    settings = export.TensorRTConfig(inputs=[pixels], save_model_dir=str(target))
    export.convert(str(source), settings)


def _predictor(files: Sequence[Path], device: str, precision: str) -> Run:
    from paddle import inference

    config = inference.Config(*map(str, files))
    config.disable_glog_info()
    config.switch_ir_optim(True)
    if device == "cpu":
        config.disable_gpu()
        config.set_cpu_math_library_num_threads(usable_cores())
        if paddle.base.core.is_compiled_with_onednn():
            config.enable_onednn()
            if precision == "bfloat16":
                config.enable_onednn_bfloat16()
    else:
        config.enable_use_gpu(256, _number(device))  # MiB at the start
    predictor = inference.create_predictor(config)
    source = predictor.get_input_handle(predictor.get_input_names()[0])
    target = predictor.get_output_handle(predictor.get_output_names()[0])

    def run(batch: np.ndarray) -> np.ndarray:
        source.copy_from_cpu(batch)
        try:
            predictor.run()
        finally:
            # It sets the threads of matrix products to one, in the whole process.
            paddle.base.core.set_num_threads(paddle_threads())
        return target.copy_to_cpu()

    return run


def _open_onnxruntime(folder: ExportFolder, device: str, precision: str) -> Run:
    import onnxruntime

    provider: tuple[str, dict[str, int]] = ("CPUExecutionProvider", {})
    if device != "cpu":
        if not has_gpu("onnxruntime"):
            raise ConfigError(
                f"device {device}: this onnxruntime has no GPU support: use --device cpu, or "
                "install onnxruntime-gpu in its place"
            )
        provider = (ONNX_ON_GPU, {"device_id": _number(device)})
    check_onnx(folder.files[0])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3  # errors only; it warns of unused constants
    session = onnxruntime.InferenceSession(str(folder.files[0]), options, providers=[provider])
    if provider[0] not in session.get_providers():  # without its libraries it takes the CPU
        raise ConfigError(
            f"device {device}: onnxruntime cannot use it; are CUDA and cuDNN there? Else use "
            "--device cpu"
        )
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def _open_openvino(folder: ExportFolder, device: str, precision: str) -> Run:
    import openvino

    if device != "cpu":
        raise ConfigError(f"device {device}: OpenVINO runs on the CPU here: use --device cpu")
    check_onnx(folder.files[0])
    # By default it may choose bfloat16, with scores that differ in the third digit.
    hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": usable_cores()}
    model = openvino.Core().compile_model(folder.files[0], "CPU", settings)
    return lambda batch: np.array(model(batch)[0])


# By format, the engines that read it, the preferred first; an engine is named as its package.
ENGINES: dict[str, dict[str, Callable[[ExportFolder, str, str], Run]]] = {
    "paddle": {"paddle": _open_paddle, "tensorrt": _open_tensorrt},
    "onnx": {"onnxruntime": _open_onnxruntime, "openvino": _open_openvino},
}


def has_gpu(engine: str) -> bool:
    """Whether an engine that is installed is built for a GPU."""
    if engine == "onnxruntime":
        import onnxruntime

        return ONNX_ON_GPU in onnxruntime.get_available_providers()
    return engine != "openvino"


def _number(device: str) -> int:
    """The N of ``gpu:N``."""
    return int(device.partition(":")[2] or 0)


def installed_engines(file_format: str) -> list[str]:
    """The engines for a key of :data:`ENGINES` that are installed, the preferred first."""
    return [name for name in ENGINES[file_format] if importlib.util.find_spec(name) is not None]


def choose_engine(file_format: str, wanted: str | None = None) -> str:
    """The engine for a format.

    Args:
        file_format: A key of :data:`ENGINES`.
        wanted: One of its engines; None for the first that is installed.

    Raises:
        ConfigError: The engine does not read this format, or is not installed.
    """
    engines = ENGINES[file_format]
    if wanted is not None and wanted not in engines:
        raise ConfigError(
            f"engine {wanted!r} does not read the format {file_format}: choose "
            + ", ".join(engines)
        )
    names = list(engines) if wanted is None else [wanted]
    for name in installed_engines(file_format):
        if name in names:
            return name
    others = {
        "paddle": "use --engine paddle",
        "onnx": "pip install -e '.[onnx]' for all that ONNX needs, or export with --format paddle",
    }
    raise ConfigError(
        f"an export in the format {file_format} needs {' or '.join(names)}, which is not "
        f"installed: pip install {names[0]}, or {others[file_format]}"
    )


def check_precision(precision: str, engine: str, device: str) -> None:
    """Check that an engine supports a precision and is faster with it.

    Args:
        precision: One of :data:`PRECISIONS`.
        engine: See :func:`choose_engine`.
        device: ``cpu`` or ``gpu:N``.

    Raises:
        ConfigError: The precision is unknown, or not supported there.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"unknown precision {precision!r}: choose {' or '.join(PRECISIONS)}")
    if precision == "float32":
        return
    if engine not in WITH_BFLOAT16 or device != "cpu":
        raise ConfigError(
            f"precision {precision} is for the engines {' and '.join(WITH_BFLOAT16)} on a CPU, not "
            f"for {engine} on {device}: leave it out"
        )
    if not computes_bfloat16():
        raise ConfigError(
            f"precision {precision}: this processor, or this Paddle, has no instructions for it "
            "and would take longer than in float32: leave it out"
        )


def computes_bfloat16() -> bool:
    """Whether the processor has instructions for it (AVX-512 BF16, AMX) that Paddle uses."""
    core = paddle.base.core
    return core.is_compiled_with_onednn() and core.supports_bfloat16_fast_performance()
