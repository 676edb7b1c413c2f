"""What tests share: a short run of a tiny net on the CPU, and a schedule of their own."""

from paddle.optimizer import lr as paddle_lr

from paddle_alexnet.config.load import make_config
from paddle_alexnet.training.schedule import Schedule
from paddle_alexnet.training.train import open_run


def tiny_config(root, path=None, **sections):
    """The configuration of a run of the net ``tiny`` of conftest.py.

    Args:
        root: Folder of images.
        path: Directory of the run.
        sections: Keys over those here, as ``train={"epochs": 3}``.
    """
    values = {
        "data": {"root": str(root)},
        "model": {"name": "tiny"},
        "train": {"epochs": 1, "batch_size": 8, "device": "cpu"},
        "log": {"level": "basic"},
        "run": {"dir": None if path is None else str(path)},
    }
    for section, keys in sections.items():
        values[section] = {**values.get(section, {}), **keys}
    return make_config(values)


def tiny_run(root, path, **sections):
    """Such a run, finished."""
    run = open_run(tiny_config(root, path, **sections))
    run.fit()
    return run


class Halving(Schedule):
    """Halves the rate every epoch."""

    def build(self):
        return paddle_lr.LambdaDecay(self.peak_lr, lambda epoch: 0.5**epoch)

    def after_warmup(self, step):
        self.scheduler.step(step // self.steps_per_epoch)
        return self.scheduler.last_lr
