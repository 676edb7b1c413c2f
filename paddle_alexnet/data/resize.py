"""Copying a folder of images with the short side scaled down, once, before training.

Large photos take longer to decode than a net takes to learn from them; small copies on disk are
the usual way to train on them, and on ImageNet.
"""

import functools
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
from tqdm import tqdm

from paddle_alexnet.data.decode import Unreadable, check_image, decode_image, read_file
from paddle_alexnet.data.header import MAX_PIXELS
from paddle_alexnet.data.loader import group_indices, make_executor
from paddle_alexnet.data.samples import LOW_VALUES, read_meaning, unused_bits
from paddle_alexnet.data.transforms import resize_short_side
from paddle_alexnet.data.tree import TEXTS, Unseen, is_image_name, scan
from paddle_alexnet.errors import DataError, RunError
from paddle_alexnet.storage.files import parse_json, read_text, write_text, write_whole

log = logging.getLogger(__name__)

SETTINGS_NAME = ".resize_images.json"  # in the target; hidden, so never listed
CHUNK = 32  # files per task of a process
# Written in their own format; any other as PNG, whose content decoders recognize under any name.
JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
OTHERS = (".webp", ".png", ".bmp", ".dib", ".tif", ".tiff", ".ppm")


@dataclass(frozen=True)
class ResizeSettings:
    """How images are resized; a target folder has one setting.

    Attributes:
        short_side: Pixels; images whose short side is no longer are copied as they are.
        quality: Of JPEG and WebP, 1 to 100.
        sample_bits: As for :func:`paddle_alexnet.data.decode.read_image`: small copies of 16-bit
            images have 8 bits.
    """

    short_side: int = 256
    quality: int = 95
    sample_bits: int | None = None


@dataclass
class ResizeReport:
    """What was done.

    Attributes:
        counts: Files ``resized`` (images scaled down), ``copied`` (other images, and texts) and
            ``skipped`` (done before).
        bad: (path, reason) of images that cannot be read or decoded, left out.
        greatest: Values of resized 16-bit images whose bits nothing states.
    """

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[str, str]] = field(default_factory=list)
    greatest: list[int | None] = field(default_factory=list)


def resize_images(
    source: str | Path,
    target: str | Path,
    settings: ResizeSettings,
    *,
    workers: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> ResizeReport:
    """Copy all images below ``source`` to the same names below ``target``, scaled down.

    EXIF orientation is applied. Texts (list files, class names, LICENSE files) are copied; litter
    is passed over, and what else there is counted in one line. ``source`` is never changed. Called
    again after an interruption, it continues: a file is done when it has the modification time of
    its source, which is set before the file gets its name, and when its source has not been changed
    since. A warning says so where the 16-bit images that were scaled down have few bits.

    Args:
        source: Folder of images at any depth.
        target: New or empty folder, or one from an earlier call with equal settings.
        settings: Size and quality.
        workers: Processes; 0 for a thread of this process.
        max_pixels: Larger images are not decoded but left out.

    Raises:
        DataError: ``source`` is no folder or cannot be read, or ``target`` lies within it or was
            not made by this function with these settings.
        RunError: A file cannot be written, or a process ended early.
    """
    source, target = Path(source), Path(target)
    if not source.is_dir():
        raise DataError(f"{source} is not a folder: expected one with images")
    if target.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{target} lies within {source}: name a folder outside")
    unseen = Unseen(source)
    try:
        _claim(target, settings)
        names = list(_find(source, unseen))
        for folder in {os.path.dirname(name) for name in names}:
            (target / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{error.filename!r}: {error.strerror}") from error
    if str(unseen):
        log.warning("%s: %s", source, unseen)
    report = ResizeReport()
    with (
        make_executor(workers) as executor,
        tqdm(total=len(names), desc="resizing", unit=" files", disable=None) as bar,
    ):
        process = functools.partial(_process, source, target, settings, max_pixels)
        try:
            for part in executor.map(process, group_indices(names, CHUNK)):
                report.counts += part.counts
                report.bad += part.bad
                report.greatest += part.greatest
                bar.update(part.counts.total() + len(part.bad))
        except BrokenProcessPool as error:
            raise RunError(
                "a process ended early, perhaps for lack of memory: use fewer --workers"
            ) from error
    if (bits := unused_bits(report.greatest)) is not None:
        cure = f"--sample-bits {bits} and name another target"
        log.warning(LOW_VALUES, source, 2**bits - 1, cure)
    if gone := sorted(set(_find(target, Unseen(target))) - set(names)):
        text = "%d files of %s are not in %s any more, such as %r: remove them"
        log.warning(text, len(gone), target, source, gone[0])
    return report


def _claim(target: Path, settings: ResizeSettings) -> None:
    """Make the target, or check that it is ours, and remove what a killed process was writing."""
    mark = target / SETTINGS_NAME
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        target.mkdir(parents=True, exist_ok=True)
        write_text(mark, json.dumps(asdict(settings)) + "\n")
        return
    try:
        before = parse_json(read_text(mark))
    except (OSError, ValueError) as error:
        raise DataError(f"{target} is not an empty folder: it is left as it is") from error
    if not isinstance(before, dict) or {**asdict(ResizeSettings()), **before} != asdict(settings):
        raise DataError(f"{target} was made with other settings ({before}): name another folder")
    for half in target.rglob(".*.part"):
        half.unlink()


def _find(
    root: Path, unseen: Unseen, folder: str = "", above: tuple[str, ...] = ()
) -> Iterator[str]:
    """Images and texts below ``root``, as paths relative to it.

    Links to folders are followed, but not to a folder that contains them.
    """
    real = os.path.realpath(root / folder)
    folders, others = scan(real) if real not in above else ([], [])
    for name in folders:
        yield from _find(root, unseen, os.path.join(folder, name), (*above, real))
    for name in others:
        if is_image_name(name) or _is_text(name):
            yield os.path.join(folder, name)
        else:
            unseen.file(os.path.join(root, folder, name))


def _is_text(name: str) -> bool:
    return name.startswith("LICENSE") or name.lower().endswith(TEXTS)


def _process(
    source: Path, target: Path, settings: ResizeSettings, max_pixels: int, names: list[str]
) -> ResizeReport:
    """Resize or copy some files; called in a worker process."""
    report = ResizeReport()
    for name in names:
        old, new = os.path.join(source, name), os.path.join(target, name)
        try:
            if _is_done(old, new):
                report.counts["skipped"] += 1
                continue
            time = os.stat(old).st_mtime_ns  # before it is read
            data = read_file(old)
            small = (
                None
                if _is_text(os.path.basename(name))
                else _shrink(data, name, settings, max_pixels)
            )
        except (Unreadable, OSError) as error:
            Path(new).unlink(missing_ok=True)  # made from an earlier content
            report.bad.append((old, getattr(error, "strerror", None) or str(error)))
            continue
        if small is not None and settings.sample_bits is None and read_meaning(data).deep:
            report.greatest.append(check_image(data, max_pixels))
        _write(new, data if small is None else small, time)
        report.counts["copied" if small is None else "resized"] += 1
    return report


def _is_done(old: str, new: str) -> bool:
    if not os.path.exists(new):
        return False
    source, made = os.stat(old), os.stat(new)
    # Unpacked archives may give all files one modification time, so a source that was replaced is
    # also recognized by its status change time, which cannot be set.
    return source.st_mtime_ns == made.st_mtime_ns and source.st_ctime_ns < made.st_ctime_ns


def _shrink(data: bytes, name: str, settings: ResizeSettings, max_pixels: int) -> bytes | None:
    """The smaller image as a file's content; None where it is small enough already."""
    image = decode_image(data, max_pixels, settings.sample_bits)
    if min(image.shape[:2]) <= settings.short_side:
        return None
    small = cv2.cvtColor(resize_short_side(image, settings.short_side), cv2.COLOR_RGB2BGR)
    suffix = os.path.splitext(name)[1].lower()
    kind = ".jpg" if suffix in JPEG else suffix if suffix in OTHERS else ".png"
    option = {".jpg": cv2.IMWRITE_JPEG_QUALITY, ".webp": cv2.IMWRITE_WEBP_QUALITY}.get(kind)
    _, out = cv2.imencode(kind, small, [] if option is None else [option, settings.quality])
    return out.tobytes()


def _write(path: str, data: bytes, time: int) -> None:
    """Write a file that has its modification time before it has its name."""

    def write(beside: str) -> None:
        Path(beside).write_bytes(data)
        os.utime(beside, ns=(time, time))

    write_whole(path, write)
