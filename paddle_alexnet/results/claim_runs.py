"""Make the runs of a claim that are missing, and measure them."""

import contextlib
import functools
import gc
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddle_alexnet.config.load import read_config
from paddle_alexnet.config.resume_rules import describe_changes, fixed_values
from paddle_alexnet.config.schema import Config
from paddle_alexnet.data.batches import EvaluationBatches
from paddle_alexnet.data.dataset import ImageDataset
from paddle_alexnet.data.flower_folder import FlowerFolder
from paddle_alexnet.data.sources import data_source, image_reader, list_folder
from paddle_alexnet.errors import AlexNetError, ConfigError, RunError
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.nets.weights import load_arrays
from paddle_alexnet.results.claims import Claim, arm_config
from paddle_alexnet.results.runs import (
    Environment,
    FinishedRun,
    data_fingerprint,
    images_of,
    read_environment,
    read_runs,
)
from paddle_alexnet.results.verdicts import Outcome
from paddle_alexnet.storage.files import parse_strict, read_text, write_text
from paddle_alexnet.training.checkpoint import read_checkpoint
from paddle_alexnet.training.evaluation import evaluate
from paddle_alexnet.training.initial_weights import find_model
from paddle_alexnet.training.train import Interrupted, open_run

logger = logging.getLogger(__name__)

Runs = dict[str, dict[int, FinishedRun]]  # by arm and seed


@dataclass(frozen=True)
class ClaimRuns:
    """The runs of a claim.

    Attributes:
        claim: The claim.
        path: Its file.
        folder: With a directory for each run, ``ARM-SEED``.
        seeds: Of each arm.
        overrides: ``key=value`` for all arms.
    """

    claim: Claim
    path: Path
    folder: Path
    seeds: Sequence[int]
    overrides: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse overrides that would make arms or seeds alike.

        Raises:
            ConfigError: One is of a key that an arm, the seeds or the folder decides.
        """
        for override in self.overrides:
            key = override.partition("=")[0]
            for decided, by in (("train.seed", "--seeds"), ("run.dir", "--runs")):
                if key == decided:
                    raise ConfigError(f"-o {override}: {by} decides that")
            for name, arm in self.claim.arms.items():
                taken = [text.partition("=")[0] for text in arm.set]
                if any(f"{a}.".startswith(f"{b}.") for t in taken for a, b in ((key, t), (t, key))):
                    raise ConfigError(
                        f"-o {override}: the arm {name} sets this key itself, and a comparison of "
                        "arms would be one of equals; set another, or change the claim's file"
                    )

    def check(self, arm: str, seed: int) -> None:
        """Look for mistakes in the keys of an arm, before anything that takes long.

        Raises:
            ConfigError: There is one.
        """
        try:
            find_model(self.config(arm, seed))
        except ConfigError as error:
            raise ConfigError(f"{self.path}, arm {arm}: {error}") from error

    def config(self, arm: str, seed: int) -> Config:
        """The configuration of a run, with its directory.

        Raises:
            ConfigError: It cannot be read.
        """
        place = self.folder / f"{self.claim.runs_of(arm)}-{seed}"
        return arm_config(self.claim, self.path, arm, seed, [*self.overrides, f"run.dir={place}"])

    def directory(self, arm: str, seed: int) -> RunDirectory | None:
        """The directory of a run; None if it has not begun.

        Raises:
            RunError: There is a run of other settings.
        """
        config = self.config(arm, seed)
        directory = RunDirectory(Path(config.run.dir))
        if not directory.config.exists():
            return None
        there = read_config(directory.config)
        changes = describe_changes(fixed_values(there), config)
        if there.train.epochs != config.train.epochs:
            changes.append(f"train.epochs was {there.train.epochs} and is {config.train.epochs}")
        if changes:
            raise RunError(
                f"{directory.path} is a run of other settings: {', '.join(changes)}; move it away, "
                "or choose another folder of runs"
            )
        return directory

    def finished(self, arm: str, seed: int) -> FinishedRun | None:
        """A run that is done; None if it is not.

        Raises:
            AlexNetError: As :meth:`directory`; or files of the run cannot be read.
        """
        directory = self.directory(arm, seed)
        if directory is None or not directory.has_state() or not directory.metrics.exists():
            return None
        if not read_metrics(directory.metrics):
            return None
        (run,) = read_runs([directory.path])
        # A run that was killed may have a row that its checkpoint does not know.
        done = read_checkpoint(directory).epochs()
        whole = done >= run.config.train.epochs or self.claim.epochs_needed(run.rows[:done])
        return run if whole and done == len(run.rows) else None

    def train(
        self,
        arm: str,
        seed: int,
        *,
        cpu_settings: dict[str, Any] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make a run, or the rest of it.

        Raises:
            Interrupted: ``should_stop`` was true; a checkpoint was written.
            AlexNetError: As :func:`paddle_alexnet.training.train.open_run`.
        """
        gc.collect()  # the run before, which may hold images in memory, is a cycle of objects
        config, resume = self.config(arm, seed), self.directory(arm, seed)

        @functools.cache  # a step asks, but only an epoch changes the answer
        def reached(epoch: int) -> bool:
            if not epoch or self.claim.metric != "epochs":
                return False
            return self.claim.epochs_needed(read_metrics(run.directory.metrics)) is not None

        logger.info("%s", config.run.dir)
        run = open_run(
            config,
            resume=resume,
            cpu_settings=cpu_settings,
            should_stop=lambda: should_stop() or reached(run.state.epoch),
        )
        try:
            run.fit()
        except Interrupted:
            if not reached(run.state.epoch):
                raise

    def diverged(self, arm: str, seed: int) -> bool:
        """Whether a run was ended by a loss or gradient that was not finite.

        Of a run with ``train.on_nonfinite: skip`` only a val loss is known as that.

        Raises:
            AlexNetError: As :meth:`finished`.
        """
        directory = self.directory(arm, seed)
        if directory is None or self.finished(arm, seed):
            return False
        return directory.diverged(by_step=self.config(arm, seed).train.on_nonfinite == "stop")

    def done(self) -> Runs:
        """The runs that are done, of all arms.

        Named and left out are those that cannot be read, and those of other images than the first
        arm with this seed: their difference would not be one of the arms.
        """
        runs: Runs = {arm: {} for arm in self.claim.arms}
        images: dict[int, tuple[str, str]] = {}  # by seed: fingerprint and arm
        for arm, of in runs.items():
            for seed in self.seeds:
                with _left_out(f"{arm}-{seed}"):
                    run = self.finished(arm, seed)
                    if run is None:
                        continue
                    fingerprint = data_fingerprint(run.directory) or ""
                    first, named = images.setdefault(seed, (fingerprint, arm))
                    if fingerprint != first:
                        raise RunError(f"its images are not those of {named}-{seed}")
                    of[seed] = run
        return runs

    def outcome(self, done: Runs) -> Outcome:
        """Measure the runs ``done``; those that cannot be measured are named and left out."""
        claim = self.claim
        values: dict[str, dict[int, float]] = {arm: {} for arm in done}
        late, diverged, made_with = {}, {}, {}
        for arm, of in done.items():
            for seed, run in of.items():
                with _left_out(f"{arm}-{seed}"):
                    values[arm][seed] = self.value(arm, run)
            if claim.metric == "epochs":
                late[arm] = [s for s, run in of.items() if claim.epochs_needed(run.rows) is None]
            diverged[arm] = []
            for seed in [seed for seed in self.seeds if seed not in of]:
                with contextlib.suppress(AlexNetError):  # named by done
                    if self.diverged(arm, seed):
                        diverged[arm].append(seed)
        all_runs = [run for of in done.values() for run in of.values()]
        for folder in sorted({run.directory.path for run in all_runs}):
            made_with.setdefault(_made_with(folder), []).append(folder.name)
        redrawn = max((run.redrawn for run in all_runs), default=0.0)
        return Outcome(values, late, diverged, made_with, redrawn)

    def value(self, arm: str, run: FinishedRun) -> float:
        """The claim's metric of a finished run.

        Raises:
            AlexNetError: The images or the weights cannot be read.
        """
        claim, views = self.claim, self.claim.arms[arm].views
        if claim.metric == "epochs":
            return float(claim.epochs_needed(run.rows) or run.last["epoch"])
        if claim.split == "val" and views == 1:
            return run.last["val/top1"]
        # Ten views of all images take minutes, so the result is kept.
        kept = run.directory.path / f"{claim.split}-{views}-views.json"
        with contextlib.suppress(OSError, ValueError, KeyError):  # missing or damaged: again
            figures = parse_strict(dict[str, int | float], read_text(kept))
            if figures["epoch"] == run.last["epoch"]:
                return figures["top1"]
        top1 = _measure_top1(run, claim.split, views)
        try:
            write_text(kept, json.dumps({"epoch": run.last["epoch"], "top1": top1}) + "\n")
        except RunError as error:
            logger.warning("%s: it is measured again the next time", error)
        return top1


@contextlib.contextmanager
def _left_out(name: str) -> Iterator[None]:
    try:
        yield
    except AlexNetError as error:
        logger.warning("%s is left out: %s", name, error)


def _made_with(folder: Path) -> str:
    """Commit and processor of a run; where it was continued with others, all of them."""
    names = folder.glob("environment*.json")
    paths = sorted(names, key=lambda path: (len(path.name), path.name))
    read = [found for path in paths if (found := read_environment(path)) != Environment()]
    used = [f"{environment.commit}, {environment.processor}" for environment in read]
    return " and ".join(dict.fromkeys(used)) or "unknown"


def _measure_top1(run: FinishedRun, split: str, views: int) -> float:
    """Top-1 of the weights of the last epoch, on images divided as in training."""
    classifier = Classifier.load(run.directory.best)
    load_arrays(classifier.net, read_checkpoint(run.directory).weights(), run.directory.state)
    preprocessing = classifier.preprocessing
    if views > 1 and not preprocessing.has_views:
        architecture = classifier.description.architecture
        raise ConfigError(f"views: {architecture} sees whole images")
    images = images_of(run, classifier.classes).val
    if split != "val":
        images = _images_aside(run.config, split)
    result = evaluate(
        classifier.net,
        classifier.normalize,
        EvaluationBatches(
            images,
            preprocessing if views == 1 else preprocessing.views,
            batch_size=run.config.train.batch_size,
        ),
        num_classes=len(classifier.classes),
        topk=1,
    )
    return result.top1


def _images_aside(config: Config, split: str) -> ImageDataset:
    """Images that training neither learns from nor is validated on."""
    if data_source(config) != "folder":
        raise ConfigError(f"split: list files have no {split} images; choose val")
    return FlowerFolder(list_folder(config), split, read=image_reader(config))
