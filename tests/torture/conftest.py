"""Stress tests: a short form with every test run, the full one with --torture.

A test gets from ``amount(short, full)`` how much to try and reports to ``count(name, number)``; the
sums are printed at the end of pytest's output and, from full runs, stand in docs/reliability.md.
"""

from collections import Counter

import pytest

COUNTS = pytest.StashKey[Counter]()


@pytest.fixture(scope="session")
def amount(request):
    """A function (short, full) that returns how much to try in this run."""
    everything = request.config.getoption("--torture")
    return lambda short, full: full if everything else short


@pytest.fixture(scope="session")
def count(request):
    """A function (name, number) that adds to the sums printed at the end."""
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
