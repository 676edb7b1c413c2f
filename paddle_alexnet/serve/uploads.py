"""From the body of a request to inputs of the net, in memory only."""

import io
from typing import Any

import numpy as np
from flask import Request
from werkzeug.exceptions import HTTPException

from paddle_alexnet.data.decode import TooLarge, Unreadable, decode_image
from paddle_alexnet.data.header import read_claim
from paddle_alexnet.data.samples import read_meaning
from paddle_alexnet.inference.classifier import ImageClassifier
from paddle_alexnet.printable import printable_name
from paddle_alexnet.serve.errors import BUSY, Refused
from paddle_alexnet.serve.limits import PIXEL_BYTES, Limits, Memory


class InMemoryRequest(Request):
    """A request whose files stay in memory; werkzeug writes larger ones to the disk."""

    def _get_file_stream(self, *words: Any, **options: Any) -> io.BytesIO:
        return io.BytesIO()


def uploads(request: Request, limits: Limits) -> list[tuple[str, bytes]]:
    """Names and contents of what a request sends: the files of a form, or its body as one.

    Raises:
        Refused: It sends nothing, no form where it says so, or too much.
    """
    # Not by the application's configuration, which only the thread of a request sees.
    request.max_content_length, request.max_form_parts = limits.body, limits.images
    try:
        if request.mimetype == "multipart/form-data":
            files = request.files.items(multi=True)
            found = [(file.filename or "", file.read()) for _, file in files]
        else:
            found = [("", request.get_data(cache=False))]
    except HTTPException as error:
        if error.code == 413:
            raise Refused(
                413, f"more than {limits.body:,} bytes or {limits.images} parts in a request"
            ) from error
        raise Refused(400, "the form cannot be read") from error
    found = [(name, data) for name, data in found if name or data]
    if not found:
        raise Refused(400, "no image was sent: expected its bytes, or files of multipart/form-data")
    return found


def read_input(
    name: str, data: bytes, classifier: ImageClassifier, limits: Limits, memory: Memory
) -> np.ndarray:
    """Decode and preprocess an image while there is memory for it; uint8 [S, S, 3].

    Raises:
        Refused: It is no image (415), too large (413), or there is too much at the same time (503).
    """
    need = min(decoding_bytes(data), PIXEL_BYTES * limits.pixels)
    if not memory.take(need, wait=limits.answering):
        raise Refused(503, BUSY)
    try:
        image = decode_image(data, limits.pixels, classifier.description.sample_bits)
        return classifier.preprocessing(image)
    except Unreadable as error:
        status = 413 if isinstance(error, TooLarge) else 415
        raise Refused(status, f"{printable_name(name) or 'the body'}: {error}") from error
    finally:
        memory.give(need)


def decoding_bytes(data: bytes) -> int:
    """Bytes that decoding an image may need, by its header."""
    claim = read_claim(data)
    if claim is None:
        return 0
    pixels = claim.width * claim.height * claim.weight
    return PIXEL_BYTES * pixels * (2 if read_meaning(data).deep else 1)
