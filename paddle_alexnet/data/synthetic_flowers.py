"""Drawn flowers: a small synthetic data set that needs no network.

Five species named after the classes of flower_photos, drawn with OpenCV. They differ in their
petals: every species occurs in every colour, some more often than others. Accuracy on them says
nothing about real flowers.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from paddle_alexnet.errors import DataError
from paddle_alexnet.storage.files import whole_folder

SIDE = 256  # pixels
PER_SPECIES = 160
JPEG_QUALITY = 90
SHIFT = 4  # OpenCV's fixed-point coordinates: sixteenths of a pixel

# RGB: white, yellow, red, orange, pink, violet; the first five are the species' own colours.
COLORS = np.array(
    [
        *((245, 243, 235), (248, 210, 40), (200, 25, 40)),
        *((240, 160, 30), (240, 130, 170), (150, 70, 190)),
    ]
)
# RGB of backgrounds: meadow, wood, sky, soil, shade.
GROUNDS = np.array([(70, 120, 50), (40, 75, 45), (140, 175, 205), (110, 90, 70), (35, 45, 40)])

Canvas = np.ndarray
Color = tuple[int, int, int]
Rng = np.random.Generator


def draw_flower_folder(root: str | Path, *, per_species: int = PER_SPECIES, seed: int = 0) -> None:
    """Write ``root/<species>/<species>_<number>.jpg``: all of them, or none.

    Args:
        root: Must not exist or be an empty folder.
        per_species: Images of each species.
        seed: An image depends only on it, the species and the number.

    Raises:
        DataError: The folder cannot be written.
    """
    try:
        with whole_folder(root) as folder:
            for species in SPECIES:
                (folder / species).mkdir()
                for number in range(per_species):
                    bgr = cv2.cvtColor(draw_flower(species, number, seed), cv2.COLOR_RGB2BGR)
                    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
                    (folder / species / f"{species}_{number:03d}.jpg").write_bytes(data.tobytes())
    except OSError as error:
        raise DataError(f"cannot draw flowers in {root}: {error}") from error


def draw_flower(species: str, number: int, seed: int = 0) -> np.ndarray:
    """Draw a flower, uint8 RGB [256, 256, 3].

    Args:
        species: A key of :data:`SPECIES`.
        number: Of the image, from 0.
        seed: Of the data set.
    """
    order = list(SPECIES).index(species)
    rng = np.random.default_rng([seed, order, number])
    canvas = _ground(rng)
    # 60 % of the flowers have their species' own colour, the others a random one.
    own = order if rng.random() < 0.6 else rng.integers(len(COLORS))
    color = _shade(COLORS[own], rng, 18)
    center = SIDE / 2 + rng.uniform(-22, 22, 2)
    radius = rng.uniform(70, 100)
    SPECIES[species](canvas, center, radius, color, rng)
    noise = rng.normal(0, 5, canvas.shape).astype(np.float32)
    soft = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.5, 1.2))
    return np.clip(soft.astype(np.float32) + noise, 0, 255).astype(np.uint8)


def _daisy(canvas: Canvas, center: np.ndarray, radius: float, color: Color, rng: Rng) -> None:
    """Long narrow separate petals, a small disc."""
    _stem(canvas, center, rng)
    for angle in _around(int(rng.integers(7, 11)), rng):
        _petal(canvas, center, radius * _direction(angle), radius * 0.15, color)
    _disc(canvas, center, radius * 0.24, _shade(COLORS[1], rng, 18))


def _dandelion(canvas: Canvas, center: np.ndarray, radius: float, color: Color, rng: Rng) -> None:
    """Many thin rays of all lengths, no disc."""
    _stem(canvas, center, rng)
    for reach in (1.0, 0.8, 0.6, 0.4):
        shade = _shade(np.array(color) * (0.7 + 0.3 * reach), rng, 6)
        for angle in _around(64, rng):
            length = radius * reach * rng.uniform(0.85, 1.0)
            _line(canvas, center, center + length * _direction(angle), shade, 1)


def _rose(canvas: Canvas, center: np.ndarray, radius: float, color: Color, rng: Rng) -> None:
    """Nested rings of broad petals, darker inside."""
    _stem(canvas, center, rng)
    for ring, reach in enumerate((1.0, 0.78, 0.56, 0.36)):
        shade = _shade(np.array(color) * (1 - 0.16 * ring), rng, 6)
        for angle in _around(5, rng):
            middle = center + radius * reach * 0.45 * _direction(angle)
            _disc(canvas, middle, radius * reach * 0.52, shade, _edge(shade))


def _sunflower(canvas: Canvas, center: np.ndarray, radius: float, color: Color, rng: Rng) -> None:
    """Two rows of short pointed petals around a large dark disc with seeds."""
    _stem(canvas, center, rng)
    for row, reach in enumerate((1.0, 0.88)):
        shade = _shade(np.array(color) * (0.85 + 0.15 * row), rng, 6)
        for angle in _around(18, rng):
            _point(canvas, center, radius * reach * _direction(angle), radius * 0.15, shade)
    _disc(canvas, center, radius * 0.55, _shade(np.array((75, 45, 25)), rng, 10))
    for turn in range(60):  # seeds turn by the golden angle, in radians
        spot = center + radius * 0.52 * np.sqrt(turn / 60) * _direction(turn * 2.39996)
        _disc(canvas, spot, 2.0, (140, 95, 50))


def _tulip(canvas: Canvas, center: np.ndarray, radius: float, color: Color, rng: Rng) -> None:
    """A cup from the side: three pointed petals on a stem with long leaves."""
    tilt = rng.uniform(-0.25, 0.25)
    base = center + np.array((0, radius * 0.6))
    _stem(canvas, base, rng)
    for lean in (-0.55, 0.55):
        leaf = np.array((base[0] + lean * radius, SIDE * 1.05))
        up = _direction(lean * 0.5 - np.pi / 2)
        _petal(canvas, leaf, radius * 0.9 * up, radius * 0.1, (50, 125, 55))
    for lean, dark in ((-0.38, 0.82), (0.38, 0.82), (0.0, 1.0)):
        shade = tuple(int(v * dark) for v in color)
        up = _direction(lean + tilt - np.pi / 2)
        _petal(canvas, base, radius * 1.45 * up, radius * 0.36, shade)


SPECIES: dict[str, Callable[[Canvas, np.ndarray, float, Color, Rng], None]] = {
    "daisy": _daisy,
    "dandelion": _dandelion,
    "roses": _rose,
    "sunflowers": _sunflower,
    "tulips": _tulip,
}


def _ground(rng: Rng) -> Canvas:
    """Soft patches of two colours."""
    first, second = GROUNDS[rng.choice(len(GROUNDS), 2, replace=False)]
    patches = cv2.resize(rng.random((6, 6)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    weight = np.clip(patches, 0, 1)[..., None]
    return np.ascontiguousarray((first * weight + second * (1 - weight)).astype(np.uint8))


def _around(count: int, rng: Rng) -> np.ndarray:
    """``count`` angles around the circle, with jitter."""
    step = 2 * np.pi / count
    return rng.uniform(0, 2 * np.pi) + step * (np.arange(count) + rng.uniform(-0.2, 0.2, count))


def _direction(angle: float) -> np.ndarray:
    return np.array((np.cos(angle), np.sin(angle)))


def _shade(color: np.ndarray, rng: Rng, spread: float) -> Color:
    return tuple(int(v) for v in np.clip(color + rng.normal(0, spread, 3), 0, 255))


def _fixed(point: np.ndarray) -> tuple[int, int]:
    return tuple(int(v) for v in np.rint(np.multiply(point, 2**SHIFT)))


def _stem(canvas: Canvas, top: np.ndarray, rng: Rng) -> None:
    bottom = np.array((top[0] + rng.uniform(-40, 40), SIDE + 10))
    _line(canvas, top, bottom, _shade(np.array((60, 130, 60)), rng, 12), 8)


def _line(canvas: Canvas, start: np.ndarray, end: np.ndarray, color: Color, width: int) -> None:
    cv2.line(canvas, _fixed(start), _fixed(end), color, width, cv2.LINE_AA, SHIFT)


def _disc(
    canvas: Canvas, center: np.ndarray, radius: float, color: Color, edge: Color | None = None
) -> None:
    size = int(radius * 2**SHIFT)
    cv2.circle(canvas, _fixed(center), size, color, cv2.FILLED, cv2.LINE_AA, SHIFT)
    if edge is not None:
        cv2.circle(canvas, _fixed(center), size, edge, 2, cv2.LINE_AA, SHIFT)


def _petal(
    canvas: Canvas, base: np.ndarray, reach: np.ndarray, half_width: float, color: Color
) -> None:
    """An ellipse from ``base`` to ``base + reach``, with an edge."""
    center = _fixed(base + reach / 2)
    axes = _fixed((np.hypot(*reach) / 2, half_width))
    turn = float(np.degrees(np.arctan2(reach[1], reach[0])))
    for shade, thickness in ((color, cv2.FILLED), (_edge(color), 1)):
        cv2.ellipse(canvas, center, axes, turn, 0, 360, shade, thickness, cv2.LINE_AA, SHIFT)


def _point(
    canvas: Canvas, base: np.ndarray, reach: np.ndarray, half_width: float, color: Color
) -> None:
    """A rhombus from ``base`` to ``base + reach``, with an edge."""
    middle = base + 0.65 * reach
    across = half_width / np.hypot(*reach) * np.array((-reach[1], reach[0]))
    corners = (base, middle + across, base + reach, middle - across)
    outline = np.array([_fixed(corner) for corner in corners], np.int32)
    cv2.fillPoly(canvas, [outline], color, cv2.LINE_AA, SHIFT)
    cv2.polylines(canvas, [outline], True, _edge(color), 1, cv2.LINE_AA, SHIFT)


def _edge(color: Color) -> Color:
    return tuple(int(v * 0.7) for v in color)
