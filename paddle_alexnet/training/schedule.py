"""How the learning rate moves: Paddle's schedulers under a linear warm-up."""

from typing import Any

from paddle.optimizer import Optimizer
from paddle.optimizer import lr as paddle_lr

from paddle_alexnet.config.schema import ScheduleConfig

# Run #145: the rate falls to a tenth after these epochs; from then on there is no colour noise and
# conv1 has a tenth of the rate; conv1 stays as it is. It was stopped after 90 to 91 epochs.
DROPS_2012 = (25, 51, 79)
QUIET_2012 = 67
FROZEN_2012 = 72


class Schedule:
    """The learning rate of every update.

    After a warm-up that rises linearly over ``warmup_epochs``, ``plateau`` divides the rate when
    the val error no longer falls (the paper, section 5), ``step`` at given epochs, ``cosine``
    falls to zero over the remaining updates (Loshchilov and Hutter, arXiv 1608.03983), and
    ``epochs2012`` does what was done by hand in run #145 of the original code.

    Args:
        keys: The settings.
        peak_lr: Highest rate.
        epochs: Epochs of the run.
        steps_per_epoch: Updates an epoch.
    """

    def __init__(
        self, keys: ScheduleConfig, *, peak_lr: float, epochs: int, steps_per_epoch: int
    ) -> None:
        self.keys = keys
        self.steps_per_epoch = steps_per_epoch
        self.warmup_steps = round(keys.warmup_epochs * steps_per_epoch)
        self.inner = _inner(
            keys, peak_lr, epochs * steps_per_epoch - self.warmup_steps, steps_per_epoch
        )

    def apply(self, optimizer: Optimizer, step: int) -> None:
        """Set the rates of update number ``step`` (from 0)."""
        optimizer.set_lr(self.at(step))
        if self.keys.name == "epochs2012":
            optimizer.conv1_factor = self.conv1_factor(step)

    def conv1_factor(self, step: int) -> float:
        """What the rate of conv1's weights is multiplied by; 0 leaves conv1 as it is."""
        epoch = step // self.steps_per_epoch
        if self.keys.name != "epochs2012" or epoch < QUIET_2012:
            return 1.0
        return 0.1 if epoch < FROZEN_2012 else 0.0

    def at(self, step: int) -> float:
        """The rate of update number ``step`` (from 0)."""
        if step < self.warmup_steps:
            return self.inner.base_lr * (step + 1) / self.warmup_steps
        if self.keys.name in ("step", "epochs2012"):
            self.inner.step(step)
        elif self.keys.name == "cosine":
            self.inner.step(step - self.warmup_steps)
        return self.inner.last_lr

    def end_epoch(self, val_error: float) -> None:
        """Tell ``plateau`` the val top-1 error of an epoch."""
        if self.keys.name == "plateau":
            self.inner.step(val_error)

    def state(self) -> dict[str, Any]:
        """Plain values from which :meth:`restore` goes on."""
        return self.inner.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state`.

        Raises:
            TypeError: ``state`` is of another schedule, or not of numbers.
        """
        if not isinstance(state, dict) or state.keys() != self.state().keys():
            raise TypeError(f"its schedule is not {self.keys.name}")
        for key, value in state.items():
            # The best error so far is none before the first epoch.
            if value is not None and (type(value) not in (int, float) or not abs(value) < 1e300):
                raise TypeError(f"{key} of its schedule is no number")
        self.inner.set_state_dict(state)


def noise_epochs(keys: ScheduleConfig) -> int | None:
    """How many epochs have colour noise, where there is any; None for all."""
    return QUIET_2012 if keys.name == "epochs2012" else None


def _inner(
    keys: ScheduleConfig, peak_lr: float, steps: int, steps_per_epoch: int
) -> paddle_lr.LRScheduler:
    if keys.name == "plateau":
        return paddle_lr.ReduceOnPlateau(
            peak_lr,
            mode="min",
            factor=keys.factor,
            patience=keys.patience,
            threshold=0.0,  # any fall of the error counts
            min_lr=keys.min_lr,
        )
    if keys.name in ("step", "epochs2012"):
        by_hand = keys.name == "step"
        epochs, factor = (keys.milestones, keys.factor) if by_hand else (DROPS_2012, 0.1)
        milestones = [epoch * steps_per_epoch for epoch in epochs]
        return paddle_lr.MultiStepDecay(peak_lr, milestones=milestones, gamma=factor)
    return paddle_lr.CosineAnnealingDecay(peak_lr, T_max=max(1, steps))
