"""What is installed is named in full, and what bandit lets pass has a reason."""

import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parent.parent
LOCKS = ["requirements.lock", "requirements-audit.lock"]
CODE = [*TOP.glob("paddle_alexnet/**/*.py"), *TOP.glob("tools/**/*.py"), TOP / "setup.py"]
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]


def pins(name):
    """The requirements of a lock file, each with its hashes."""
    lines = (TOP / name).read_text().replace("\\\n", "").splitlines()
    parts = [line.split(" --hash=") for line in lines]
    return [(Requirement(first), [text.strip() for text in rest]) for first, *rest in parts]


@pytest.fixture
def asked(monkeypatch):
    """What setup.py asks for to run and test the project: name -> bounds."""
    said = {}
    monkeypatch.setattr(setuptools, "setup", said.update)
    runpy.run_path(str(TOP / "setup.py"))
    lines = [*said["install_requires"], *said["extras_require"]["test"]]
    return {canonicalize_name(need.name): need.specifier for need in map(Requirement, lines)}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_one_version_with_hashes(name):
    found = pins(name)
    assert len(found) > 20
    for need, hashes in found:
        (version,) = need.specifier
        assert version.operator == "=="
        assert "*" not in version.version
        assert need.url is None
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", text) for text in hashes)


@pytest.mark.parametrize("name", LOCKS)
def test_no_index_is_named(name):
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted", (TOP / name).read_text())


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_one_version_of_each_for_every_python(asked, python, system):
    place = {"python_full_version": f"{python}.0", "python_version": python, "sys_platform": system}
    taken = {}
    for need, _ in pins("requirements.lock"):
        if need.marker is None or need.marker.evaluate(place):
            assert need.name not in taken
            taken[canonicalize_name(need.name)] = next(iter(need.specifier)).version
    for name, bounds in asked.items():
        assert taken[name] in bounds


def test_every_exception_of_bandit_names_its_number_and_a_reason():
    text = "\n".join(path.read_text() for path in CODE)
    exceptions = re.findall(r"# nosec\b(.*)", text)
    assert exceptions
    for words in exceptions:
        assert re.fullmatch(r"( B\d{3})+ # .{8,}", words)
    (skips,) = re.findall(r"\[tool\.bandit\]\nskips = \[\n(.*?)\n\]", pyproject(), re.DOTALL)
    for line in skips.splitlines():
        assert re.fullmatch(r' +"B\d{3}", # .{8,}', line)


def pyproject():
    return (TOP / "pyproject.toml").read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("service", "code", "said"),
    [
        ("exit 0", 0, "no known vulnerability"),
        ("echo 'Name Version ID'; exit 1", 1, "allow a newer version"),
        ("echo 'no route'  >&2; exit 1", 2, "was not checked"),
    ],
    ids=["well", "known", "unreachable"],
)
def test_the_audit_says_what_it_found_or_that_it_found_nobody(tmp_path, service, code, said):
    script = tmp_path / "pip-audit"
    script.write_text(f"#!/bin/sh\n{service}\n")
    script.chmod(0o755)
    done = subprocess.run(
        ["bash", TOP / ".ci/audit", script, "requirements.lock"], capture_output=True, text=True
    )
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == (code > 0)
