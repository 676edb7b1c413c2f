"""Decoding, against Pillow where formats differ."""

import io
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.data.decode import Unreadable, check_image, is_image_name, read_image

RNG = np.random.default_rng(0)
SMOOTH = cv2.resize(RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8), (40, 32))


def encoded(image, kind, **options):
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "ppm"])
def test_lossless_formats_give_rgb(kind, tmp_path):
    (tmp_path / "x").write_bytes(encoded(SMOOTH, kind))
    np.testing.assert_array_equal(read_image(tmp_path / "x"), SMOOTH)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "gif"])
def test_lossy_formats_give_what_pillow_gives(kind, tmp_path):
    data = encoded(SMOOTH, kind)
    (tmp_path / "x").write_bytes(data)
    want = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(read_image(tmp_path / "x") - want).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(SMOOTH, "jpeg", exif=exif, quality=95)
    (tmp_path / "x.jpg").write_bytes(data)
    from PIL import ImageOps

    want = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))).astype(int)
    got = read_image(tmp_path / "x.jpg")
    assert got.shape == want.shape
    assert np.abs(got - want).mean() < 2


def test_grey_alpha_and_16_bits(tmp_path):
    grey = SMOOTH[..., 0]
    (tmp_path / "grey.png").write_bytes(encoded(grey, "png"))
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.dstack([grey] * 3))
    alpha = np.dstack([SMOOTH, np.full(SMOOTH.shape[:2], 77, np.uint8)])
    (tmp_path / "alpha.png").write_bytes(encoded(alpha, "png"))
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png"), SMOOTH)
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
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_what_is_cut_off_is_no_picture(kind, share, tmp_path):
    noise = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(noise, kind)
    check_image(data)
    part = data[: int(len(data) * share)]
    with pytest.raises(Unreadable):
        check_image(part)
    (tmp_path / "x").write_bytes(part)
    with pytest.raises(Unreadable):
        read_image(tmp_path / "x")


def test_what_is_no_picture(tmp_path):
    (tmp_path / "x.jpg").write_text("no image")
    with pytest.raises(Unreadable, match="not an image"):
        read_image(tmp_path / "x.jpg")
    with pytest.raises(Unreadable, match="No such file"):
        read_image(tmp_path / "gone.jpg")


def test_names():
    assert all(map(is_image_name, ("a.jpg", "A.JPEG", "花.PnG", "x.tar.webp")))
    assert not any(map(is_image_name, ("a.txt", "jpg", "a.jpg.part", ".png")))


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "bmp", "webp"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 3)])
def test_small_pictures_are_pictures(kind, shape, tmp_path):
    data = encoded(np.zeros((*shape, 3), np.uint8), kind)
    check_image(data)
    (tmp_path / "x").write_bytes(data)
    assert read_image(tmp_path / "x").shape == (*shape, 3)
