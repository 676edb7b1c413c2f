"""Names and addresses of what is served."""

import pytest

from paddle_alexnet.errors import RunError
from paddle_alexnet.runtime import hosts


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("127.0.0.1:8040", True),
        ("localhost:8040", True),
        ("LOCALHOST", True),
        ("[::1]:8040", True),
        ("192.168.1.7:8040", True),
        ("gpu.example:8040", True),  # the address of the server
        ("127.0.0.1.example:8040", False),
        ("localhost.example", False),
        ("gpu.example.org", False),
        ("evil:8040", False),
    ],
)
def test_host_names(name, allowed):
    assert hosts.names_this_machine(name, "gpu.example") == allowed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback(host):
    assert hosts.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "gpu.example"])
def test_what_others_reach(host):
    assert not hosts.is_loopback(host)


def test_addresses():
    assert hosts.address("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert hosts.address("::1", 80) == "http://[::1]:80"


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_ports(port):
    with pytest.raises(RunError, match=f"{port}.*--port"):
        hosts.check_port(port)
