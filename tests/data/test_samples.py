"""Samples that are not 8-bit RGB: 9 to 16 bits, alpha, floats, and images that are to be turned."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from paddle_alexnet.data.dataset import MemoryCache
from paddle_alexnet.data.decode import Unreadable, check_image, decode_image, read_image
from paddle_alexnet.data.folder import list_images
from paddle_alexnet.inference.predict import predict_files
from tests.odd_files import encoded

RNG = np.random.default_rng(0)
RGB = cv2.resize(RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8), (40, 32))
ALPHA = cv2.resize(RNG.integers(0, 256, (4, 5), dtype=np.uint8), (40, 32))
ALPHA[:5], ALPHA[5:10] = 0, 255
RGBA = np.dstack([RGB, ALPHA])
MEASURED = (RGB.astype(np.uint16) * 16) + 15  # 12 bits


def written(suffix, image):
    _, data = cv2.imencode(suffix, image[..., ::-1] if image.ndim == 3 else image)
    return data.tobytes()


def with_chunk(png, name, content):
    """A PNG with one more chunk before its pixels."""
    chunk = struct.pack(">I", len(content)) + name + content
    chunk += struct.pack(">I", zlib.crc32(name + content))
    return png[:33] + chunk + png[33:]


def tiff(samples, kind=1, maximum=None, bits=16):
    """A grey TIFF of one strip."""
    height, width = samples.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 200, 277: 1, 278: height}
    tags |= {279: samples.nbytes, 339: kind} | ({} if maximum is None else {281: maximum})
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return head.ljust(200, b"\0") + samples.tobytes()


def scaled(image, white):
    return np.minimum(np.floor(image * (255 / white) + 0.5), 255)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".ppm", ".jp2"])
def test_16_bits_are_16_unless_it_is_known_better(suffix):
    data, loss = written(suffix, MEASURED), 1 if suffix == ".jp2" else 0
    np.testing.assert_allclose(decode_image(data), MEASURED >> 8, atol=loss)
    assert abs(check_image(data) - MEASURED.max()) <= 16 * loss
    got = decode_image(data, sample_bits=12)
    np.testing.assert_allclose(got, scaled(MEASURED, 4095), atol=loss)
    whole = RGB.astype(np.uint16) * 257  # exceeds 12 bits
    got = decode_image(written(suffix, whole), sample_bits=12)
    np.testing.assert_allclose(got, RGB, atol=loss)


def test_a_grey_image_of_12_bits():
    got = decode_image(written(".png", MEASURED[..., 0]), sample_bits=12)
    np.testing.assert_array_equal(got, np.dstack([scaled(MEASURED[..., 0], 4095)] * 3))


@pytest.mark.parametrize("grey", [False, True])
def test_sbit_of_png(grey):
    image = MEASURED[..., 0] if grey else MEASURED
    data = with_chunk(written(".png", image), b"sBIT", bytes([12]) if grey else bytes([12] * 3))
    want = scaled(image, 4095)
    np.testing.assert_array_equal(decode_image(data), np.dstack([want] * 3) if grey else want)
    assert check_image(data) is None
    # As the PNG specification has it: scaled to 16 bits already.
    data = with_chunk(written(".png", image << 4), b"sBIT", bytes([12] * (1 if grey else 3)))
    want = image >> 4
    np.testing.assert_array_equal(decode_image(data), np.dstack([want] * 3) if grey else want)


def test_maximum_of_tiff_and_pnm():
    grey = MEASURED[..., 0]
    want = np.dstack([scaled(grey, 4095)] * 3)
    np.testing.assert_array_equal(decode_image(tiff(grey, maximum=4095)), want)
    np.testing.assert_array_equal(decode_image(tiff(grey)), np.dstack([grey >> 8] * 3))
    pgm = b"P5 # a comment\n40 32\n4095\n" + grey.astype(">u2").tobytes()
    np.testing.assert_array_equal(decode_image(pgm), want)
    small = b"P6 2 1 100 " + bytes([0, 25, 50, 100, 100, 100])
    np.testing.assert_array_equal(decode_image(small)[0], [[0, 64, 128], [255, 255, 255]])


def test_few_bits_in_a_whole_listing_are_named_once(tmp_path, caplog):
    for name, number in (("a", 0), ("b", 1)):
        (tmp_path / name).mkdir()
        for i in range(3):
            data = written(".png", np.roll(MEASURED, 3 * number + i, axis=1))
            (tmp_path / name / f"{i}.png").write_bytes(data)
    list_images(tmp_path)
    (line,) = [r.getMessage() for r in caplog.records if "16-bit" in r.getMessage()]
    assert "exceeds 4095" in line and line.endswith("set data.sample_bits: 12")
    caplog.clear()
    list_images(tmp_path, sample_bits=12)
    (tmp_path / "a" / "white.png").write_bytes(written(".png", MEASURED * 2))
    list_images(tmp_path)
    assert "16-bit" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("png", "RGBA", {}), ("png", "LA", {}), ("png", "P", {}), ("tiff", "RGBA", {}),
        ("png", "RGB", {"transparency": tuple(map(int, RGB[0, 0]))}), ("gif", "RGBA", {}),
        ("webp", "RGBA", {"lossless": True, "exact": True}), ("webp", "RGBA", {"quality": 80}),
        ("tiff", "RGBA", {"compression": "tiff_lzw"}), ("avif", "RGBA", {}),
        ("jpeg2000", "RGBA", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("orientation", [1, 6])
def test_alpha_is_composed_on_white(kind, mode, options, orientation):
    image = Image.fromarray(RGBA)
    image = image.quantize() if mode == "P" else image.convert(mode)
    turned = kind not in ("gif", "jpeg2000")
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, kind, **options, **({"exif": exif} if turned else {}))
    data = out.getvalue()
    seen = Image.open(io.BytesIO(data))
    seen = (ImageOps.exif_transpose(seen) if turned else seen).convert("RGBA")
    white = Image.new("RGBA", seen.size, (255,) * 4)
    white.alpha_composite(seen)
    got = decode_image(data).astype(int)
    assert np.abs(got - np.asarray(white.convert("RGB"))).max() <= 1
    check_image(data)


def test_alpha_of_16_bits():
    """Deep PNG and TIFF, of which libtiff multiplies nothing."""
    deep = RGBA.astype(np.uint16) * 257
    share = RGBA[..., 3:] / 255
    want = RGB * share + 255 * (1 - share)
    for suffix in (".png", ".tiff"):
        _, data = cv2.imencode(suffix, deep[..., [2, 1, 0, 3]])
        assert np.abs(decode_image(data.tobytes()) - want).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["avif", "png", "webp", "tiff"])
def test_turned_like_a_jpeg(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if kind == "avif" else {"lossless": True} if kind == "webp" else {}
    data = encoded(RGB, kind, exif=exif, **options)
    want = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    np.testing.assert_array_equal(decode_image(data), want)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiff(RGB[..., 0].astype(np.float32), 3, bits=32), "floating-point numbers of 32 bits"),
        (tiff(RGB[..., 0].astype(np.float16), 3), "floating-point numbers of 16 bits"),
        (tiff(RGB[..., 0].astype(np.int16), 2), "signed numbers of 16 bits"),
        (tiff(RGB[..., 0].astype(np.uint32), 1, bits=32), "whole numbers of 32 bits"),
        (b"PF\n2 1\n-1.0\n" + bytes(24), "floating-point numbers"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 2\n" + bytes(8), "floating-point"),
        (encoded(np.dstack([RGB[..., 0], ALPHA]), "tiff"), "grey with alpha"),
        (encoded(np.dstack([RGB[..., 0], ALPHA]), "jpeg2000"), "grey with alpha"),
    ],
)
def test_other_types_are_refused(data, words):
    for read in (decode_image, check_image):
        with pytest.raises(Unreadable, match=rf"it holds {words}.*: convert it"):
            read(data)


def test_readers_and_infer_take_the_bits(tmp_path, caplog):
    path = tmp_path / "x.png"
    path.write_bytes(written(".png", MEASURED))
    want = scaled(MEASURED, 4095)
    np.testing.assert_array_equal(read_image(path, sample_bits=12), want)
    np.testing.assert_array_equal(MemoryCache(10**6, sample_bits=12)(str(path)), want)
    taken = []

    class Classifier:
        classes = ("a",)

        def scores(self, images):
            taken.extend(images)
            return np.ones((len(images), 1))

    list(predict_files(Classifier(), [str(path)], sample_bits=12))
    assert not caplog.records
    list(predict_files(Classifier(), [str(path)]))
    np.testing.assert_array_equal(taken, [want, MEASURED >> 8])
    assert "--sample-bits 12" in caplog.text
