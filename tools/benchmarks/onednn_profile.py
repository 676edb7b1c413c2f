"""oneDNN's own account of a training step, by kind of primitive and by layer."""

import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.processes import in_new_process
from benchmarks.timing import CLASSES
from paddle_alexnet.nets.registry import MODELS
from paddle_alexnet.nets.shapes import trace_shapes

WARMUP = 3  # steps; the first compiles the graph


@dataclass(frozen=True)
class Primitive:
    """One call of oneDNN, as a line of its log (ONEDNN_VERBOSE=1) describes it.

    Attributes:
        kind: ``convolution``, ``reorder`` (a change of memory layout), ``eltwise``, ...
        kernel: Its implementation; ``ref:any`` is the slow reference.
        what: ``forward_training``, ``backward_data``, ``backward_weights``, ... or ``undef``.
        problem: Sizes.
        milliseconds: Its time.
    """

    kind: str
    kernel: str
    what: str
    problem: str
    milliseconds: float


def parse(lines: Iterable[str]) -> list[Primitive]:
    """The primitives that were executed, of a log of oneDNN 3."""
    found = []
    for line in lines:
        fields = line.strip().split(",")
        if fields[0] == "onednn_verbose" and "exec" in fields:
            kind, kernel, what = fields[fields.index("exec") + 2 :][:3]
            found.append(Primitive(kind, kernel, what, fields[-2], float(fields[-1])))
    return found


def report(primitives: list[Primitive], model: str) -> list[str]:
    """Tables of milliseconds and calls by kind, by layer, and of the slowest primitives.

    A layer is found by the sizes of its feature maps; layers of the same size share a row.

    Args:
        primitives: Of one step.
        model: A key of :data:`paddle_alexnet.nets.registry.MODELS`.
    """
    layers = _layers(model)
    total = sum(p.milliseconds for p in primitives)
    lines = [f"oneDNN: {len(primitives)} primitives, {total:.1f} ms"]
    by_kind = {"kind": lambda p: f"{p.kind} {p.what.replace('undef', '')}".strip()}
    by_layer = {"layer": lambda p: _layer(p.problem, layers)}
    for title, key in {**by_kind, **by_layer}.items():
        times: Counter[str] = Counter()
        calls: Counter[str] = Counter()
        for primitive in primitives:
            times[key(primitive)] += primitive.milliseconds
            calls[key(primitive)] += 1
        lines += ["", f"{title:<36}{'ms':>9}{'calls':>7}"]
        lines += [f"{name:<36}{ms:9.1f}{calls[name]:7}" for name, ms in times.most_common()]
    lines += ["", "slowest"]
    slowest = sorted(primitives, key=lambda p: -p.milliseconds)[:10]
    lines += [f"{p.milliseconds:9.1f}  {p.kind} {p.what} {p.kernel} {p.problem}" for p in slowest]
    return lines


def profile_step(model: str, batch: int) -> list[Primitive]:
    """Make some steps in a new process; the primitives of the last.

    oneDNN reads its settings when it is loaded, and writes to the process's standard output.
    """
    return parse(in_new_process(_step_log, model, batch).splitlines())


def _step_log(model: str, batch: int) -> str:
    from paddle_alexnet.runtime.cpu import speed_up

    os.environ["ONEDNN_VERBOSE"] = "1"
    speed_up()
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        import _entry

        _entry.load_paddle()
        from benchmarks import paddle_cases

        step = paddle_cases.training_step(model, batch, lrn="fused", kind="auto")
        for _ in range(WARMUP):
            step()
        start = os.fstat(log.fileno()).st_size
        step()
        log.seek(start)
        return log.read().decode()


def _layers(model: str) -> dict[tuple[int, ...], str]:
    """Names by (channels, side) of feature maps, or (units,)."""
    row = MODELS[model]
    names: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for layer in trace_shapes(row.stages, row.preprocessing.input_size, CLASSES):
        size = (layer.channels,) if layer.size == 1 else (layer.channels, layer.size)
        names[size].append(layer.name)
    return {size: ", ".join(found) for size, found in names.items()}


def _layer(problem: str, layers: dict[tuple[int, ...], str]) -> str:
    """The layer of a problem: of a convolution's output, a tensor's sizes, a product's columns."""
    if found := re.search(r"oc(\d+)_ih\d+oh(\d+)", problem):
        size: tuple[int, ...] = (int(found[1]), int(found[2]))
    elif found := re.match(r"\d+x(\d+)x(\d+)x\2\b", problem):
        size = (int(found[1]), int(found[2]))
    else:
        numbers = [int(n) for n in re.findall(r"\d+", problem)]
        size = next(((n,) for n in reversed(numbers) if (n,) in layers), ())
    return layers.get(size, "other")
