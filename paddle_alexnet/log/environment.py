"""What a result depends on besides the configuration."""

import importlib.metadata
import platform
import subprocess  # nosec B404 # for git, without a shell
import sys
from pathlib import Path
from typing import Any

PACKAGES = (
    "paddlepaddle",
    "paddlepaddle-gpu",
    "numpy",
    "opencv-python",
    "visualdl",
    "protobuf",
    "safetensors",
    "torch",
    "onnxruntime",
    "openvino",
    "paddle2onnx",
)


def describe_environment(cpu_speed: dict[str, Any], device: str) -> dict[str, Any]:
    """Versions, commit, machine and command, as plain values.

    Args:
        cpu_speed: What :func:`paddle_alexnet.runtime.cpu.speed_up` reported.
        device: Where the net runs.
    """
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "packages": {name: v for name in PACKAGES if (v := _version(name)) is not None},
        "commit": _commit(),
        "machine": {
            "system": platform.platform(),
            "processor": processor_name(),
            "cores": cpu_speed.get("cores"),
        },
        "device": device,
        "cpu_speed": cpu_speed,
    }


def processor_name() -> str:
    """The processor's own name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of this checkout, with ``+changes`` where files differ from it; None outside."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        head = _git(here, "rev-parse", "HEAD")
        return head + ("+changes" if _git(here, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(  # nosec B603 B607 # git is the one of PATH, as for its user
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
