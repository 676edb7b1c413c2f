"""Names and addresses by which this machine is served, for the board and the page."""

import ipaddress
import re
import socket
from collections.abc import Collection

from paddle_alexnet.errors import RunError

MAX_PORT = 2**16 - 1
# No other site may show what is served in a frame, or load its images and data.
HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def names_this_machine(name: str, host: str, allowed: Collection[str] = ()) -> bool:
    """Whether the ``Host`` of a request is this machine, and not a name of another site.

    This prevents DNS rebinding: a site can let its own name point to 127.0.0.1, and its script
    then reads what is served through the visitor's browser. That is not possible with an IP
    address.

    Args:
        name: ``Host`` of the request, with or without a port; empty if it has none.
        host: Address that is listened on.
        allowed: Other names that are this machine's.
    """
    bare = re.sub(r":\d*$", "", name).strip("[]").lower()
    own = ("", "localhost", host, socket.gethostname(), *allowed)
    if bare in {other.lower() for other in own}:
        return True
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address to listen on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(host: str, port: int) -> str:
    """The address of what is served, without a path."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"  # brackets: IPv6


def check_port(port: int) -> None:
    """Check the number of a port; the system would take it modulo 65536.

    Raises:
        RunError: The port is out of range.
    """
    if not 0 <= port <= MAX_PORT:
        raise RunError(f"there is no port {port}: choose a --port from 0 to {MAX_PORT}")
