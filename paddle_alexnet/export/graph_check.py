"""Looking into a graph of Paddle before it is run.

A graph is a program: it may also write files, read others and print. Those of the nets here only
compute, with few operators, and no other is let through.
"""

from pathlib import Path
from typing import Any

from paddle_alexnet.errors import WeightsError
from paddle_alexnet.printable import printable_name
from paddle_alexnet.storage.texts import parse_json, read_text

# Paddle's operators that the nets here, in all forms of their norms, consist of.
OPERATORS = (
    *("add", "cast", "concat", "conv2d", "data", "depthwise_conv2d", "divide", "dropout", "fetch"),
    *("flatten", "full", "full_int_array", "matmul", "multiply", "pad", "pad3d", "pool2d"),
    *("pool3d", "pow", "relu", "reshape", "rsqrt", "scale", "slice", "softmax", "split", "sqrt"),
    *("square", "squeeze", "subtract", "sum", "transpose", "unsqueeze"),
)
# As Paddle 3's files name them; p is a parameter.
KNOWN = frozenset(["p", *(f"1.{name}" for name in OPERATORS)])


def check_graph(path: Path) -> None:
    """Check that a ``model.json`` of Paddle only computes.

    Raises:
        WeightsError: It cannot be read, or has an operator that no net here needs.
    """
    try:
        (region,) = parse_json(read_text(path))["program"]["regions"]
        (block,) = region["blocks"]
        names = [_name(operator) for operator in block["ops"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is not a graph of Paddle 3: {type(error).__name__}") from error
    unknown = sorted(set(names) - KNOWN)
    if unknown:
        raise WeightsError(
            f"{path} is not run: it has the operator {printable_name(unknown[0])}, which no net "
            "here needs"
        )


def _name(operator: dict[str, Any]) -> str:
    if "regions" in operator or not isinstance(operator["#"], str):
        raise ValueError("an operator with operators inside")
    return operator["#"]
