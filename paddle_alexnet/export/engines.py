"""Running an export folder: paddle.inference, TensorRT, onnxruntime or OpenVINO, with one face."""

import importlib.util
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import paddle

from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.export.folder import ExportFolder
from paddle_alexnet.export.graph_check import check_graph
from paddle_alexnet.export.onnx_check import check_onnx
from paddle_alexnet.export.tensorrt import MOST, convert
from paddle_alexnet.inference.classifier import PictureClassifier
from paddle_alexnet.printable import printable
from paddle_alexnet.runtime.cpu import paddle_threads, usable_cores

# From a batch uint8 [N, S, S, 3] to scores float32 [N, classes].
Run = Callable[[np.ndarray], np.ndarray]
ONNX_ON_GPU = "CUDAExecutionProvider"
# What engines that have no MemoryError say.
NO_MEMORY = re.compile("bad.?alloc|failed to allocate|out of memory", re.IGNORECASE)


def _open_paddle(folder: ExportFolder, device: str) -> Run:
    """``paddle.inference``, on a CPU with oneDNN where this Paddle has it."""
    check_graph(folder.files[0])
    return _predictor(folder.files, device)


def _open_tensorrt(folder: ExportFolder, device: str) -> Run:
    """``paddle.inference`` with TensorRT, in batches that it is converted for."""
    check_graph(folder.files[0])
    made = tempfile.TemporaryDirectory()
    predict = _predictor(convert(folder, device, Path(made.name)), device)

    def run(batch: np.ndarray) -> np.ndarray:
        _ = made  # the files stay as long as what runs them
        parts = [predict(batch[i : i + MOST]) for i in range(0, len(batch), MOST)]
        return np.concatenate(parts)

    return run


def _predictor(files: Sequence[Path], device: str) -> Run:
    from paddle import inference

    config = inference.Config(*map(str, files))
    config.disable_glog_info()
    config.switch_ir_optim(True)
    if device == "cpu":
        config.disable_gpu()
        config.set_cpu_math_library_num_threads(usable_cores())
        if paddle.base.core.is_compiled_with_onednn():
            config.enable_onednn()
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
            # It leaves a single thread to products of matrices, in the whole process.
            paddle.base.core.set_num_threads(paddle_threads())
        return target.copy_to_cpu()

    return run


def _open_onnxruntime(folder: ExportFolder, device: str) -> Run:
    import onnxruntime

    provider: tuple[str, dict[str, int]] = ("CPUExecutionProvider", {})
    if device != "cpu":
        if not _has_gpu("onnxruntime"):
            raise ConfigError(
                f"device {device}: this onnxruntime has no GPU support: use --device cpu, or "
                "install onnxruntime-gpu in its place"
            )
        provider = (ONNX_ON_GPU, {"device_id": _number(device)})
    check_onnx(folder.files[0])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.log_severity_level = 3  # errors; it warns of constants it does not need
    session = onnxruntime.InferenceSession(str(folder.files[0]), options, providers=[provider])
    if provider[0] not in session.get_providers():  # without its libraries it takes the CPU
        raise ConfigError(
            f"device {device}: onnxruntime cannot use it; are CUDA and cuDNN there? Else use "
            "--device cpu"
        )
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def _open_openvino(folder: ExportFolder, device: str) -> Run:
    import openvino

    if device != "cpu":
        raise ConfigError(f"device {device}: OpenVINO runs on the CPU here: use --device cpu")
    check_onnx(folder.files[0])
    # It may choose bfloat16 by itself, with scores that differ in the third digit.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": usable_cores()}
    model = openvino.Core().compile_model(folder.files[0], "CPU", settings)
    return lambda batch: np.array(model(batch)[0])


# By format, the engines that read it, the preferred first; an engine is named as its package.
ENGINES: dict[str, dict[str, Callable[[ExportFolder, str], Run]]] = {
    "paddle": {"paddle": _open_paddle, "tensorrt": _open_tensorrt},
    "onnx": {"onnxruntime": _open_onnxruntime, "openvino": _open_openvino},
}


def _has_gpu(engine: str) -> bool:
    """Whether an engine that is installed is built for a GPU."""
    if engine == "onnxruntime":
        import onnxruntime

        return ONNX_ON_GPU in onnxruntime.get_available_providers()
    return engine != "openvino"


def _number(device: str) -> int:
    """Of a GPU, ``gpu:N``."""
    return int(device.partition(":")[2] or 0)


def choose_engine(file_format: str, wanted: str = "auto") -> str:
    """The engine for a format.

    Args:
        file_format: A key of :data:`ENGINES`.
        wanted: One of its engines, or ``auto`` for the first that is installed.

    Raises:
        ConfigError: The engine does not read this format, or is not installed.
    """
    engines = ENGINES[file_format]
    if wanted not in ("auto", *engines):
        raise ConfigError(
            f"engine {wanted!r} does not read the format {file_format}: choose auto, "
            + ", ".join(engines)
        )
    names = list(engines) if wanted == "auto" else [wanted]
    for name in names:
        if importlib.util.find_spec(name) is not None:
            return name
    other = "use --engine paddle" if file_format == "paddle" else "export with --format paddle"
    raise ConfigError(
        f"an export in the format {file_format} needs {' or '.join(names)}, which is not "
        f"installed: pip install {names[0]}, or {other}"
    )


class ExportedClassifier(PictureClassifier):
    """An export folder as a classifier; same answers as the weights it was made of.

    Args:
        folder: The folder.
        engine: Of :func:`choose_engine`.
        device: ``cpu``, ``gpu:N``, or ``auto`` for the device that Paddle uses, where the engine
            can too, else ``cpu``.
    """

    def __init__(self, folder: ExportFolder, engine: str = "auto", device: str = "cpu") -> None:
        super().__init__(folder.description)
        self.path = folder.path
        self.engine = choose_engine(folder.format, engine)
        try:
            if device == "auto":
                device = paddle.get_device() if _has_gpu(self.engine) else "cpu"
            self._run = ENGINES[folder.format][self.engine](folder, device)
        except (ConfigError, WeightsError):
            raise
        except ImportError as error:
            raise ConfigError(
                f"{self.engine} is installed but cannot be loaded ({_said(error)}): install it "
                "again, or choose another --engine"
            ) from error
        except Exception as error:  # engines raise anything for a damaged file
            _check_memory(error)
            raise WeightsError(
                f"{self.engine} cannot open {folder.path}: it is damaged or of another version "
                f"({_said(error)})"
            ) from error

    @classmethod
    def load(
        cls, path: str | Path, engine: str = "auto", device: str = "cpu"
    ) -> "ExportedClassifier":
        """Open a folder that tools/export.py wrote.

        Raises:
            WeightsError: It is no such folder, of another version or damaged.
            ConfigError: The engine is missing, cannot be loaded or has no such device.
            MemoryError: It does not fit.
        """
        return cls(ExportFolder.open(path), engine, device)

    def scores_of_inputs(self, inputs: np.ndarray) -> np.ndarray:
        """As :meth:`scores`, of preprocessed pictures uint8 [N, S, S, 3].

        Raises:
            WeightsError: The graph does not take such pictures, or gives something else.
            MemoryError: So many do not fit.
        """
        try:
            scores = self._run(np.ascontiguousarray(inputs))
        except Exception as error:  # engines raise anything
            _check_memory(error)
            raise WeightsError(
                f"{self.engine} cannot run {self.path} on pictures of {inputs.shape[1]} pixels: it "
                f"is damaged or of another version ({_said(error)})"
            ) from error
        if scores.shape != (len(inputs), len(self.classes)) or scores.dtype != np.float32:
            raise WeightsError(
                f"{self.path} names {len(self.classes)} classes, but gives {scores.dtype} "
                f"{list(scores.shape)} for {len(inputs)} pictures: export the weights again"
            )
        return scores


def _check_memory(error: Exception) -> None:
    """Raise MemoryError where an engine means that."""
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        raise MemoryError from error


def _said(error: Exception) -> str:
    """The kind of an error and the end of what it says, where the cause stands."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Paddle adds a hint and the operator.
    telling = [line for line in lines if not line.startswith(("[Hint", "[operator"))] or lines
    return printable(": ".join([type(error).__name__, *telling[-1:]]), 200)
