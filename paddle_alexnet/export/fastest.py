"""The fastest engine and precision for an export on this machine, measured once."""

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import platformdirs

from paddle_alexnet.errors import ConfigError, RunError
from paddle_alexnet.export.classifier import ExportedClassifier
from paddle_alexnet.export.engines import ENGINES, PRECISIONS, choose_engine, installed_engines
from paddle_alexnet.export.folder import DESCRIPTION, ExportFolder
from paddle_alexnet.log.environment import package_versions, processor_name
from paddle_alexnet.runtime.cpu import usable_cores
from paddle_alexnet.storage.files import make_folder, parse_strict, read_text, write_text

logger = logging.getLogger(__name__)

AUTO = "auto"
CALLS = 20
TURNS = 2
WARMUP = 2  # calls of each turn that are not measured
# Seconds before a turn: threads of the engine before look for work a while, and take a core.
SETTLE = 0.3
PADDLE = ("paddlepaddle", "paddlepaddle-gpu")  # other packages have the names of their engines


def open_fastest(
    path: str | Path,
    *,
    engine: str | None,
    precision: str,
    device: str,
    batch: int,
    cache: Path | None = None,
) -> ExportedClassifier:
    """Open an export with the engine and the precision that are the fastest here.

    The first time, :data:`CALLS` calls of each are timed in turn, and their medians are kept. They
    are for this export, processor, device, these versions and this batch size. One line of the log
    says what was chosen.

    Args:
        path: A folder of tools/export.py.
        engine: ``auto`` for each that is installed; else as of :class:`ExportedClassifier`.
        precision: ``auto`` for each that the engines compute here; else one of them.
        device: As of :class:`ExportedClassifier`.
        batch: Images a call, >= 1.
        cache: Folder for the medians; None for one among the user's caches.

    Raises:
        WeightsError: It is no export folder, or damaged.
        ConfigError: None of them can be used; see :class:`ExportedClassifier`.
    """
    folder = ExportFolder.open(path)
    if engine == AUTO:  # choose_engine says what to do where there is none
        engines = installed_engines(folder.format) or [choose_engine(folder.format)]
    else:
        engines = [choose_engine(folder.format, engine)]
    precisions = PRECISIONS if precision == AUTO else [precision]
    candidates = {f"{e}, {p}": (e, p) for e in engines for p in precisions}
    cache = cache or platformdirs.user_cache_path("paddle_alexnet")
    file = cache / "engines" / f"{_key(folder, [*candidates], device, batch)}.json"
    times, opened = _read(file, candidates), {}
    if not times:
        opened = _open_all(folder, candidates, device)
        times = _measure(opened, batch)
        with contextlib.suppress(RunError):  # without a home it is measured each time
            make_folder(file.parent)
            write_text(file, json.dumps(times, indent=2) + "\n")
    best = min(times, key=times.__getitem__)
    ranking = (f"{name} {times[name]:.1f} ms" for name in sorted(times, key=times.__getitem__))
    logger.info("fastest for %d images here (%s): %s", batch, file, "; ".join(ranking))
    engine, precision = candidates[best]
    return opened.get(best) or ExportedClassifier(folder, engine, device, precision)


def _key(folder: ExportFolder, candidates: list[str], device: str, batch: int) -> str:
    """Of all that the times depend on; the description has the checksums of the graph's files."""
    versions = package_versions([*PADDLE, *ENGINES[folder.format]])
    machine = [processor_name(), usable_cores(), device]
    facts = [read_text(folder.path / DESCRIPTION), candidates, versions, machine, batch]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _read(file: Path, candidates: Mapping[str, object]) -> dict[str, float]:
    """Medians by candidate; none where the file is missing or damaged."""
    with contextlib.suppress(OSError, ValueError):
        times = parse_strict(dict[str, float], read_text(file))
        if times.keys() <= candidates.keys():
            return times
    return {}


def _open_all(
    folder: ExportFolder, candidates: Mapping[str, tuple[str | None, str]], device: str
) -> dict[str, ExportedClassifier]:
    """Those that can be used on this device."""
    opened, refused = {}, []
    for name, (engine, precision) in candidates.items():
        try:
            opened[name] = ExportedClassifier(folder, engine, device, precision)
        except ConfigError as error:
            refused.append(error)
    if not opened:
        raise refused[0]
    return opened


def _measure(classifiers: Mapping[str, ExportedClassifier], batch: int) -> dict[str, float]:
    """Median milliseconds of a call on noise, by name; in turns, so that other load meets all."""
    side = next(iter(classifiers.values())).preprocessing.input_size
    images = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), dtype=np.uint8)
    times: dict[str, list[float]] = {name: [] for name in classifiers}
    for name, classifier in [*classifiers.items()] * TURNS:
        time.sleep(SETTLE)
        for call in range(WARMUP + CALLS // TURNS):
            start = time.perf_counter()
            classifier.scores_of_inputs(images)
            if call >= WARMUP:
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: float(np.median(values)) for name, values in times.items()}
