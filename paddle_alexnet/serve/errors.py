"""What a request can be answered beside a result: one line of JSON, with a status of HTTP."""

import json

RETRY_SECONDS = 1
BUSY = "too much at the same time: try again in a second"


class Refused(Exception):
    """A request that is not done; the text says why.

    Args:
        status: Of HTTP, from 400 on.
        reason: One line.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def error_body(reason: str) -> bytes:
    """An error as one line of JSON."""
    return json.dumps({"error": reason}).encode() + b"\n"


def error_headers(status: int) -> dict[str, str]:
    """Headers of an error."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return headers | ({"Retry-After": str(RETRY_SECONDS)} if status == 503 else {})
