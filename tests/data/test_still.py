"""Animated PNGs, of which only the still picture goes to OpenCV."""

import cv2
import numpy as np
from PIL import Image

from paddle_alexnet.data.decode import read_image, without_animation
from tests.odd_files import encoded

RED, BLUE = (np.full((8, 9, 3), color, np.uint8) for color in ((200, 0, 0), (0, 0, 200)))
ANIMATED = encoded(RED, "png", save_all=True, append_images=[Image.fromarray(BLUE)])


def chunks(data):
    place, kinds = 8, []
    while place < len(data):
        kinds.append(data[place + 4 : place + 8])
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return kinds


def test_the_animation_goes_and_the_rest_stays():
    assert {b"acTL", b"fcTL", b"fdAT"} < set(chunks(ANIMATED))
    still = without_animation(ANIMATED)
    assert chunks(still) == [b"IHDR", b"IDAT", b"IEND"]
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(still, np.uint8), 1)[..., ::-1], RED)


def test_other_pngs_are_not_touched():
    data = encoded(RED, "png", icc_profile=b"acTL of no chunk" * 9)
    assert without_animation(data) == data
    assert without_animation(data[:40]) == data[:40]


def test_opencv_sees_no_animation(tmp_path, monkeypatch):
    """Damaged ones end the process there: by tests/torture, about one in ten thousand."""
    seen = []
    decode = cv2.imdecode

    def imdecode(data, flags):
        seen.append(bytes(data))
        return decode(data, flags)

    monkeypatch.setattr(cv2, "imdecode", imdecode)
    (tmp_path / "x.png").write_bytes(ANIMATED)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), RED)
    assert chunks(seen[0]) == [b"IHDR", b"IDAT", b"IEND"]
