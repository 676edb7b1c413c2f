"""What ``tools/benchmark.py`` can measure.

Importing this module loads neither Paddle nor torch.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.timing import PRODUCT, PRODUCT_NAME, Case, Measured, Timing, interleave
from paddle_alexnet.nets.registry import MODELS

NORM_SHAPE = (96, 55, 55)  # of the feature maps of conv1
PHOTO_NETS = [name for name, row in MODELS.items() if row.preprocessing.input_size >= 224]


@dataclass
class Settings:
    """The command line: what is measured, and for how long.

    Attributes:
        what: A key of :data:`KINDS`.
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
        batch: Images, >= 1.
        rounds: Measured rounds, >= 1.
        turn_seconds: As for :func:`benchmarks.timing.interleave`, for kinds that time single calls.
        against: ``torch``, which has to be installed, to compare with it.
        profile: Print oneDNN's account of a step instead.
        as_published: Time the norm by AvgPool3D as well.
        data: Folder of images to read; None for synthetic flowers.
        json: File for the record.
        plot: PNG file for a plot.
    """

    what: str = ""
    model: str = "alexnet_paper"
    batch: int = 32
    rounds: int = 15
    turn_seconds: float = 0.25
    against: str | None = None
    as_published: bool = False
    profile: bool = False
    data: Path | None = None
    json: str | None = None
    plot: str | None = None


def _train(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import paddle_cases

    forms = {"train.compile: auto": ("fused", "auto"), "operator by operator": ("fused", "none")}
    if settings.as_published:
        forms["the same, AvgPool3D's norm"] = ("avgpool3d", "none")
    cases = {
        name: paddle_cases.training_step(settings.model, settings.batch, lrn=lrn, kind=kind)
        for name, (lrn, kind) in forms.items()
    }
    if settings.against:
        from benchmarks import torch_cases

        for form in torch_cases.forms():
            step = torch_cases.training_step(MODELS[settings.model], settings.batch, form)
            cases[f"torch, {form}"] = step
    return _with_matrices(cases, settings, training=True)


def _infer(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import paddle_cases

    classifier = paddle_cases.make_classifier(settings.model, "fused")
    exported = paddle_cases.export(classifier, scratch)
    forms: dict[str, Any] = {f"exported, {name}": engine for name, engine in exported.items()}
    forms["operator by operator"] = classifier
    if settings.as_published:
        published = paddle_cases.make_classifier(settings.model, "avgpool3d")
        forms["the same, AvgPool3D's norm"] = published
    forms |= paddle_cases.export_onnx(classifier, scratch / "onnx", settings.batch)
    cases = {name: paddle_cases.inference(form, settings.batch) for name, form in forms.items()}
    if settings.against:
        from benchmarks import torch_cases

        cases["torch"] = torch_cases.inference(MODELS[settings.model], settings.batch)
    return _with_matrices(cases, settings, training=False)


def _with_matrices(cases: Mapping[str, Case], settings: Settings, *, training: bool) -> Measured:
    """Time nets together with a matrix product, whose rate is the most that they could reach."""
    from benchmarks import paddle_cases

    per_image = paddle_cases.operations(MODELS[settings.model], training=training)
    operations = dict.fromkeys(cases, float(settings.batch * per_image))
    operations[PRODUCT_NAME] = 2.0 * math.prod(PRODUCT)
    cases = {**cases, PRODUCT_NAME: paddle_cases.matrix_product()}
    return Measured(_in_turn(cases, settings), "ms", operations)


def _explain(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import paddle_cases

    classifier = paddle_cases.make_classifier(settings.model, "fused")
    layer, grad_cam = paddle_cases.grad_cam(classifier, settings.batch)
    cases = {
        "scores": paddle_cases.inference(classifier, settings.batch),
        f"Grad-CAM of {layer}": grad_cam,
    }
    return Measured(_in_turn(cases, settings), "ms")


def _neighbors(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import paddle_cases

    cases = {
        f"{paddle_cases.ROWS:,} rows of {width:,}": paddle_cases.search(scratch / str(width), width)
        for width in (1024, 4096)  # fc7 at a quarter of the paper's width, and of the paper
    }
    return Measured(_in_turn(cases, settings), "ms")


def _lrn(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import paddle_cases

    shape = (settings.batch, *NORM_SHAPE)
    kinds = ("fused", "avgpool3d", "builtin")
    cases = {kind: paddle_cases.response_norm(kind, shape) for kind in kinds}
    if settings.against:
        from benchmarks import torch_cases

        cases["torch"] = torch_cases.response_norm(shape)
    return Measured(_in_turn(cases, settings), "ms")


def _data(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import paddle_cases
    from paddle_alexnet.data.folder import list_images

    listing = list_images(_images(settings, scratch))
    preprocessing = MODELS[settings.model].preprocessing
    cases = paddle_cases.readers(listing, preprocessing, settings.batch)
    dataset = paddle_cases.augmented(listing, preprocessing)
    if settings.against:
        from benchmarks import torch_cases

        for workers in (0, 1, 2):
            torch_case = torch_cases.loading(dataset, settings.batch, workers)
            cases[f"torch, workers {workers}"] = torch_case
    times = interleave(cases, rounds=settings.rounds, warmup=1)
    count = 1e3 * len(dataset)  # the times are milliseconds
    rates = {n: Timing(count / t.median, count / t.high, count / t.low) for n, t in times.items()}
    return Measured(rates, "images/s")


def _start(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import processes

    root = str(_images(settings, scratch))
    times = processes.time_start(root, settings.model, settings.batch, rounds=settings.rounds)
    return Measured(times, "ms")


def _memory(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import processes

    cases = {"train.compile: auto": ("paddle", True)}
    if settings.against:
        cases |= {"torch": ("torch", False), "torch, freed memory given back": ("torch", True)}
    peaks = processes.peaks_of_training(
        cases, settings.model, MODELS[settings.model], settings.batch, rounds=settings.rounds
    )
    return Measured(peaks, "MiB")


def _nets(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import paddle_cases

    cases = {
        name: paddle_cases.training_step(name, settings.batch, lrn="fused", kind="auto")
        for name in PHOTO_NETS
    }
    return Measured(_in_turn(cases, settings), "ms")


def _nets_memory(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import processes

    peaks: dict[str, Timing] = {}
    for name in PHOTO_NETS:
        case, row = {name: ("paddle", True)}, MODELS[name]
        peaks |= processes.peaks_of_training(
            case, name, row, settings.batch, rounds=settings.rounds
        )
    return Measured(peaks, "MiB")


def _parallel(settings: Settings, scratch: Path) -> Measured:
    from benchmarks import ranks

    return Measured(ranks.time_two(settings.model, settings.batch, rounds=settings.rounds), "ms")


def _in_turn(cases: Mapping[str, Case], settings: Settings) -> dict[str, Timing]:
    return interleave(cases, rounds=settings.rounds, turn_seconds=settings.turn_seconds)


def _images(settings: Settings, scratch: Path) -> Path:
    from paddle_alexnet.data.synthetic_flowers import draw_flower_folder

    if settings.data is None:
        draw_flower_folder(scratch)
    return settings.data or scratch


@dataclass(frozen=True)
class Kind:
    """One thing that can be measured.

    Attributes:
        measure: Called with the settings and an empty folder for temporary files. Raises
            AlexNetError where images cannot be read, and ValueError where a case cannot be made of
            the settings.
        with_torch: Whether torch can be compared with.
        reads_images: Whether it reads a folder of images.
    """

    measure: Callable[[Settings, Path], Measured]
    with_torch: bool = False
    reads_images: bool = False


KINDS: Mapping[str, Kind] = {
    "train": Kind(_train, with_torch=True),
    "infer": Kind(_infer, with_torch=True),
    "explain": Kind(_explain),
    "neighbors": Kind(_neighbors),
    "lrn": Kind(_lrn, with_torch=True),
    "gemm": Kind(lambda settings, scratch: _with_matrices({}, settings, training=False)),
    "data": Kind(_data, with_torch=True, reads_images=True),
    "start": Kind(_start, reads_images=True),
    "memory": Kind(_memory, with_torch=True),
    "nets": Kind(_nets),
    "nets-memory": Kind(_nets_memory),
    "parallel": Kind(_parallel),
}
