"""What a run records about its environment."""

import json
import subprocess
import sys

import numpy as np
import pytest

from paddle_alexnet.log import environment
from paddle_alexnet.log.environment import describe_environment


def test_the_environment_is_json_with_versions_and_machine():
    described = describe_environment({"cores": 2, "set": {}}, "cpu")
    assert json.loads(json.dumps(described)) == described
    assert described["packages"]["numpy"] == np.__version__
    assert described["command"] == sys.argv and described["machine"]["cores"] == 2
    assert described["machine"]["processor"] and described["device"] == "cpu"


@pytest.mark.parametrize("changed", [False, True])
def test_the_commit_says_whether_files_were_changed(tmp_path, monkeypatch, changed):
    module = tmp_path / "package" / "log" / "environment.py"
    module.parent.mkdir(parents=True)
    module.write_text("x = 1\n")

    def git(*words):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *words],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    monkeypatch.setattr(environment, "__file__", str(module))
    assert environment._commit() is None
    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    if changed:
        module.write_text("x = 2\n")
    assert environment._commit() == git("rev-parse", "HEAD") + "+changes" * changed
