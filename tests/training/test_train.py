"""The loop against the same training written out in float64 numpy, and its promises."""

from dataclasses import replace

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_alexnet.config.load import make_config
from paddle_alexnet.errors import RunError
from paddle_alexnet.training.diagnostics import squared_gradient_norm
from paddle_alexnet.training.evaluation import Evaluation
from paddle_alexnet.training.optimizer import ExponentialMovingAverage, build_optimizer
from paddle_alexnet.training.schedule import build_schedule
from paddle_alexnet.training.step import TrainingStep
from paddle_alexnet.training.train import Interrupted, Run

CLASSES, FEATURES, IMAGES, BATCH = 3, 4, 10, 4
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(0, 1, (IMAGES, FEATURES)).astype(np.float32)
LABELS = RNG.integers(0, CLASSES, IMAGES)


class Batches:
    """Fixed order, a last batch of two."""

    images, batch_size = IMAGES, BATCH

    def __len__(self):
        return 3

    def epoch(self, epoch, first_batch=0, offsets=True):
        for start in range(first_batch * BATCH, IMAGES, BATCH):
            part = slice(start, start + BATCH)
            yield [paddle.to_tensor(INPUTS[part]), paddle.to_tensor(LABELS[part])]

    def names(self, epoch, first_batch, count):
        return tuple(f"{i}.png" for i in range(first_batch * BATCH, IMAGES))[: count * BATCH]


class Log:
    """In place of a run's log: log what it gets."""

    def __init__(self):
        self.steps, self.epochs, self.events = [], [], []
        self.seen = []  # images of each step
        self.run = None

    def start_epoch(self, state, images, done):
        pass

    def advance(self, images):
        self.seen.append(images)

    def step(self, record):
        self.steps.append(record)

    def epoch(self, record, val):
        self.epochs.append(record)
        self.evaluated = self.run.net[0].weight.numpy()

    def nonfinite(self, step, *, skipping):
        self.events.append(step)

    def nonfinite_val(self, epoch, loss):
        self.events.append((epoch, loss))

    def finish(self, state):
        pass

    def close(self):
        self.events.append("close")


def make(log=None, *, smoothing=0.2, dropout=0.0, decay=None, should_stop=lambda: False, **train):
    """A run of a linear net, its checkpoints noted in the log's events."""
    paddle.seed(1)
    net = nn.Sequential(nn.Linear(FEATURES, CLASSES), nn.Dropout(dropout))
    config = make_config(
        {
            "train": {"epochs": 3, "compile": "none", **train},
            "optimizer": {"lr": 0.1, "momentum": 0.9, "average": decay},
            "schedule": {"name": "cosine"},
        }
    )
    log = log or Log()
    run = log.run = Run(
        config=config,
        net=net,
        whole=net,
        normalize=lambda x: x,
        step=TrainingStep(net, smoothing),
        optimizer=build_optimizer(config.optimizer, net),
        schedule=build_schedule(config, 3),
        batches=Batches(),
        evaluate=lambda: Evaluation(1.0, 1.0, CLASSES, np.arange(CLASSES), np.eye(CLASSES)),
        average=decay and ExponentialMovingAverage(net, decay),
        should_stop=should_stop,
        log=log,
    )
    run._save = lambda: log.events.append(f"saved {run.state.step}")
    return run


def by_hand(weight, bias, groups, smoothing):
    """Softmax regression with momentum; returns weights and the loss of every update."""
    values, speed, losses = [weight.astype(float), bias.astype(float)], [0.0, 0.0], []
    total = 3 * len(groups)
    for step in range(total):
        chosen = groups[step % len(groups)]
        x, y = INPUTS[chosen].astype(float), LABELS[chosen]
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
    log = Log()
    run = make(log, accumulate_steps=accumulate, log_every_steps=1)
    weight, bias = (p.numpy() for p in run.net.parameters())
    want, losses = by_hand(weight, bias, groups, 0.2)
    run.fit()
    for got, value in zip(run.net.parameters(), want, strict=True):
        np.testing.assert_allclose(got.numpy(), value, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose([r["loss"] for r in log.steps], losses, rtol=1e-5)
    sizes = np.array([len(LABELS[g]) for g in groups])
    for epoch, record in enumerate(log.epochs):
        own = np.array(losses[epoch * len(groups) : (epoch + 1) * len(groups)])
        assert record["train/loss"] == pytest.approx((own * sizes).sum() / IMAGES, rel=1e-5)
        assert (record["epoch"], record["step"]) == (epoch + 1, (epoch + 1) * len(groups))
    assert log.events == [f"saved {(n + 1) * len(groups)}" for n in range(3)] + ["close"]


def test_log_windows_cover_an_epoch():
    log = Log()
    make(log, log_every_steps=2).fit()
    assert [r["step"] for r in log.steps] == [2, 3, 4, 6, 8, 9]


def test_the_average_is_evaluated_and_given_back():
    log = Log()
    run = make(log, decay=0.9, epochs=1)
    run.fit()
    np.testing.assert_array_equal(log.evaluated, run.average.arrays()["0.weight"])
    assert not np.array_equal(log.evaluated, run.net[0].weight.numpy())


def test_dropout_depends_only_on_seed_and_step():
    weights = []
    for seed in (0, 0, 1):
        run = make(dropout=0.5, seed=seed)
        run.fit()
        weights.append(run.net[0].weight.numpy())
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize("stop_after", [1, 2, 3, 5])
def test_stopping_saves_between_steps_and_resumes_there(stop_after):
    log = Log()
    run = make(log, should_stop=lambda: log.run.state.step >= stop_after - 1)
    with pytest.raises(Interrupted):
        run.fit()
    assert run.state.step == stop_after
    assert (run.state.epoch, run.state.epoch_step) == divmod(stop_after, 3)
    assert log.events[-2:] == [f"saved {stop_after}", "close"]
    whole = make()
    whole.fit()
    run.should_stop = lambda: False
    run.fit()
    np.testing.assert_array_equal(run.net[0].weight.numpy(), whole.net[0].weight.numpy())


def test_saves_within_an_epoch_change_nothing_that_is_logged():
    plain, saving = Log(), Log()
    make(plain, log_every_steps=4).fit()
    make(saving, log_every_steps=4, save_every_steps=2).fit()
    assert saving.events == [f"saved {n}" for n in (2, 3, 4, 6, 8, 9)] + ["close"]
    for one, other in zip(plain.steps, saving.steps, strict=True):
        assert all(one[key] == other[key] for key in ("step", "lr", "loss", "top1"))


def test_a_stop_in_a_log_window_does_not_cut_it():
    """The point of the step curve is the same as that of a run that was not stopped."""
    whole, log = Log(), Log()
    make(whole, log_every_steps=3).fit()
    run = make(log, log_every_steps=3, should_stop=lambda: log.run.state.step == 1)
    with pytest.raises(Interrupted):
        run.fit()
    assert log.steps == []
    run.should_stop = lambda: False
    run.fit()
    assert [r["loss"] for r in log.steps] == [r["loss"] for r in whole.steps]


def spoil(run, steps, value=np.inf):
    """Make the loss of the steps ``steps`` (from 0) not finite."""
    step = run.step
    run.step = lambda x, y: step(x * value if run.state.step in steps else x, y)


def test_a_step_that_is_not_finite_stops_with_all_that_is_known():
    log = Log()
    run = make(log)
    spoil(run, [4])
    with pytest.raises(RunError, match=r"step 5 is not finite: loss nan, lr 0\.\d+, .*"
                       r"norms 0 nan; images '4\.png', '5\.png', '6\.png' and 1 more\. .*"
                       r"on_nonfinite=skip.*optimizer\.lr.*model\.pretrained"):  # fmt: skip
        run.fit()
    assert [type(event).__name__ for event in log.events] == ["str", "NonfiniteStep", "str"]
    assert all(np.isfinite(p.numpy()).all() for p in run.net.parameters())


def test_a_gradient_that_is_not_finite_is_found_where_the_loss_is():
    run = make()
    run.net[0].weight.register_hook(lambda grad: grad * np.inf)
    with pytest.raises(RunError, match=r"step 1 is not finite: loss 0\.\d+, .* norms 0 inf"):
        run.fit()


def test_skipped_steps_leave_weights_velocity_and_means_alone():
    log = Log()
    run = make(log, on_nonfinite="skip", epochs=1, log_every_steps=1)
    spoil(run, [1])
    before = {}
    log.advance = lambda images: before.update(
        {run.state.step: [p.numpy().copy() for p in run.net.parameters()]}
    )
    run.fit()
    np.testing.assert_array_equal(before[1][0], before[2][0])
    assert not np.array_equal(before[2][0], before[3][0])
    assert [r["step"] for r in log.steps] == [1, 3]
    sizes = np.array([BATCH, IMAGES - 2 * BATCH])
    mean = (np.array([r["loss"] for r in log.steps]) * sizes).sum() / sizes.sum()
    assert log.epochs[0]["train/loss"] == pytest.approx(mean)
    # The velocity is as if the step had not been: by hand with the two others.
    assert run.state.skipped == 0


def test_a_val_loss_that_is_not_finite_ends_the_run_unsaved():
    log = Log()
    run = make(log)
    run.evaluate = lambda: Evaluation(np.nan, 1.0, CLASSES, np.arange(CLASSES), np.eye(CLASSES))
    with pytest.raises(RunError, match=r"val loss after epoch 1 is nan.*optimizer\.lr"):
        run.fit()
    assert log.events == [(1, pytest.approx(np.nan, nan_ok=True)), "close"]


def test_ten_skipped_steps_in_a_row_are_too_many():
    run = make(on_nonfinite="skip", epochs=9)
    spoil(run, range(4, 99))
    with pytest.raises(RunError, match="no step of epoch 3 was finite"):
        run.fit()
    run = make(on_nonfinite="skip", epochs=9)
    run._end_epoch = lambda: setattr(run.state, "epoch_step", 0)
    spoil(run, range(4, 99))
    with pytest.raises(RunError, match=r"step 14 is not finite.*number 10 in a row"):
        run.fit()


@pytest.mark.parametrize("accumulate", [1, 2])
def test_scaling_the_loss_changes_no_digit(accumulate):
    nets = []
    for amp in ("none", "float16"):
        log = Log()
        run = make(log, accumulate_steps=accumulate, amp=amp)
        run.fit()
        nets.append([p.numpy() for p in run.net.parameters()])
        nets[-1].append([record["train/loss"] for record in log.epochs])
    for one, other in zip(*nets, strict=True):
        np.testing.assert_array_equal(one, other)
    assert run.state.loss_scale.good_steps == run.state.step


def overflow_past(run, limit):
    """Gradients are infinite where the loss is scaled by more than ``limit``, as in float16."""
    scale = run.state.loss_scale
    run.net[0].weight.register_hook(lambda g: g * np.inf if scale.value > limit else g)


def test_a_scale_that_is_too_high_is_lowered_without_an_error():
    """Updates 1 to 3 are left out, as if they had not been; none is reported."""
    log, weights = Log(), {}
    run = make(log, amp="float16", log_every_steps=1, epochs=2)
    overflow_past(run, 2.0**12)
    log.advance = lambda images: weights.update({run.state.step: run.net[0].weight.numpy().copy()})
    run._end_epoch = lambda: (
        setattr(run.state, "epoch_step", 0),
        setattr(run.state, "epoch", run.state.epoch + 1),
    )
    run.fit()
    np.testing.assert_array_equal(weights[1], weights[3])
    assert not np.array_equal(weights[3], weights[4])
    assert (run.state.loss_scale.value, run.state.loss_scale.good_steps) == (2.0**12, 3)
    assert [r["step"] for r in log.steps] == [4, 5, 6]
    assert log.events == ["close"]


def test_at_a_scale_of_1_what_is_not_finite_is_an_error():
    log = Log()
    run = make(log, amp="float16", epochs=9)
    run._end_epoch = lambda: setattr(run.state, "epoch_step", 0)
    overflow_past(run, 0.0)
    with pytest.raises(RunError, match="step 16 is not finite"):
        run.fit()
    assert run.state.loss_scale.value == 1


def test_a_loss_that_is_not_finite_is_an_error_at_any_scale():
    run = make(amp="float16")
    spoil(run, [1])
    with pytest.raises(RunError, match="step 2 is not finite"):
        run.fit()
    assert run.state.loss_scale.value == 2.0**15


def test_the_squared_norm_of_gradients_is_that_of_numpy():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0, 3, shape).astype(np.float32) for shape in ((7, 5), (5,), (2, 3, 4))]
    tensors = [paddle.to_tensor(array, stop_gradient=False) for array in arrays]
    sum((t * paddle.to_tensor(a)).sum() for t, a in zip(tensors, arrays, strict=True)).backward()
    want = sum((array.astype(float) ** 2).sum() for array in arrays)
    assert squared_gradient_norm(tensors).item() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("max_norm", [0.05, 1e9])
def test_clipping_scales_to_the_global_norm(max_norm):
    """Against Paddle's own ClipGradByGlobalNorm."""
    nets = []
    for clip in (None, nn.ClipGradByGlobalNorm(max_norm)):
        run = make(epochs=1)
        if clip is None:
            run.config = replace(
                run.config, optimizer=replace(run.config.optimizer, clip_norm=max_norm)
            )
        else:
            run.optimizer._grad_clip = clip
        run.fit()
        nets.append([p.numpy() for p in run.net.parameters()])
    for got, want in zip(*nets, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_a_step_has_one_transfer_from_the_device(monkeypatch):
    """Loss, hits, finiteness and the norm that clipping needs come together."""
    calls = []
    for name in ("item", "numpy", "tolist", "__float__", "__int__", "__bool__"):
        own = getattr(paddle.Tensor, name)

        def counted(self, *args, own=own, name=name):
            calls.append(name)
            return own(self, *args)

        monkeypatch.setattr(paddle.Tensor, name, counted)
    run = make(decay=0.9)
    run.config = replace(run.config, optimizer=replace(run.config.optimizer, clip_norm=0.05))
    group = list(run.batches.epoch(0))[:1]
    for _ in range(3):
        calls.clear()
        run._train_step(group)
        # numpy() and what reads the array that it gave.
        assert calls.count("numpy") == 1
        assert set(calls) <= {"numpy"}


def test_freed_memory_is_returned_before_the_first_step_and_after_each(monkeypatch):
    """How many of them count is up to hand_back_after: tests/runtime/test_cpu.py."""
    calls = []
    monkeypatch.setattr("paddle_alexnet.training.train.hand_back_after", calls.append)
    make(epochs=1).fit()
    assert calls == [0, 1, 2, 3]
