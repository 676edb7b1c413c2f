"""The loop against the same training written out in float64 numpy, and its promises."""

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet.config.schema import OptimizerConfig, ScheduleConfig
from paddle_alexnet.errors import RunError
from paddle_alexnet.training.callbacks import Callback
from paddle_alexnet.training.diagnostics import gradient_norm
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.loop import Interrupted, Trainer
from paddle_alexnet.training.optimizer import ExponentialMovingAverage, build_optimizer
from paddle_alexnet.training.schedule import Schedule
from paddle_alexnet.training.step import TrainingStep

CLASSES, FEATURES, IMAGES, BATCH = 3, 4, 10, 4
RNG = np.random.default_rng(0)
PICTURES = RNG.normal(0, 1, (IMAGES, FEATURES)).astype(np.float32)
LABELS = RNG.integers(0, CLASSES, IMAGES)


class Batches:
    """Fixed order, a last batch of two."""

    images, batch_size = IMAGES, BATCH

    def __len__(self):
        return 3

    def epoch(self, epoch, first_batch=0, noisy=True):
        for start in range(first_batch * BATCH, IMAGES, BATCH):
            part = slice(start, start + BATCH)
            yield [paddle.to_tensor(PICTURES[part]), paddle.to_tensor(LABELS[part])]

    def names(self, epoch, first_batch, count):
        return tuple(f"{i}.png" for i in range(first_batch * BATCH, IMAGES))[: count * BATCH]


class Notes(Callback):
    """Writes down what it is told."""

    def __init__(self):
        self.logs, self.epochs, self.events = [], [], []

    def on_log(self, trainer, record):
        self.logs.append(record)

    def on_epoch(self, trainer, record, val):
        self.epochs.append(record)
        self.evaluated = trainer.net[0].weight.numpy()

    def on_save(self, trainer):
        self.events.append(f"saved {trainer.progress.step}")

    def on_nonfinite(self, trainer, update):
        self.events.append(update)

    def close(self):
        self.events.append("close")


def make(notes=None, *, epochs=3, smoothing=0.2, dropout=0.0, **settings):
    paddle.seed(1)
    net = nn.Sequential(nn.Linear(FEATURES, CLASSES), nn.Dropout(dropout))
    if "decay" in settings:
        settings["average"] = ExponentialMovingAverage(net, settings.pop("decay"))
    keys = OptimizerConfig(lr=0.1, momentum=0.9)
    steps = -(-3 // settings.get("accumulate_steps", 1))
    return Trainer(
        net=net,
        step=TrainingStep(net, smoothing),
        normalize=lambda x: x,
        optimizer=build_optimizer(keys, net),
        schedule=Schedule(
            ScheduleConfig(name="cosine"), peak_lr=0.1, epochs=epochs, steps_per_epoch=steps
        ),
        batches=Batches(),
        evaluate=lambda: Evaluation(1.0, np.eye(CLASSES, dtype=int), 1.0, CLASSES),
        epochs=epochs,
        callbacks=[notes or Notes()],
        **settings,
    )


def by_hand(weight, bias, groups, smoothing):
    """Softmax regression with momentum; returns weights and the loss of every update."""
    values, speed, losses = [weight.astype(float), bias.astype(float)], [0.0, 0.0], []
    total = 3 * len(groups)
    for step in range(total):
        chosen = groups[step % len(groups)]
        x, y = PICTURES[chosen].astype(float), LABELS[chosen]
        logits = x @ values[0] + values[1]
        logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        target = np.full_like(logp, smoothing / CLASSES)
        target[np.arange(len(y)), y] += 1 - smoothing
        losses.append(-(target * logp).sum(axis=1).mean())
        error = (np.exp(logp) - target) / len(y)
        rate = 0.1 * 0.5 * (1 + np.cos(np.pi * step / total))
        for i, grad in enumerate((x.T @ error, error.sum(axis=0))):
            speed[i] = 0.9 * speed[i] + grad
            values[i] = values[i] - rate * speed[i]
    return values, losses


@pytest.mark.parametrize(
    ("accumulate", "groups"),
    [(1, [slice(0, 4), slice(4, 8), slice(8, 10)]), (2, [slice(0, 8), slice(8, 10)])],
)
def test_training_is_what_it_should_be(accumulate, groups):
    """Accumulating is one larger batch: every image weighs the same."""
    notes = Notes()
    trainer = make(notes, accumulate_steps=accumulate, log_every_steps=1)
    weight, bias = (p.numpy() for p in trainer.net.parameters())
    want, losses = by_hand(weight, bias, groups, 0.2)
    trainer.fit()
    for got, value in zip(trainer.net.parameters(), want, strict=True):
        np.testing.assert_allclose(got.numpy(), value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose([r["loss"] for r in notes.logs], losses, rtol=1e-5)
    sizes = np.array([len(LABELS[g]) for g in groups])
    for epoch, record in enumerate(notes.epochs):
        own = np.array(losses[epoch * len(groups) : (epoch + 1) * len(groups)])
        assert record["train/loss"] == pytest.approx((own * sizes).sum() / IMAGES, rel=1e-5)
        assert (record["epoch"], record["step"]) == (epoch + 1, (epoch + 1) * len(groups))
    assert notes.events == [f"saved {(n + 1) * len(groups)}" for n in range(3)] + ["close"]


def test_log_windows_cover_an_epoch():
    notes = Notes()
    make(notes, log_every_steps=2).fit()
    assert [r["step"] for r in notes.logs] == [2, 3, 4, 6, 8, 9]


def test_the_average_is_evaluated_and_given_back():
    notes = Notes()
    trainer = make(notes, decay=0.9, epochs=1)
    trainer.fit()
    np.testing.assert_array_equal(notes.evaluated, trainer.average.arrays()["0.weight"])
    assert not np.array_equal(notes.evaluated, trainer.net[0].weight.numpy())


def test_dropout_is_told_by_seed_and_step():
    weights = []
    for seed in (0, 0, 1):
        trainer = make(dropout=0.5, seed=seed)
        trainer.fit()
        weights.append(trainer.net[0].weight.numpy())
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
def test_stopping_saves_between_updates_and_goes_on_there(stop_after):
    notes, seen = Notes(), []
    trainer = make(notes, should_stop=lambda: len(seen) >= stop_after)
    trainer.callbacks[0].on_update = lambda trainer, images: seen.append(images)
    with pytest.raises(Interrupted):
        trainer.fit()
    assert trainer.progress.step == stop_after
    assert (trainer.progress.epoch, trainer.progress.epoch_step) == divmod(stop_after, 3)
    assert notes.events[-2:] == [f"saved {stop_after}", "close"]
    whole = make()
    whole.fit()
    trainer.should_stop = lambda: False
    trainer.fit()
    np.testing.assert_array_equal(trainer.net[0].weight.numpy(), whole.net[0].weight.numpy())


def test_saves_within_an_epoch_change_nothing_that_is_logged():
    plain, saving = Notes(), Notes()
    make(plain, log_every_steps=4).fit()
    make(saving, log_every_steps=4, save_every_steps=2).fit()
    assert saving.events == [f"saved {n}" for n in (2, 3, 4, 6, 8, 9)] + ["close"]
    for one, other in zip(plain.logs, saving.logs, strict=True):
        assert all(one[key] == other[key] for key in ("step", "lr", "loss", "top1"))


def test_a_stop_in_a_log_window_does_not_cut_it():
    """The point of the step curve is the same as that of a run that was not stopped."""
    whole, notes, seen = Notes(), Notes(), []
    make(whole, log_every_steps=3).fit()
    trainer = make(notes, log_every_steps=3, should_stop=lambda: len(seen) == 2)
    notes.on_update = lambda trainer, images: seen.append(images)
    with pytest.raises(Interrupted):
        trainer.fit()
    assert notes.logs == []
    trainer.should_stop = lambda: False
    trainer.fit()
    assert [r["loss"] for r in notes.logs] == [r["loss"] for r in whole.logs]


def spoil(trainer, steps, value=np.inf):
    """Make the loss of the updates ``steps`` (from 0) not finite."""
    step = trainer.step
    trainer.step = lambda x, y: step(x * value if trainer.progress.step in steps else x, y)


def test_an_update_that_is_not_finite_stops_with_all_that_is_known():
    notes = Notes()
    trainer = make(notes)
    spoil(trainer, [4])
    with pytest.raises(RunError, match=r"update 5 is not finite: loss nan, lr 0\.\d+, .*"
                       r"norms 0 nan; pictures 4\.png, 5\.png, 6\.png and 1 more\. .*"
                       r"on_nonfinite=skip.*optimizer\.lr.*model\.pretrained="):  # fmt: skip
        trainer.fit()
    assert [type(event).__name__ for event in notes.events] == ["str", "NonfiniteUpdate", "str"]
    assert all(np.isfinite(p.numpy()).all() for p in trainer.net.parameters())


def test_a_gradient_that_is_not_finite_is_found_where_the_loss_is():
    trainer = make()
    trainer.net[0].weight.register_hook(lambda grad: grad * np.inf)
    with pytest.raises(RunError, match=r"update 1 is not finite: loss 0\.\d+, .* norms 0 inf"):
        trainer.fit()


def test_skipped_updates_leave_weights_velocity_and_means_alone():
    notes = Notes()
    trainer = make(notes, skip_nonfinite=True, epochs=1, log_every_steps=1)
    spoil(trainer, [1])
    before = {}
    notes.on_update = lambda trainer, images: before.update(
        {trainer.progress.step: [p.numpy().copy() for p in trainer.net.parameters()]}
    )
    trainer.fit()
    np.testing.assert_array_equal(before[1][0], before[2][0])
    assert not np.array_equal(before[2][0], before[3][0])
    assert [r["step"] for r in notes.logs] == [1, 3]
    sizes = np.array([BATCH, IMAGES - 2 * BATCH])
    mean = (np.array([r["loss"] for r in notes.logs]) * sizes).sum() / sizes.sum()
    assert notes.epochs[0]["train/loss"] == pytest.approx(mean)
    # The velocity is as if the update had not been: by hand with the two others.
    assert trainer.progress.skipped == 0


def test_a_val_loss_that_is_not_finite_ends_the_run_unsaved():
    notes = Notes()
    trainer = make(notes)
    trainer.evaluate = lambda: Evaluation(np.nan, np.eye(CLASSES, dtype=int), 1.0, CLASSES)
    with pytest.raises(RunError, match=r"val loss after epoch 1 is nan.*optimizer\.lr"):
        trainer.fit()
    assert notes.events == ["close"]


def test_ten_skipped_updates_in_a_row_are_too_many():
    trainer = make(skip_nonfinite=True, epochs=9)
    spoil(trainer, range(4, 99))
    with pytest.raises(RunError, match="no update of epoch 3 was finite"):
        trainer.fit()
    trainer = make(skip_nonfinite=True, epochs=9)
    trainer._end_epoch = lambda: setattr(trainer.progress, "epoch_step", 0)
    spoil(trainer, range(4, 99))
    with pytest.raises(RunError, match=r"update 14 is not finite.*number 10 in a row"):
        trainer.fit()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_scaling_the_loss_changes_no_digit(accumulate):
    nets = []
    for scale_loss in (False, True):
        notes = Notes()
        trainer = make(notes, accumulate_steps=accumulate, scale_loss=scale_loss)
        trainer.fit()
        nets.append([p.numpy() for p in trainer.net.parameters()])
        nets[-1].append([record["train/loss"] for record in notes.epochs])
    for one, other in zip(*nets, strict=True):
        np.testing.assert_array_equal(one, other)
    assert trainer.progress.loss_scale.good == trainer.progress.step


def overflow_past(trainer, limit):
    """Gradients are infinite where the loss is scaled by more than ``limit``, as in float16."""
    scale = trainer.progress.loss_scale
    trainer.net[0].weight.register_hook(lambda g: g * np.inf if scale.value > limit else g)


def test_a_scale_that_is_too_high_is_lowered_without_an_error():
    """Updates 1 to 3 are left out, as if they had not been; none is reported."""
    notes, weights = Notes(), {}
    trainer = make(notes, scale_loss=True, log_every_steps=1, epochs=2)
    overflow_past(trainer, 2.0**12)
    notes.on_update = lambda trainer, images: weights.update(
        {trainer.progress.step: trainer.net[0].weight.numpy().copy()}
    )
    trainer._end_epoch = lambda: (
        setattr(trainer.progress, "epoch_step", 0),
        setattr(trainer.progress, "epoch", trainer.progress.epoch + 1),
    )
    trainer.fit()
    np.testing.assert_array_equal(weights[1], weights[3])
    assert not np.array_equal(weights[3], weights[4])
    assert (trainer.progress.loss_scale.value, trainer.progress.loss_scale.good) == (2.0**12, 3)
    assert [r["step"] for r in notes.logs] == [4, 5, 6]
    assert notes.events == ["close"]


def test_at_a_scale_of_1_what_is_not_finite_is_an_error():
    notes = Notes()
    trainer = make(notes, scale_loss=True, epochs=9)
    trainer._end_epoch = lambda: setattr(trainer.progress, "epoch_step", 0)
    overflow_past(trainer, 0.0)
    with pytest.raises(RunError, match="update 16 is not finite"):
        trainer.fit()
    assert trainer.progress.loss_scale.value == 1


def test_a_loss_that_is_not_finite_is_an_error_at_any_scale():
    trainer = make(scale_loss=True)
    spoil(trainer, [1])
    with pytest.raises(RunError, match="update 2 is not finite"):
        trainer.fit()
    assert trainer.progress.loss_scale.value == 2.0**15


def test_the_norm_of_a_gradient_is_that_of_numpy():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0, 3, shape).astype(np.float32) for shape in ((7, 5), (5,), (2, 3, 4))]
    tensors = [paddle.to_tensor(array, stop_gradient=False) for array in arrays]
    sum((t * paddle.to_tensor(a)).sum() for t, a in zip(tensors, arrays, strict=True)).backward()
    want = np.sqrt(sum((array.astype(float) ** 2).sum() for array in arrays))
    assert gradient_norm(tensors) == pytest.approx(want, rel=1e-6)
