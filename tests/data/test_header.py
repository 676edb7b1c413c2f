"""What headers claim, against what OpenCV decodes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from paddle_alexnet.data.header import read_claim
from tests.odd_files import KINDS, SIDE, claiming, encoded

STILL = Image.new("RGB", (8, 9), "red")
SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".hdr", ".jp2", ".jpg", ".pam", ".pbm", ".pfm", ".pgm", ".pic"),
    *(".png", ".pnm", ".ppm", ".ras", ".tif", ".webp"),
)


def by_opencv(suffix, height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if suffix in (".pbm", ".pgm"):
        image = image[..., 0]
    if suffix in (".hdr", ".pic", ".pfm"):
        image = image.astype(np.float32) / 255
    done, data = cv2.imencode(suffix, image)
    if not done:
        pytest.skip("this OpenCV does not write it")
    return data.tobytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [(64, 100), (301, 64)])
def test_the_size_is_what_opencv_decodes(suffix, size):
    data = by_opencv(suffix, *size)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2] == size
    assert read_claim(data)[:2] == size[::-1]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("jpeg", {"progressive": True}),
        ("jpeg", {"comment": b"\xff\xc0 no frame", "icc_profile": b"\xff\xc0\0\x11\x08" * 500}),
        ("webp", {"lossless": True}),
        ("webp", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
        ("tiff", {"compression": "tiff_lzw"}),
        ("tiff", {"big_tiff": True}),
        ("jpeg2000", {"no_jp2": True, "num_resolutions": 1}),
        ("ppm", {}),
        ("gif", {}),
    ],
)
def test_the_size_is_what_pillow_wrote(kind, options):
    assert read_claim(encoded(np.zeros((33, 70, 3), np.uint8), kind, **options))[:2] == (70, 33)


@pytest.mark.parametrize("kind", KINDS)
def test_claims_of_small_hostile_files(kind):
    assert read_claim(claiming(kind, 60_000, 50_000))[:2] == (60_000, 50_000)
    assert read_claim(claiming(kind, SIDE, 100))[:2] == (SIDE, 100)


def test_of_several_sizes_the_largest_counts():
    stream = claiming("jp2", 30, 20)[40:]
    assert read_claim(claiming("jp2", 8, 9) + stream)[:2] == (30, 20)
    image = claiming("avif", 8, 9)
    frames = encoded(np.zeros((9, 8, 3), np.uint8), "avif", save_all=True, append_images=[STILL])
    track = frames.index(b"tkhd") + 4 + 88
    assert frames[track : track + 8] == b"\0\x08\0\0\0\x09\0\0"
    frames = frames[:track] + b"\xea\x60\0\0\0\x07" + frames[track + 6 :]
    assert read_claim(frames)[:2] == (60_000, 7)
    assert read_claim(image + b"ispe\0\0\0\0\0\0\x02\0\0\0\x01\0")[:2] == (512, 256)


def test_a_chunk_of_png_that_is_longer_than_the_file():
    """OpenCV would allocate and fill 4 GB."""
    data = encoded(np.zeros((9, 8, 3), np.uint8), "png")
    place = data.index(b"IDAT") - 4
    assert read_claim(data)[:2] == (8, 9)
    assert read_claim(data[:place] + b"\xff\xff\xff\xf0" + data[place + 4 :]) is None


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"<svg/>", bytes(99)),
        *(b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xff\xff"),
        b"II+\0\x08\0\0\0" + b"\xff" * 20,  # a directory at 2 ** 64 - 1
        b"P6 " + b"9" * 5000,
    ],
)
def test_files_without_a_size(data):
    assert read_claim(data) is None


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 2000), st.binary(max_size=20))
def test_damaged_headers_raise_nothing(kind, place, junk):
    data = claiming(kind, 700, 500)
    for damaged in (data[:place], data[:place] + junk + data[place + len(junk) :]):
        claim = read_claim(damaged)
        assert claim is None or min(claim.width, claim.height) >= 0
