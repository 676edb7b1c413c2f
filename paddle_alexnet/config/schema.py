"""Configuration schema: every key with its type, default, range and meaning.

Names of nets, norms, inits and schedules are free words here and are checked by their registries,
so that reading a configuration does not load Paddle and a new entry needs no change of this file.
"""

import dataclasses
import os
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from paddle_alexnet.data.header import MAX_PIXELS, PIXELS_AT_MOST

# Strict: "8" is not a number and 1.5 is not a count. An int may stand for a float.
_checked = dataclass(
    config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False), frozen=True
)

# Where HOME was, while a tool has set another because this one cannot be written.
HOME_BEFORE = "PADDLE_ALEXNET_HOME_BEFORE"


def _path(text: str) -> str:
    """Expand ``~``: shells do not expand it in ``key=~/folder``."""
    if "\0" in text:
        raise ValueError("a file name cannot contain a zero byte")
    home = os.environ.get(HOME_BEFORE)
    if home and text.partition("/")[0] == "~":
        return home + text[1:]
    return os.path.expanduser(text)


PathText = Annotated[str, Field(max_length=4096), AfterValidator(_path)]  # a file or a folder
Word = Annotated[str, Field(max_length=100)]
Count = Annotated[int, Field(le=10**9)]
Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0)]
Penalty = Annotated[float, Field(ge=0)]


def _key(default: Any, meaning: str, **bounds: Any) -> Any:
    return Field(default=default, description=meaning, **bounds)


@_checked
class DataConfig:
    """Where the images are and how they are split."""

    source: Word | None = _key(
        None, "kind of data set, folder or lists; null: lists where train_list is set, else folder"
    )
    root: PathText = _key("data/flower_photos", "folder with a sub-folder of images for each class")
    prepare: Literal["none", "flower_photos", "drawn_flowers"] = _key(
        "none",
        "where root is missing; flower_photos: download the photos (only to data/flower_photos); "
        "drawn_flowers: draw a small synthetic set",
    )
    split: Literal["hash", "random"] = _key(
        "hash", "hash: by file name, 80/10/10; random: by val_rate and split_seed. Ignored where "
        "root holds train/ and val/",
    )  # fmt: skip
    train_list: PathText | None = _key(
        None, "file of lines 'path label', paths relative to root; with val_list"
    )
    val_list: PathText | None = _key(None, "the same for validation")
    class_names: PathText | None = _key(None, "with lists: file with one class name per line")
    val_rate: float = _key(0.1, "with split random: fraction of each class for val", gt=0, lt=1)
    split_seed: int | None = _key(
        None, "with split random: seed of the draw; null: train.seed", ge=0, lt=2**31
    )
    mean: Literal["channel", "image"] | None = _key(
        None,
        "what is subtracted; channel: the net's own mean per channel; image: the mean training "
        "image, pixel by pixel; null: what model.pretrained subtracts, else channel",
    )
    max_pixels: int = _key(
        MAX_PIXELS,
        "images whose header claims more are not decoded but left out, or with lists an error",
        ge=1,
        le=PIXELS_AT_MOST,
    )
    sample_bits: int | None = _key(
        None,
        "bits that were measured, of 16-bit images whose files do not say it; null: those of "
        "model.pretrained, else 16",
        ge=8,
        le=16,
    )
    max_unusable: float = _key(
        0.01,
        "fraction of the images that may be unusable; with more a run does not begin",
        ge=0,
        le=1,
    )
    workers: Count = _key(0, "processes that decode images; 0: a thread beside training", ge=0)
    cache: Literal["none", "ram"] = _key(
        "none", "ram: keep decoded images in memory for the next epoch, with workers 0"
    )
    cache_gib: float = _key(
        2.0, "with cache ram: its size, GiB; images that do not fit are decoded each time", gt=0
    )


@_checked
class AugmentConfig:
    """Random changes to training images."""

    crop: Literal["random_resized", "random", "center"] = _key(
        "random_resized",
        "random_resized: any area and aspect ratio; random: the paper's crop of the 256 x 256 "
        "centre; center: always that of validation",
    )
    min_area: float = _key(0.3, "with crop random_resized: least fraction of the area", gt=0, le=1)
    color_noise: Literal["none", "paper", "krizhevsky2012"] = _key(
        "none",
        "shift of all pixels along the principal components of colour; paper: by the variance, as "
        "in its text; krizhevsky2012: by the standard deviation, then / 1.1, as in its code",
    )
    flip: bool = _key(True, "mirror left and right with probability 1/2")
    brightness: float = _key(0.0, "factor in [1 - x, 1 + x]", ge=0, le=100)
    contrast: float = _key(0.0, "factor in [1 - x, 1 + x]", ge=0, le=100)
    saturation: float = _key(0.0, "factor in [1 - x, 1 + x]", ge=0, le=100)
    hue: float = _key(0.0, "shift in [-x, x], as a fraction of the colour circle", ge=0, le=0.5)


@_checked
class ModelConfig:
    """The net and its initial weights."""

    name: Word = _key("alexnet", "which net; a wrong name lists the choices")
    num_classes: Count | None = _key(None, "number of logits; null: number of classes", ge=1)
    lrn: Word = _key(
        "avgpool3d", "code for the response norm, all equal: avgpool3d, builtin, fused"
    )
    init: Word | None = _key(
        None,
        "how weights start: he, he_small_head, paper, krizhevsky2012, caffe, kaiming_pad2, "
        "torch, cifar10; null: as in the net's source, he for alexnet and alexnet_pad5",
    )
    width: float = _key(1.0, "factor for the number of channels and hidden units", gt=0, le=1)
    dropout: float | None = _key(None, "probability of dropout; null: the net's", ge=0, lt=1)
    changes: dict[Word, Word | int] = _key(
        {},
        "of the net, e.g. {norm: none, pool: 2}; norm none; pool 2, which does not overlap; "
        "activation tanh; towers 1 or half, one tower of all kernels or of half of them",
    )
    pretrained: PathText | None = _key(None, "weights file to start from")
    skip_head: bool = _key(False, "with pretrained: do not load the last layer (fine-tuning)")


@_checked
class TrainConfig:
    """The training loop."""

    epochs: Count = _key(32, "passes over the training images", ge=1)
    batch_size: Count = _key(64, "images per batch", ge=1)
    accumulate_steps: Count = _key(1, "batches whose gradients make one step", ge=1)
    label_smoothing: Share = _key(0.0, "fraction of the target spread evenly over all classes")
    topk: Count = _key(5, "k of the top-k accuracy; at most the number of classes", ge=1)
    seed: int = _key(0, "random seed: weights, order, augmentation, dropout", ge=0, lt=2**31)
    device: str = _key("auto", "auto, cpu, gpu or gpu:N", pattern=r"^(auto|cpu|gpu(:[0-9]{1,3})?)$")
    parallel: Literal["data", "towers"] = _key(
        "data",
        "what several processes share; data: every batch; towers: the net, two processes with a "
        "tower each (alexnet_2012)",
    )
    compile: Literal["auto", "none", "static", "onednn"] = _key(
        "auto",
        "how a step is run; none: operator by operator; static: as one graph; onednn: as one graph "
        "with oneDNN, on a CPU; auto: onednn where it is known to be correct (of the forms of "
        "model.lrn only with fused)",
    )
    amp: Literal["none", "float16", "bfloat16"] = _key(
        "none",
        "mixed precision on a GPU: dtype of the operators that amp_level selects; weights and "
        "validation stay float32, and float16 uses loss scaling",
    )
    amp_level: Literal["O1", "O2"] = _key(
        "O1", "with amp; O1: convolutions and matrix products; O2: all but response norms"
    )
    channels_last: bool = _key(
        False,
        "NHWC (channels-last) feature maps, for a GPU's tensor cores (slower on a CPU); same "
        "weights, results differ by rounding only",
    )
    log_every_steps: Count = _key(10, "steps between two points of the step curves", ge=1)
    save_every_steps: Count | None = _key(
        None, "steps between two checkpoints within an epoch; null: after each epoch only", ge=1
    )
    on_nonfinite: Literal["stop", "skip"] = _key(
        "stop",
        "a step whose loss or gradient is not finite; stop: end the run; skip: leave it out, but "
        "end after ten in a row",
    )


@_checked
class OptimizerConfig:
    """The optimizer."""

    name: Literal["momentum", "adam", "krizhevsky2012"] = _key(
        "momentum",
        "which optimizer; krizhevsky2012: the original code's, with lr inside the velocity and a "
        "constant rate for biases, 0.02 or bias_lr",
    )
    lr: float = _key(0.01, "peak learning rate", gt=0)
    momentum: Share = _key(0.9, "with momentum and krizhevsky2012")
    nesterov: bool = _key(False, "Nesterov momentum, with momentum")
    bias_lr: Literal["same", "double"] | Rate = _key(
        "same",
        "double: biases have twice the learning rate of weights, as in Caffe; a number: their "
        "constant rate, with krizhevsky2012",
    )
    weight_decay: Penalty | dict[Word, Penalty] = _key(
        0.0,
        "L2 penalty on weights; or for each layer, e.g. {local3: 0.004, fc5: 0.004}, 0 for others",
    )
    decay_biases: bool = _key(False, "apply weight_decay to biases too, as PyTorch does")
    clip_norm: float | None = _key(None, "largest global norm of the gradients", gt=0)
    average: Share | None = _key(
        None,
        "decay per step of an exponential moving average of weights, which is evaluated and saved",
    )


@_checked
class ScheduleConfig:
    """The learning rate schedule."""

    name: Word = _key(
        "plateau",
        "plateau: lower lr when the val error stops falling; step: at milestones; cosine: decay to "
        "zero; epochs2012: the original run's, lr / 10 after epochs 25, 51 and 79, colour noise "
        "off at 67, conv1 frozen at 72",
    )
    warmup_epochs: float = _key(0.0, "epochs of linear rise from 0 at the start", ge=0)
    factor: float = _key(0.1, "with plateau and step: lr is multiplied by this", gt=0, lt=1)
    patience: Count = _key(1, "with plateau: epochs without a better val error to wait", ge=0)
    min_lr: float = _key(0.0, "with plateau: lower bound of lr", ge=0)
    milestones: list[Count] = _key([], "with step: epochs after which lr is lowered, ascending")


@_checked
class LogConfig:
    """The VisualDL log of a run."""

    level: Literal["basic", "full"] = _key(
        "full",
        "basic: curves and hyper-parameters; full: also images, confusion matrix, curves by class, "
        "histograms, embeddings, graph and texts (docs/board.md)",
    )


@_checked
class RunConfig:
    """The files of a run."""

    dir: PathText | None = _key(
        None, "the run's own directory, new or empty; null: runs/<config name>, numbered"
    )


@_checked
class Config:
    """All keys of a run. :mod:`paddle_alexnet.config.load` reads and checks them."""

    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    log: LogConfig = LogConfig()
    run: RunConfig = RunConfig()


def flat_values(config: Config) -> dict[str, Any]:
    """All values by ``section.key``."""
    return {
        f"{section}.{key}": value
        for section, values in dataclasses.asdict(config).items()
        for key, value in values.items()
    }
