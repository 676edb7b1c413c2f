"""Looking into an ONNX graph before an engine reads it.

ONNX's operators only compute, but a file may name others to take weights from, bring operators of
its own, or loop for ever. The nets here need none of that.
"""

from pathlib import Path

from paddle_alexnet.errors import ConfigError, WeightsError
from paddle_alexnet.printable import printable_name

# What paddle2onnx makes of the nets here, in all forms of their norms.
OPERATORS = frozenset(
    (
        *("Add", "AveragePool", "Cast", "Concat", "Constant", "Conv", "Div", "Flatten", "Gemm"),
        *("Identity", "MatMul", "MaxPool", "Mul", "Pad", "Pow", "Reciprocal", "Relu", "Reshape"),
        *("Shape", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Transpose"),
        "Unsqueeze",
    )
)
ATTRIBUTES = ("FLOAT", "INT", "STRING", "TENSOR", "FLOATS", "INTS", "STRINGS")


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
            f"{path} is looked into before it is run, with the package onnx, which is not "
            "installed: pip install -e '.[onnx]'"
        ) from error
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf raises anything
        raise WeightsError(f"{path} is not an ONNX graph: {type(error).__name__}") from error
    tensors = list(model.graph.initializer)
    # Not graphs, nor sparse tensors, whose parts may lie in other files.
    kinds = {getattr(onnx.AttributeProto, name) for name in ATTRIBUTES}
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            raise WeightsError(
                f"{path} is not run: it has the operator "
                f"{printable_name('.'.join(filter(None, (node.domain, node.op_type))))}, which no "
                "net here needs"
            )
        if any(attribute.type not in kinds for attribute in node.attribute):
            raise WeightsError(
                f"{path} is not run: {node.op_type} has a setting of a kind that no net here needs"
            )
        tensors += [attribute.t for attribute in node.attribute if attribute.HasField("t")]
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise WeightsError(f"{path} is not run: it has parts that no net here needs")
    for tensor in tensors:
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise WeightsError(
                f"{path} is not run: {printable_name(tensor.name)} is to be read from another file"
            )
