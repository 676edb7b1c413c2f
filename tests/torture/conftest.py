"""Trying to break the project: a short form with every test run, the full one with --torture.

A test asks ``amount(short, full)`` how much to try and tells ``count(name, number)`` what it saw;
the sums stand at the end of pytest's output and, from full runs, in docs/reliability.md.
"""

from collections import Counter

import pytest

COUNTS = pytest.StashKey[Counter]()


@pytest.fixture(scope="session")
def amount(request):
    """A function (short, full) -> how much to try in this run."""
    everything = request.config.getoption("--torture")
    return lambda short, full: full if everything else short


@pytest.fixture(scope="session")
def count(request):
    """A function (name, number) that adds to what is reported at the end."""
    counts = request.config.stash.setdefault(COUNTS, Counter())

    def add(name, number=1):
        counts[name] += number

    return add


def pytest_terminal_summary(terminalreporter, config):
    counts = config.stash.get(COUNTS, Counter())
    if counts:
        terminalreporter.section("torture")
        for name, number in counts.items():
            terminalreporter.write_line(f"{number:>9,}  {name}")
