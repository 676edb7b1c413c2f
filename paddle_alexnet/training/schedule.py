"""How the learning rate moves: Paddle's schedulers under a linear warm-up."""

from typing import Any

from paddle.optimizer import lr as paddle_lr

from paddle_alexnet.config.keys import ScheduleKeys


class Schedule:
    """The learning rate of every update.

    After a warm-up that rises linearly over ``warmup_epochs``, ``plateau`` divides the rate when
    the val error no longer falls (the paper, section 5), ``step`` at given epochs, and ``cosine``
    falls to zero over the remaining updates (Loshchilov and Hutter, arXiv 1608.03983).

    Args:
        keys: The settings.
        peak_lr: Highest rate.
        epochs: Epochs of the run.
        steps_per_epoch: Updates an epoch.
    """

    def __init__(
        self, keys: ScheduleKeys, *, peak_lr: float, epochs: int, steps_per_epoch: int
    ) -> None:
        self.keys = keys
        self.warmup_steps = round(keys.warmup_epochs * steps_per_epoch)
        self.inner = _inner(
            keys, peak_lr, epochs * steps_per_epoch - self.warmup_steps, steps_per_epoch
        )

    def at(self, step: int) -> float:
        """The rate of update number ``step`` (from 0)."""
        if step < self.warmup_steps:
            return self.inner.base_lr * (step + 1) / self.warmup_steps
        if self.keys.name == "step":
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
        """Go on from :meth:`state`."""
        self.inner.set_state_dict(state)


def _inner(
    keys: ScheduleKeys, peak_lr: float, steps: int, steps_per_epoch: int
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
    if keys.name == "step":
        milestones = [epoch * steps_per_epoch for epoch in keys.milestones]
        return paddle_lr.MultiStepDecay(peak_lr, milestones=milestones, gamma=keys.factor)
    return paddle_lr.CosineAnnealingDecay(peak_lr, T_max=max(1, steps))
