"""Check graphs of Paddle and ONNX before an engine reads them.

A graph is a program: it may also write files, read others and print. The graphs of the nets here
only compute, with few operators; any other operator is refused.
"""

from pathlib import Path
from typing import Any

from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.storage.files import parse_json, read_text

# Operators of Paddle that the nets here use, with every implementation of their norms.
PADDLE_OPERATORS = (
    *("add", "bmm", "cast", "concat", "conv2d", "data", "depthwise_conv2d", "divide", "dropout"),
    *("fetch", "flatten", "full", "full_int_array", "matmul", "multiply", "pad", "pad3d", "pool2d"),
    *("pool3d", "pow", "relu", "reshape", "rsqrt", "scale", "slice", "softmax", "split", "sqrt"),
    *("square", "squeeze", "subtract", "sum", "tanh", "transpose", "unfold", "unsqueeze"),
)
# As Paddle 3's files name them; p is a parameter.
PADDLE_KNOWN = frozenset(["p", *(f"1.{name}" for name in PADDLE_OPERATORS)])

# Operators that paddle2onnx uses for the nets here, with every implementation of their norms.
ONNX_OPERATORS = frozenset(
    (
        *("Add", "AveragePool", "Cast", "Concat", "Constant", "Conv", "Div", "Flatten", "Gather"),
        *("Gemm", "Identity", "MatMul", "MaxPool", "Mul", "Pad", "Pow", "Range", "Reciprocal"),
        *("Relu", "Reshape", "Shape", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub"),
        *("Tanh", "Transpose", "Unsqueeze"),
    )
)
# Not graphs, nor sparse tensors, whose parts may lie in other files.
ATTRIBUTES = ("FLOAT", "INT", "STRING", "TENSOR", "FLOATS", "INTS", "STRINGS")


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
    unknown = sorted(set(names) - PADDLE_KNOWN)
    if unknown:
        raise WeightsError(
            f"{path} is not run: it has the operator {unknown[0][:100]!r}, which no net here needs"
        )


def _name(operator: dict[str, Any]) -> str:
    if "regions" in operator or not isinstance(operator["#"], str):
        raise ValueError("an operator with operators inside")
    return operator["#"]


def check_onnx(path: Path) -> None:
    """Check that a ``model.onnx`` only computes, and holds all that it needs.

    Raises:
        ConfigError: The package ``onnx`` is missing.
        WeightsError: It cannot be read, has an operator that no net here needs, or has weights in
            another file.
    """
    try:
        import onnx
    except ImportError as error:
        raise ConfigError(
            f"{path} is checked before it is run, with the package onnx, which is not "
            "installed: pip install -e '.[onnx]'"
        ) from error
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf raises anything
        raise WeightsError(f"{path} is not an ONNX graph: {type(error).__name__}") from error
    tensors = list(model.graph.initializer)
    kinds = {getattr(onnx.AttributeProto, name) for name in ATTRIBUTES}
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in ONNX_OPERATORS:
            name = ".".join(filter(None, (node.domain, node.op_type)))[:100]
            raise WeightsError(
                f"{path} is not run: it has the operator {name!r}, which no net here needs"
            )
        if any(attribute.type not in kinds for attribute in node.attribute):
            raise WeightsError(
                f"{path} is not run: {node.op_type} has an attribute of a type that no net here "
                "needs"
            )
        tensors += [attribute.t for attribute in node.attribute if attribute.HasField("t")]
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise WeightsError(f"{path} is not run: it has parts that no net here needs")
    for tensor in tensors:
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise WeightsError(
                f"{path} is not run: {tensor.name[:100]!r} is to be read from another file"
            )
