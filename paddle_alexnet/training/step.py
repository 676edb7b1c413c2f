"""Net and loss as one call, run operator by operator or compiled to a graph."""

import logging

import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.static import InputSpec

from paddle_alexnet.config.schema import TrainConfig
from paddle_alexnet.nets.alexnet import AlexNet
from paddle_alexnet.nets.layers import Conv2D, Linear, Local2D, MaxPool2D
from paddle_alexnet.nets.lrn import LRN, FusedLRN, LocalResponseNorm, Towers
from paddle_alexnet.nets.towers import Tower

logger = logging.getLogger(__name__)

# Layers whose gradients in a graph with oneDNN were compared with those outside, in all nets of
# MODELS. Others are not just slow there: the gradient of average pooling is wrong, and that of a
# linear layer's bias in batches of as many images as outputs; those of Paddle's own max pooling
# and response norm end the process.
COMPARED = {
    *(AlexNet, Conv2D, Linear, Local2D, FusedLRN, MaxPool2D),
    *(nn.ReLU, nn.Tanh, nn.Dropout, nn.Flatten, nn.Sequential),
}
# The versions of Paddle for which that was done.
MEASURED = "3.3."
COMPILE_KINDS = ("auto", "none", "static", "onednn")


class TrainingStep(nn.Layer):
    """Compute the loss of a batch.

    Args:
        net: Gives logits [N, C].
        label_smoothing: Fraction of the target distributed over all classes, in [0, 1).
        amp: ``none``, ``bfloat16`` or ``float16``. Parameters and their gradients stay float32.
            bfloat16 has float32's range; float16's gradients need a
            :class:`paddle_alexnet.training.state.LossScale`.
        amp_level: What is computed in that type; ``O1``: convolutions and matrix products;
            ``O2``: all of the net but its response norms.

    Shape:
        Input: the net's input and int64 labels [N]. Output: the sum of the losses, float32 [], and
        how many labels have the largest logit, int64 [].
    """

    def __init__(
        self,
        net: nn.Layer,
        label_smoothing: float = 0.0,
        amp: str = "none",
        amp_level: str = "O1",
    ) -> None:
        super().__init__()
        self.net = net
        self.amp = amp
        self.amp_level = amp_level
        self.label_smoothing = label_smoothing

    def forward(
        self, images: paddle.Tensor, labels: paddle.Tensor
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        """Compute the loss and the number of correct predictions."""
        if self.amp == "none":
            logits = self.net(images)
        else:
            # Promotion would make all float32 again at level O2, as the biases are.
            promote = self.amp_level == "O1"
            with paddle.amp.auto_cast(level=self.amp_level, dtype=self.amp, use_promote=promote):
                logits = self.net(images).astype("float32")
        loss = F.cross_entropy(
            logits, labels, reduction="sum", label_smoothing=self.label_smoothing
        )
        hits = (logits.detach().argmax(axis=1) == labels).sum()
        # A graph with oneDNN that ends on one of its operators silently has no gradient, or ends
        # the process (Paddle 3.3).
        return paddle.assign(loss), hits


def build_step(net: nn.Layer, config: TrainConfig) -> tuple[TrainingStep, str]:
    """The training step of ``net``, and the compile kind that it runs as."""
    kind, reason = choose_compile(config.compile, net)
    if reason is not None:
        logger.info("train.compile is none: %s", reason)
    step = TrainingStep(net, config.label_smoothing, config.amp, config.amp_level)
    return compile_step(step, kind), kind


def choose_compile(wanted: str, net: nn.Layer) -> tuple[str, str | None]:
    """Decide how training steps of ``net`` are to run on the current device.

    Args:
        wanted: One of :data:`COMPILE_KINDS`; ``auto`` is ``onednn`` where it is known to be right,
            else ``none``.
        net: The net to train.

    Returns:
        ``none``, ``static`` or ``onednn``; and where that is not what was wanted, why.
    """
    if wanted != "none" and isinstance(net, Tower):
        return "none", "feature maps cross between operators with train.parallel=towers"
    if wanted in ("none", "static"):
        return wanted, None
    reason = _why_not_onednn(net)
    if reason is None and wanted == "auto" and not paddle.__version__.startswith(MEASURED):
        return "none", f"oneDNN is measured for Paddle {MEASURED}x, this is {paddle.__version__}"
    return ("onednn", None) if reason is None else ("none", reason)


def compile_step(step: TrainingStep, kind: str) -> TrainingStep:
    """Make ``step`` run as ``kind``, of :func:`choose_compile`.

    With ``onednn`` one image goes through it; gradients are cleared.
    """
    if kind == "none":
        return step
    if kind == "onednn":
        # Read when a graph is compiled; what runs operator by operator does not look at it.
        paddle.set_flags({"FLAGS_use_mkldnn": True})
    size = step.net.input_size
    spec = [InputSpec([None, 3, size, size], "float32"), InputSpec([None], "int64")]
    step = paddle.jit.to_static(step, input_spec=spec, full_graph=True)
    if kind == "onednn":
        # Convolutions keep copies of their inputs and outputs, for as long as the process lives,
        # under names that end differently after the first backward pass (with an executor's
        # address). So that a batch has them once, not twice (116 MB for 32 images of
        # alexnet_paper), a single image goes first.
        loss, _ = step(paddle.zeros([1, 3, size, size]), paddle.zeros([1], "int64"))
        loss.backward()
        step.net.clear_gradients(set_to_zero=False)
    return step


def _why_not_onednn(net: nn.Layer) -> str | None:
    if paddle.get_device() != "cpu":
        return "oneDNN is for CPUs"
    if not paddle.base.core.is_compiled_with_onednn():
        return "this Paddle comes without oneDNN"
    return _unsafe_layer(net)


def _unsafe_layer(net: nn.Layer) -> str | None:
    for layer in net.sublayers(include_self=True):
        if getattr(layer, "data_format", "NCHW") == "NHWC":
            return "train.channels_last was not compared with oneDNN"
        if isinstance(layer, FusedLRN) and layer.channels == 1:
            return "the gradient of the norm of a single feature map is wrong with oneDNN"
        if type(layer) not in COMPARED:
            is_norm = isinstance(layer, (LRN, LocalResponseNorm, Towers))
            hint = " (model.lrn=fused is)" if is_norm else ""
            return f"training {type(layer).__name__} with oneDNN is not safe{hint}"
    # Measured: already the loss is wrong, while each two of the three are right.
    kinds = [type(layer) for layer in net.sublayers() if not layer.sublayers()]
    for first, second, third in zip(kinds, kinds[1:], kinds[2:], strict=False):
        if (first, third) == (MaxPool2D, FusedLRN) and second in (nn.ReLU, nn.Tanh):
            return "a norm after an activation after a max pooling is wrong with oneDNN"
    return None
