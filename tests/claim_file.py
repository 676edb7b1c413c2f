"""A small claim file for tests."""

from pathlib import Path
from typing import Any

from paddle_alexnet.config.load import dump_yaml
from paddle_alexnet.results.claims import Claim, read_claim

PLAIN = {
    "title": "t",
    "config": "c.yml",
    "arms": {"a": {}, "b": {"set": ["train.epochs=2"]}, "c": {"runs_of": "a", "views": 10}},
    "comparisons": [{"better": ["a"], "than": ["b"], "paper": "p"}],
    "seeds": [0, 1, 2],
}


def write_claim(folder: Path, **changes: Any) -> Claim:
    """Write a claim with ``changes`` to ``claim.yml`` and read it."""
    path = folder / "claim.yml"
    path.write_text(dump_yaml({**PLAIN, **changes}))
    return read_claim(path)
