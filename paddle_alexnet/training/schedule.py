"""Learning-rate schedules: Paddle's schedulers after a linear warm-up.

A schedule is a subclass of :class:`Schedule` in :data:`SCHEDULES`; ``schedule.name`` chooses it.
"""

import math
from abc import ABC, abstractmethod
from typing import Any

from paddle.optimizer import Optimizer
from paddle.optimizer import lr as paddle_lr

from paddle_alexnet.config.schema import Config, ScheduleConfig
from paddle_alexnet.errors import ConfigError


class Schedule(ABC):
    """The learning rate of every step.

    Args:
        config: The keys.
        peak_lr: Highest rate.
        epochs: Epochs of the run.
        steps_per_epoch: Steps an epoch.
    """

    def __init__(
        self, config: ScheduleConfig, *, peak_lr: float, epochs: int, steps_per_epoch: int
    ) -> None:
        self.config = config
        self.peak_lr = peak_lr
        self.steps_per_epoch = steps_per_epoch
        self.warmup_steps = round(config.warmup_epochs * steps_per_epoch)
        self.steps = epochs * steps_per_epoch - self.warmup_steps  # after the warm-up
        self.scheduler = self.build()

    @abstractmethod
    def build(self) -> paddle_lr.LRScheduler:
        """Make Paddle's scheduler."""

    def after_warmup(self, step: int) -> float:
        """The rate of step number ``step`` (from 0), which is not in the warm-up."""
        return self.scheduler.last_lr

    def lr(self, step: int) -> float:
        """The rate of step number ``step`` (from 0)."""
        if step < self.warmup_steps:
            return self.peak_lr * (step + 1) / self.warmup_steps
        return self.after_warmup(step)

    def apply(self, optimizer: Optimizer, step: int) -> None:
        """Set the rates of step number ``step`` (from 0)."""
        optimizer.set_lr(self.lr(step))

    def color_noise(self, epoch: int) -> bool:
        """Whether an epoch (from 0) has the colour noise that the configuration asks for."""
        return True

    def end_epoch(self, val_error: float) -> None:
        """Take note of the val top-1 error of an epoch, in [0, 1]."""
        del val_error  # most schedules do not look at it

    def state(self) -> dict[str, float | int | None]:
        """Plain values from which :meth:`restore` continues."""
        return self.scheduler.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state`.

        Raises:
            ValueError: ``state`` is of another schedule, or not of numbers.
        """
        if state.keys() != self.state().keys():
            raise ValueError(f"its schedule is not {self.config.name}")
        for key, value in state.items():
            # None: the best error before the first epoch.
            if value is not None and (type(value) not in (int, float) or not abs(value) < 1e300):
                raise ValueError(f"{key} of its schedule is not a number")
        self.scheduler.set_state_dict(state)


class Plateau(Schedule):
    """Divide the rate when the val error no longer falls (the paper, section 5)."""

    def build(self) -> paddle_lr.LRScheduler:
        """Any fall of the error counts: ``threshold`` is 0."""
        return paddle_lr.ReduceOnPlateau(
            self.peak_lr,
            mode="min",
            factor=self.config.factor,
            patience=self.config.patience,
            threshold=0.0,
            min_lr=self.config.min_lr,
        )

    def end_epoch(self, val_error: float) -> None:
        """Perhaps lower the rate."""
        self.scheduler.step(val_error)


class Milestones(Schedule):
    """Multiply the rate by ``schedule.factor`` at the epochs ``schedule.milestones``."""

    def build(self) -> paddle_lr.LRScheduler:
        """Milestones in steps."""
        return self.decay_at(self.config.milestones, self.config.factor)

    def decay_at(self, epochs: list[int] | tuple[int, ...], factor: float) -> paddle_lr.LRScheduler:
        """Multiply by ``factor`` after each of ``epochs``."""
        steps = [epoch * self.steps_per_epoch for epoch in epochs]
        return paddle_lr.MultiStepDecay(self.peak_lr, milestones=steps, gamma=factor)

    def after_warmup(self, step: int) -> float:
        """Counted from the start of the run, warm-up included."""
        self.scheduler.step(step)
        return self.scheduler.last_lr


class Cosine(Schedule):
    """Fall to zero over the steps after the warm-up (Loshchilov and Hutter, arXiv 1608.03983)."""

    def build(self) -> paddle_lr.LRScheduler:
        """Half a cosine."""
        return paddle_lr.CosineAnnealingDecay(self.peak_lr, T_max=max(1, self.steps))

    def after_warmup(self, step: int) -> float:
        """Counted from the end of the warm-up."""
        self.scheduler.step(step - self.warmup_steps)
        return self.scheduler.last_lr


class Epochs2012(Milestones):
    """What was done by hand in run #145 of the original code, which ended after 90 to 91 epochs.

    The rate falls to a tenth at epochs 25, 51 and 79. From epoch 67 on there is no colour noise and
    conv1 has a tenth of the rate; from epoch 72 on conv1 is frozen.
    """

    DROPS, NO_NOISE, FROZEN = (25, 51, 79), 67, 72

    def build(self) -> paddle_lr.LRScheduler:
        """The three drops."""
        return self.decay_at(self.DROPS, 0.1)

    def conv1_factor(self, step: int) -> float:
        """What conv1's rate is multiplied by; 0 freezes it."""
        epoch = step // self.steps_per_epoch
        return 1.0 if epoch < self.NO_NOISE else 0.1 if epoch < self.FROZEN else 0.0

    def apply(self, optimizer: Optimizer, step: int) -> None:
        """Set the rates, conv1's too; ``optimizer`` is a ``Krizhevsky2012``."""
        super().apply(optimizer, step)
        optimizer.conv1_factor = self.conv1_factor(step)

    def color_noise(self, epoch: int) -> bool:
        """Off from epoch 67 on."""
        return epoch < self.NO_NOISE


class Linear(Schedule):
    """Fall to zero in a straight line after the warm-up."""

    def build(self) -> paddle_lr.LRScheduler:
        """By step."""
        return paddle_lr.PolynomialDecay(self.peak_lr, max(1, self.steps), end_lr=0.0, power=1.0)

    def after_warmup(self, step: int) -> float:
        """Counted from the end of the warm-up."""
        self.scheduler.step(step - self.warmup_steps)
        return self.scheduler.last_lr


SCHEDULES: dict[str, type[Schedule]] = {
    "plateau": Plateau,
    "step": Milestones,
    "cosine": Cosine,
    "epochs2012": Epochs2012,
    "linear": Linear,
}


def check_schedule(config: ScheduleConfig) -> None:
    """Check that ``schedule.name`` is known.

    Raises:
        ConfigError: It is not.
    """
    if config.name not in SCHEDULES:
        raise ConfigError(
            f"schedule.name: unknown {config.name!r}; choose one of {', '.join(SCHEDULES)}"
        )


def build_schedule(config: Config, batches_per_epoch: int) -> Schedule:
    """Build the schedule of a configuration.

    Args:
        config: All keys; ``schedule.name`` is known.
        batches_per_epoch: Batches an epoch; a step takes ``train.accumulate_steps`` of them.
    """
    return SCHEDULES[config.schedule.name](
        config.schedule,
        peak_lr=config.optimizer.lr,
        epochs=config.train.epochs,
        steps_per_epoch=math.ceil(batches_per_epoch / config.train.accumulate_steps),
    )
