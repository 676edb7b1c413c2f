"""What a result depends on besides the configuration: versions, commit and machine."""

import contextlib
import importlib.metadata
import platform
import subprocess  # nosec B404 # for git, without a shell
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGES = (
    *("paddlepaddle", "paddlepaddle-gpu", "numpy", "opencv-python", "visualdl", "protobuf"),
    *("safetensors", "torch", "onnxruntime", "openvino", "paddle2onnx"),
)


def describe_environment(cpu_speed: dict[str, Any], device: str) -> dict[str, Any]:
    """Versions, commit, machine and command, as plain values for JSON.

    Args:
        cpu_speed: The report of :func:`paddle_alexnet.runtime.cpu.speed_up`.
        device: Where the net runs.
    """
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "packages": package_versions(PACKAGES),
        "commit": _commit(),
        "machine": {
            "system": platform.platform(),
            "processor": processor_name(),
            "cores": cpu_speed.get("cores"),
        },
        "device": device,
        "cpu_speed": cpu_speed,
    }


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    versions = {}
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def processor_name() -> str:
    """The processor's model name if the system tells it, else its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    """The commit of this checkout, with ``+changes`` if files differ from it; None outside."""
    here = Path(__file__).resolve().parents[2]

    def git(*words: str) -> str:
        done = subprocess.run(  # nosec B603 B607 # git is the one of PATH, as for its user
            ["git", "-C", str(here), *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return done.stdout.strip()

    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if (here / ".git").exists():
            return git("rev-parse", "HEAD") + (
                "+changes" if git("status", "--porcelain", "-uno") else ""
            )
    return None
