"""Every kind of measurement: what is compared in it, and in which unit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paddle_alexnet.benchmark import memory, paddle_cases, reader_cases, start
from paddle_alexnet.benchmark.inputs import Case
from paddle_alexnet.benchmark.settings import Settings
from paddle_alexnet.benchmark.timing import Spread, interleave
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.data.synthetic_flowers import draw_flower_folder
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.runtime.cpu import usable_cores

NORM_SHAPE = (96, 55, 55)  # of conv1's maps
PRODUCT = (384, 2304, 5408)  # conv3's, for 32 images
PRODUCT_NAME = "matrices " + "x".join(map(str, PRODUCT))


@dataclass(frozen=True)
class Measured:
    """What came out.

    Attributes:
        rows: By name, those of torch beginning with ``torch``.
        unit: Of the rows: ``ms``, ``MiB`` or ``pictures/s``.
        operations: Floating-point operations of one call, for rows that mainly consist of products
            of matrices; that of :data:`PRODUCT_NAME` among them.
    """

    rows: dict[str, Spread]
    unit: str
    operations: Mapping[str, float]


def measure(kind: str, settings: Settings) -> Measured:
    """Time one of :data:`KINDS`.

    Raises:
        AlexNetError: If the pictures cannot be read.
        ValueError: If a case cannot be made of these settings.
    """
    return KINDS[kind](settings)


def _train(settings: Settings) -> Measured:
    forms = {"train.compile: auto": ("fused", "auto"), "operator by operator": ("fused", "none")}
    if settings.as_published:
        forms["the same, AvgPool3D's norm"] = ("avgpool3d", "none")
    cases = {
        name: paddle_cases.training_step(settings.model, settings.batch, lrn=lrn, kind=kind)
        for name, (lrn, kind) in forms.items()
    }
    if settings.against_torch:
        from paddle_alexnet.benchmark import torch_peer

        row = MODELS[settings.model]
        cases["torch"] = torch_peer.training_step(row, settings.batch, usable_cores())
    return _with_matrices(cases, settings, training=True)


def _infer(settings: Settings) -> Measured:
    classifier = paddle_cases.make_classifier(settings.model, "fused")
    exported = paddle_cases.export(classifier, settings.scratch)
    cases = {
        f"exported, {precision}": paddle_cases.inference(engine, settings.batch)
        for precision, engine in exported.items()
    }
    cases["operator by operator"] = paddle_cases.inference(classifier, settings.batch)
    if settings.as_published:
        published = paddle_cases.make_classifier(settings.model, "avgpool3d")
        cases["the same, AvgPool3D's norm"] = paddle_cases.inference(published, settings.batch)
    if settings.against_torch:
        from paddle_alexnet.benchmark import torch_peer

        row = MODELS[settings.model]
        cases["torch"] = torch_peer.inference(row, settings.batch, usable_cores())
    return _with_matrices(cases, settings, training=False)


def _gemm(settings: Settings) -> Measured:
    return _with_matrices({}, settings, training=False)


def _with_matrices(cases: Mapping[str, Case], settings: Settings, *, training: bool) -> Measured:
    """Time nets together with a product of matrices, whose rate is what they could reach."""
    per_image = paddle_cases.operations(MODELS[settings.model], training=training)
    return Measured(
        _in_turn({**cases, PRODUCT_NAME: paddle_cases.matrix_product(*PRODUCT)}, settings),
        "ms",
        {
            **dict.fromkeys(cases, settings.batch * per_image),
            PRODUCT_NAME: 2.0 * PRODUCT[0] * PRODUCT[1] * PRODUCT[2],
        },
    )


def _lrn(settings: Settings) -> Measured:
    shape = (settings.batch, *NORM_SHAPE)
    kinds = ("fused", "avgpool3d", "builtin")
    cases = {kind: paddle_cases.response_norm(kind, shape) for kind in kinds}
    if settings.against_torch:
        from paddle_alexnet.benchmark import torch_peer

        cases["torch"] = torch_peer.response_norm(shape, usable_cores())
    return Measured(_in_turn(cases, settings), "ms", {})


def _in_turn(cases: Mapping[str, Case], settings: Settings) -> dict[str, Spread]:
    return interleave(cases, rounds=settings.rounds, turn_seconds=settings.turn_seconds)


def _data(settings: Settings) -> Measured:
    listing = list_images(_pictures(settings))
    preprocessing = MODELS[settings.model].preprocessing
    view = reader_cases.reader_view(listing, preprocessing)
    cases = reader_cases.reader_cases(listing, preprocessing, settings.batch)
    if settings.against_torch:
        from paddle_alexnet.benchmark import torch_reader

        for workers in (0, 1, 2):
            name = f"torch, workers {workers}"
            cases[name] = torch_reader.reader(view, settings.batch, workers)
    timings = interleave(cases, rounds=settings.rounds, warmup=1)
    pictures = 1e3 * len(view)  # the times are milliseconds
    rates = {
        name: Spread(pictures / time.median, low=pictures / time.high, high=pictures / time.low)
        for name, time in timings.items()
    }
    return Measured(rates, "pictures/s", {})


def _start(settings: Settings) -> Measured:
    times = start.time_start(
        _pictures(settings), settings.model, settings.batch, rounds=settings.rounds
    )
    return Measured(times, "ms", {})


def _pictures(settings: Settings) -> Path:
    if settings.pictures is not None:
        return settings.pictures
    draw_flower_folder(settings.scratch / "drawn")
    return settings.scratch / "drawn"


def _memory(settings: Settings) -> Measured:
    cases = {"train.compile: auto": ("paddle", True)}
    if settings.against_torch:
        cases |= {"torch": ("torch", False), "torch, freed memory given back": ("torch", True)}
    peaks = memory.peaks_of_training(cases, settings.model, settings.batch, rounds=settings.rounds)
    return Measured(peaks, "MiB", {})


# Those of paddle_alexnet.benchmark.settings.
KINDS: Mapping[str, Callable[[Settings], Measured]] = {
    "train": _train,
    "infer": _infer,
    "lrn": _lrn,
    "gemm": _gemm,
    "data": _data,
    "start": _start,
    "memory": _memory,
}
