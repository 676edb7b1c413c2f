"""The nets people call AlexNet, as rows of one table.

Sources, cited by these names: *paper*, Krizhevsky, Sutskever, Hinton, NIPS 2012; *run #145*, the
layers-145.cfg and layer-params-145.cfg of the original code, whose logged errors are the paper's;
*Caffe*, its bvlc_alexnet and bvlc_reference_caffenet; *seed 000* to *seed 004*, the five articles
that the README names.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Norm:
    """Response norm across channels.

    Attributes:
        alpha: Weight of the *mean* square over the window.
        bias: The paper's k.
        beta: Exponent.
        local_size: The paper's n.
        towers: Parts of the channels that are normalised by themselves.
    """

    alpha: float = 1e-4
    bias: float = 1.0
    beta: float = 0.75
    local_size: int = 5
    towers: int = 1


@dataclass(frozen=True)
class WithinNorm:
    """Response norm over a square window within each map; attributes as :class:`Norm`."""

    alpha: float
    bias: float = 1.0
    beta: float = 0.75
    local_size: int = 5


@dataclass(frozen=True)
class Stage:
    """A convolution and what follows it.

    Attributes:
        channels: Output maps.
        kernel: Side of the window.
        stride: Its step.
        padding: Zeros around the maps.
        end_padding: Further zeros at the right and the bottom only.
        groups: Parts of the channels that are convolved by themselves.
        after: What follows in order: ``relu``, ``norm``, ``within`` or ``pool``.
    """

    channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    end_padding: int = 0
    groups: int = 1
    after: tuple[str, ...] = ("relu",)


@dataclass(frozen=True)
class Design:
    """A net.

    Attributes:
        stages: conv1 to conv5.
        input_size: Side of the input, pixels.
        norm: What ``norm`` in a stage stands for.
        within: What ``within`` stands for.
        pool_size: Side of the window of every max pooling; its step is 2.
        hidden: Outputs of fc6 and fc7.
        dropout: Share of values set to zero in training.
        dropout_first: Whether dropout stands before fc6 and fc7, and not after their ReLUs.
        hidden_bias: Start of the biases that the paper starts at 1, with ``init: caffe``.
    """

    stages: tuple[Stage, ...]
    input_size: int = 227
    norm: Norm | None = None
    within: WithinNorm | None = None
    pool_size: int = 3
    hidden: int = 4096
    dropout: float = 0.5
    dropout_first: bool = False
    hidden_bias: float = 1.0

    def narrowed(self, width: float) -> "Design":
        """The same net with channels and hidden units times ``width``, even and at least 2.

        Raises:
            ValueError: ``width`` is not above 0 and at most 1.
        """
        if not 0 < width <= 1:
            raise ValueError(f"width must be above 0 and at most 1, got {width!r}")
        # Even, so that two groups divide them.
        stages = tuple(replace(s, channels=_even(s.channels * width)) for s in self.stages)
        return replace(self, stages=stages, hidden=_even(self.hidden * width))


def _even(value: float) -> int:
    return 2 * max(1, round(value / 2))


NORM_POOL = ("relu", "norm", "pool")
POOL = ("relu", "pool")

# Seed 000, and seed 004, which walks its shapes: one tower, groups in conv2 only.
ALEXNET = Design(
    stages=(
        Stage(96, 11, stride=4, after=NORM_POOL),
        Stage(256, 5, padding=2, groups=2, after=NORM_POOL),
        Stage(384, 3, padding=1),
        Stage(384, 3, padding=1),
        Stage(256, 3, padding=1, after=POOL),
    ),
    norm=Norm(alpha=1e-4, bias=1.0),
)
CONV1, CONV2, CONV3, CONV4, CONV5 = ALEXNET.stages
# The paper, section 3.5: the kernels of conv2, conv4 and conv5 see the maps of their own GPU.
TOWERS = (CONV1, CONV2, CONV3, replace(CONV4, groups=2), replace(CONV5, groups=2))

DESIGNS: dict[str, Design] = {
    "alexnet": ALEXNET,
    # Seed 001's code (its text has padding 2, maps of 54 and 6 x 6 at the end): no norm, pooling
    # that does not overlap, fc6 on 256 x 7 x 7.
    "alexnet_pad5": Design(
        stages=(
            replace(CONV1, padding=5, after=POOL),
            replace(CONV2, groups=1, after=POOL),
            *ALEXNET.stages[2:],
        ),
        input_size=224,
        pool_size=2,
    ),
    # Seed 002: one tower without groups, dropout before the linear layers. Its alpha is written
    # 10e-4, on the mean.
    "alexnet_pad2": Design(
        stages=(replace(CONV1, padding=2), replace(CONV2, groups=1), *ALEXNET.stages[2:]),
        input_size=224,
        norm=Norm(alpha=1e-3, bias=2.0),
        dropout_first=True,
    ),
    # Seed 003's code, the net of "One weird trick" (arXiv 1404.5997) as torchvision, paddle.vision
    # and PaddleClas have it. The seed has no dropout; torchvision's is dropout=0.5.
    "alexnet_owt": Design(
        stages=(
            Stage(64, 11, stride=4, padding=2, after=POOL),
            Stage(192, 5, padding=2, after=POOL),
            Stage(384, 3, padding=1),
            Stage(256, 3, padding=1),
            Stage(256, 3, padding=1, after=POOL),
        ),
        input_size=224,
        dropout=0.0,
        dropout_first=True,
    ),
    # The paper's text, as seed 003 quotes it: alpha 1e-4 multiplies the plain sum of 5 squares. Its
    # 224 x 224 input does not give its 55 x 55 maps; 227 does.
    "alexnet_paper": Design(stages=TOWERS, norm=Norm(alpha=5e-4, bias=2.0)),
    # Run #145: norm inside each tower; conv1 norm, pool, ReLU; conv5 pool, ReLU; an unpublished
    # norm within the maps of conv2; 224 pixels with three zeros at the right and the bottom.
    "alexnet_2012": Design(
        stages=(
            replace(CONV1, end_padding=3, after=("norm", "pool", "relu")),
            replace(CONV2, after=("relu", "norm", "within", "pool")),
            *TOWERS[2:4],
            replace(TOWERS[4], after=("pool", "relu")),
        ),
        input_size=224,
        norm=Norm(alpha=1e-4, bias=2.0, towers=2),
        within=WithinNorm(alpha=1e-3),
    ),
    # Caffe's bvlc_alexnet: norm before pooling, biases from 0.1.
    "alexnet_caffe": Design(stages=TOWERS, norm=Norm(alpha=1e-4, bias=1.0), hidden_bias=0.1),
    # Caffe's bvlc_reference_caffenet: pooling before the norm.
    "caffenet": Design(
        stages=(
            replace(CONV1, after=("relu", "pool", "norm")),
            replace(CONV2, after=("relu", "pool", "norm")),
            *TOWERS[2:],
        ),
        norm=Norm(alpha=1e-4, bias=1.0),
    ),
}
