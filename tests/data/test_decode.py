"""Decoding, against Pillow where formats differ."""

import io
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.data import decode
from paddle_alexnet.data.decode import (
    Unreadable,
    check_image,
    read_image,
    strip_apng_chunks,
)
from tests.odd_files import KINDS, claiming, encoded

RNG = np.random.default_rng(0)
SMOOTH = cv2.resize(RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8), (40, 32))


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "ppm"])
def test_lossless_formats_give_rgb(kind, tmp_path):
    (tmp_path / "x").write_bytes(encoded(SMOOTH, kind))
    np.testing.assert_array_equal(read_image(tmp_path / "x"), SMOOTH)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "gif"])
def test_lossy_formats_give_what_pillow_gives(kind, tmp_path):
    data = encoded(SMOOTH, kind)
    (tmp_path / "x").write_bytes(data)
    want = np.asarray(opened(data).convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / "x") - want).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(SMOOTH, "jpeg", exif=exif, quality=95)
    (tmp_path / "x.jpg").write_bytes(data)
    from PIL import ImageOps

    want = np.asarray(ImageOps.exif_transpose(opened(data))).astype(int)
    got = read_image(tmp_path / "x.jpg")
    assert got.shape == want.shape
    assert np.abs(got - want).mean() < 2


def test_grey_alpha_and_16_bits(tmp_path):
    grey = SMOOTH[..., 0]
    (tmp_path / "grey.png").write_bytes(encoded(grey, "png"))
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.dstack([grey] * 3))
    alpha = np.dstack([SMOOTH, np.full(SMOOTH.shape[:2], 77, np.uint8)])
    (tmp_path / "alpha.png").write_bytes(encoded(alpha, "png"))
    white = 255 - (255 - SMOOTH.astype(int)) * 77 / 255
    assert np.abs(read_image(tmp_path / "alpha.png") - white).max() <= 0.5
    deep = SMOOTH.astype(np.uint16) * 257
    _, data = cv2.imencode(".png", deep[..., ::-1])
    (tmp_path / "deep.png").write_bytes(data.tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), SMOOTH)


@pytest.mark.parametrize("name", ["雏菊 花.JPG", "a\nb.png", os.fsdecode(b"\xff.png")])
def test_any_name(name, tmp_path):
    try:
        (tmp_path / name).write_bytes(encoded(SMOOTH, "png"))
    except OSError:
        pytest.skip("this file system does not take the name")
    np.testing.assert_array_equal(read_image(tmp_path / name), SMOOTH)


@pytest.mark.parametrize("kind", ["jpeg", "png"])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9])
def test_truncated_files_are_refused(kind, fraction, tmp_path):
    noise = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(noise, kind)
    check_image(data)
    part = data[: int(len(data) * fraction)]
    with pytest.raises(Unreadable):
        check_image(part)
    (tmp_path / "x").write_bytes(part)
    with pytest.raises(Unreadable):
        read_image(tmp_path / "x")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "x.jpg").write_text("no image")
    with pytest.raises(Unreadable, match="not an image"):
        read_image(tmp_path / "x.jpg")
    with pytest.raises(Unreadable, match="No such file"):
        read_image(tmp_path / "gone.jpg")


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "bmp", "webp"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 3)])
def test_small_images_are_decoded(kind, shape, tmp_path):
    data = encoded(np.zeros((*shape, 3), np.uint8), kind)
    check_image(data)
    (tmp_path / "x").write_bytes(data)
    assert read_image(tmp_path / "x").shape == (*shape, 3)


def test_the_first_of_several_frames_is_read(tmp_path):
    frames = [np.full((8, 9, 3), value, np.uint8) for value in (200, 10)]
    for kind in ("gif", "tiff", "webp", "png"):
        options = {"lossless": True} if kind == "webp" else {}
        rest = [Image.fromarray(frames[1])]
        (tmp_path / kind).write_bytes(
            encoded(frames[0], kind, save_all=True, append_images=rest, **options)
        )
        np.testing.assert_array_equal(read_image(tmp_path / kind), frames[0])


def refused(path, reason):
    with pytest.raises(Unreadable, match=reason):
        read_image(path)


def test_pipes_devices_and_folders_are_not_opened(tmp_path):
    """Opening a pipe would wait, and a device never ends."""
    refused(tmp_path, "not a regular file")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    refused(tmp_path / "loop.jpg", "symbolic links")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    refused(tmp_path / "zero.jpg", "not a regular file")
    os.mkfifo(tmp_path / "pipe.jpg")
    refused(tmp_path / "pipe.jpg", "not a regular file")
    refused("nul\0.jpg", "null")


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "empty.jpg").touch()
    refused(tmp_path / "empty.jpg", "empty file")
    with open(tmp_path / "endless.jpg", "wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    refused(tmp_path / "endless.jpg", "1,099,511,627,776 bytes, more than 536,870,912")

    def forbidden(*args, **kwargs):  # tests may run as root, who may read everything
        raise PermissionError(13, "Permission denied")

    (tmp_path / "secret.png").write_bytes(encoded(SMOOTH, "png"))
    monkeypatch.setattr(decode, "open", forbidden, raising=False)
    refused(tmp_path / "secret.png", "Permission denied")


def test_the_caller_sets_the_limit_of_pixels(tmp_path):
    data = encoded(SMOOTH, "png")
    (tmp_path / "x.png").write_bytes(data)
    assert read_image(tmp_path / "x.png", SMOOTH[..., 0].size).shape == SMOOTH.shape
    with pytest.raises(Unreadable, match=r"claims 40 x 32 pixels, more than the 1,279 that"):
        read_image(tmp_path / "x.png", SMOOTH[..., 0].size - 1)
    with pytest.raises(Unreadable, match="claims 40 x 32"):
        check_image(data, 1000)


READ_ALL = """
import os, resource, sys
from paddle_alexnet.data.decode import Unreadable, check_image, read_file, read_image

held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 100_000_000,) * 2)
for name in sorted(os.listdir(sys.argv[1])):
    path = os.path.join(sys.argv[1], name)
    for read in (read_image, lambda path: check_image(read_file(path))):
        try:
            read(path)
            print(name, "was decoded")
        except Unreadable as error:
            print(name, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_gigabytes_are_refused_before_they_are_allocated(tmp_path):
    """With 100 MB to spare; 20,000 x 20,000 is less than OpenCV itself refuses."""
    want = []
    for kind in KINDS:
        for width, height in ((60_000, 60_000), (20_000, 20_000)):
            name = f"{kind}-{width}"
            (tmp_path / name).write_bytes(claiming(kind, width, height))
            want += [f"{name} claims {width} x {height} pixels"] * 2
    command = [sys.executable, "-c", READ_ALL, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    got = [line.partition(", more than")[0] for line in done.stdout.splitlines()]
    assert sorted(got) == sorted(want)


RED, BLUE = (np.full((8, 9, 3), color, np.uint8) for color in ((200, 0, 0), (0, 0, 200)))
ANIMATED = encoded(RED, "png", save_all=True, append_images=[Image.fromarray(BLUE)])


def chunks(data):
    place, kinds = 8, []
    while place < len(data):
        kinds.append(data[place + 4 : place + 8])
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return kinds


def test_only_animation_chunks_are_removed():
    assert {b"acTL", b"fcTL", b"fdAT"} < set(chunks(ANIMATED))
    still = strip_apng_chunks(ANIMATED)
    assert chunks(still) == [b"IHDR", b"IDAT", b"IEND"]
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(still, np.uint8), 1)[..., ::-1], RED)


def test_pngs_without_animation_are_unchanged():
    data = encoded(RED, "png", icc_profile=b"acTL of no chunk" * 9)
    assert strip_apng_chunks(data) == data
    assert strip_apng_chunks(data[:40]) == data[:40]


def test_opencv_never_gets_animation_chunks(tmp_path, monkeypatch):
    """Damaged chunks end the process there: in tests/torture, about one file in 10,000."""
    seen = []
    decode = cv2.imdecode

    def imdecode(data, flags):
        seen.append(bytes(data))
        return decode(data, flags)

    monkeypatch.setattr(cv2, "imdecode", imdecode)
    (tmp_path / "x.png").write_bytes(ANIMATED)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), RED)
    assert chunks(seen[0]) == [b"IHDR", b"IDAT", b"IEND"]
