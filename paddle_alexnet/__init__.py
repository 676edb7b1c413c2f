"""AlexNet in PaddlePaddle, reproduced so that anyone can check it.

The names below load what they need when first used: importing the package loads neither Paddle
nor OpenCV and changes nothing in the process.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from paddle_alexnet.data.flower_folder import FlowerFolder
    from paddle_alexnet.inference.classifier import Classifier
    from paddle_alexnet.nets.alexnet import AlexNet
    from paddle_alexnet.nets.lrn import LRN
    from paddle_alexnet.nets.registry import MODELS, build_model

__all__ = ["LRN", "MODELS", "AlexNet", "Classifier", "FlowerFolder", "build_model"]

_HOMES = {
    "AlexNet": "nets.alexnet",
    "Classifier": "inference.classifier",
    "FlowerFolder": "data.flower_folder",
    "LRN": "nets.lrn",
    "MODELS": "nets.registry",
    "build_model": "nets.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
