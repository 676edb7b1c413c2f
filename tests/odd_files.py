"""Small files that are not what they seem, for the tests of whatever reads pictures."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIDE = 48
KINDS = (
    *("avif", "bmp", "bmp-core", "gif", "hdr", "jp2", "jp2-box-lies", "jpeg", "pam", "pfm", "png"),
    *("ppm", "ras", "tiff", "tiff-big-endian", "tiff-big", "tiff-tile", "webp"),
)


def encoded(image, kind, **options):
    """A picture uint8 [H, W, 3] or [H, W] as Pillow writes it."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, **options)
    return out.getvalue()


def claiming(kind, width, height):
    """A file of under 10 kB whose header claims ``width`` x ``height`` pixels.

    What a kind cannot claim is cut down to the most that it can, in both directions.
    """
    small = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    smaller = np.zeros_like(small)
    if kind == "png":
        data = encoded(small, "png")
        chunk = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
        return data[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    if kind == "gif":
        return _put(encoded(small, "gif"), 6, "<HH", width, height)
    if kind == "bmp":
        return _put(encoded(small, "bmp"), 18, "<ii", width, -height)
    if kind == "bmp-core":
        return b"BM" + struct.pack("<IIIIHHHH", 600, 0, 26, 12, width, height, 1, 24) + bytes(600)
    if kind == "jpeg":
        data = encoded(small, "jpeg")
        return _put(data, data.index(b"\xff\xc0") + 5, ">HH", height, width)
    if kind == "webp":
        picture = encoded(smaller, "webp", lossless=True)[12:]
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunks = b"WEBPVP8X" + struct.pack("<II", 10, 0) + size + picture
        return b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    if kind == "avif":
        data = encoded(smaller, "avif")
        return _put(data, data.index(b"ispe") + 8, ">II", width, height)
    if kind == "ras":
        return struct.pack(">8I", 0x59A66A95, width, height, 24, 0, 1, 0, 0) + bytes(600)
    if kind.startswith("jp2"):
        data = encoded(small, "jpeg2000", num_resolutions=1)
        start = data.index(b"\xff\x4f\xff\x51")
        data = _put(data, start + 8, ">II", width, height)
        data = _put(data, start + 24, ">II", width, height)  # one tile
        return data if "lies" in kind else _put(data, data.index(b"ihdr") + 4, ">II", height, width)
    if kind.startswith("tiff"):
        return _tiff(kind, width, height)
    lines = {
        "ppm": f"P6 # odd\n{width} {height}\n255\n",
        "pfm": f"PF\n{width} {height}\n-1.0\n",
        "pam": f"P7\nHEIGHT {height}\nWIDTH {width}\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
        "hdr": f"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n",
    }
    return lines[kind].encode() + bytes(600)


def _put(data, place, layout, *numbers):
    changed = bytearray(data)
    struct.pack_into(layout, changed, place, *numbers)
    return bytes(changed)


def _tiff(kind, width, height):
    """One strip, or one tile, of zeros after the directory."""
    order = ">" if kind == "tiff-big-endian" else "<"
    big = kind == "tiff-big"
    sides = {256: width, 257: height}
    where = {273: 500, 278: height, 279: 3 * SIDE}  # StripOffsets, RowsPerStrip, StripByteCounts
    if kind == "tiff-tile":
        sides = {256: 16, 257: 16}
        where = {322: width, 323: height, 324: 500, 325: 3 * SIDE}
    entries = sorted({**sides, 258: 8, 259: 1, 262: 2, 277: 3, 284: 1, **where}.items())
    layout = order + ("HHQQ" if big else "HHII")
    body = b"".join(struct.pack(layout, tag, 16 if big else 4, 1, value) for tag, value in entries)
    mark = b"MM" if order == ">" else b"II"
    if big:
        head = mark + struct.pack(order + "HHHQQ", 43, 8, 0, 16, len(entries))
    else:
        head = mark + struct.pack(order + "HIH", 42, 8, len(entries))
    return (head + body + bytes(8)).ljust(1000, b"\0")
