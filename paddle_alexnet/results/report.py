"""A report on one or several runs: figures as files, and one page of HTML that holds them all."""

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from paddle_alexnet.data.batches import EvaluationBatches
from paddle_alexnet.data.dataset import PreprocessedDataset
from paddle_alexnet.errors import AlexNetError, RunError
from paddle_alexnet.figures.captions import (
    WRONG,
    FontChooser,
    caption,
    find_chinese_font,
    grid,
    write_png,
)
from paddle_alexnet.figures.plots import pixels, plot_evaluation, plot_runs, save
from paddle_alexnet.figures.words import ENGLISH, LANGUAGES, Words
from paddle_alexnet.inference.classifier import Classifier
from paddle_alexnet.log.run_directory import RunDirectory
from paddle_alexnet.printable import printable_name
from paddle_alexnet.results.classification import (
    class_figures,
    macro_average,
    mistakes,
    mistakes_csv,
)
from paddle_alexnet.results.comparison import Difference, Spread, difference, spread
from paddle_alexnet.results.paper_figures import paper_figures
from paddle_alexnet.results.runs import (
    FinishedRun,
    differing_settings,
    group_by_settings,
    images_of,
    read_runs,
)
from paddle_alexnet.storage.files import make_folder, write_text
from paddle_alexnet.training.evaluation import Evaluation, evaluate

logger = logging.getLogger(__name__)

MISTAKES = 8  # images


@dataclass
class RunDetails:
    """What the report shows of one run beside its metrics.

    Attributes:
        run: The run.
        figures: Name of a PNG file -> uint8 RGB; empty where its images cannot be read.
        rows: (class name, figures) of each class, the means last.
        missing: Why there are no figures, or None.
    """

    run: FinishedRun
    figures: dict[str, np.ndarray] = field(default_factory=dict)
    rows: list[tuple[str, dict[str, float | None]]] = field(default_factory=list)
    missing: str | None = None


def write_report(paths: Sequence[str | Path], out: str | Path, language: str = "en") -> Path:
    """Write ``index.html`` and its figures into ``out``; returns the page.

    Args:
        paths: Directories of runs. Val images are read from where the configuration says; of a
            run whose images are not there the metrics alone are shown.
        out: Folder, made if missing; files of an earlier report are replaced.
        language: A key of :data:`paddle_alexnet.figures.words.LANGUAGES`.

    Raises:
        RunError: A run cannot be read, ``out`` holds it or is one, or a file cannot be written.
    """
    runs = read_runs(paths)
    words = LANGUAGES[language]
    # Without a font that has them, Chinese words would be boxes in a figure.
    in_figures = words if language == "en" or find_chinese_font() else ENGLISH
    for place in (Path(out), *(Path(out, run.name) for run in runs)):
        if RunDirectory(place).config.exists():
            raise RunError(f"--out {out}: {place} is a run, which is left as it is; name another")
    out = make_folder(out)
    rows = {run.name: run.rows for run in runs}
    save(plot_runs(rows, in_figures), out / "curves.png")
    details = [describe_run(run, out, in_figures) for run in runs]
    groups = group_by_settings(runs)
    page = render(
        words=words,
        language=language,
        curves=[pixels(plot_runs(rows, in_figures, [key])) for key in ("loss", "top1")],
        groups=[describe_group(group) for group in groups],
        settings=differing_settings(groups),
        differences=[compare(groups[0], group) for group in groups[1:]],
        details=details,
    )
    write_text(out / "index.html", page)
    return out / "index.html"


def describe_run(run: FinishedRun, out: Path, words: Words) -> RunDetails:
    """Evaluate the best weights of a run on its val images, and write figures to ``out/<name>``.

    Raises:
        RunError: A file cannot be written.
    """
    details = RunDetails(run)
    try:
        classifier = Classifier.load(run.directory.best)
        data = images_of(run, classifier.classes)
        val = data.val
        result = evaluate(
            classifier.net,
            classifier.normalize,
            EvaluationBatches(val, classifier.preprocessing, batch_size=64),
            num_classes=len(classifier.classes),
            topk=run.config.train.topk,
        )
        fonts = FontChooser()
        names = fonts.class_names(classifier.classes)
        images = PreprocessedDataset(val, classifier.preprocessing)
        worst = draw_mistakes(result, images, names, fonts, words)
        of_the_paper = paper_figures(classifier, data, fonts)
    except AlexNetError as error:
        details.missing = str(error)
        logger.warning("%s: metrics only: %s", run.name, error)
        return details
    figures = plot_evaluation(result, names, words)
    details.figures = {name: pixels(figure) for name, figure in figures.items()} | of_the_paper
    if worst is not None:
        details.figures["mistakes"] = worst
    folder = make_folder(out / run.name)
    for name, image in details.figures.items():
        write_png(folder / f"{name}.png", image)
    files = [val.name(index) for index in range(len(val))]
    write_text(folder / "mistakes.csv", mistakes_csv(result, classifier.classes, files))
    rows = class_figures(result.labels, result.predicted, result.scores)
    total = {**macro_average(rows), "support": sum(row.support for row in rows)}
    details.rows = [
        *((printable_name(n), vars(r)) for n, r in zip(classifier.classes, rows, strict=True)),
        (words["mean_of_classes"], total),
    ]
    return details


def draw_mistakes(
    result: Evaluation,
    images: PreprocessedDataset,
    names: Sequence[str],
    fonts: FontChooser,
    words: Words,
) -> np.ndarray | None:
    """The worst mistakes with both classes and their scores; None where there is none."""
    cells = []
    for index in mistakes(result.labels, result.predicted, result.scores)[:MISTAKES]:
        lines = [
            f"{words[key]}: {names[label]} {result.scores[index, label]:.0%}"
            for key, label in (
                ("predicted", result.predicted[index]),
                ("true", result.labels[index]),
            )
        ]
        cells.append(caption(images[int(index)][0], lines, fonts, WRONG))
    return grid(cells) if cells else None


def describe_group(group: Sequence[FinishedRun]) -> dict[str, Any]:
    """Names, seeds and figures of runs that differ in their seed only."""
    return {
        "names": [run.name for run in group],
        "seeds": [run.seed for run in group],
        "best": spread([run.best["val/top1"] for run in group]),
        "last": spread([run.last["val/top1"] for run in group]),
        "loss": spread([run.last["val/loss"] for run in group]),
    }


def compare(first: Sequence[FinishedRun], other: Sequence[FinishedRun]) -> dict[str, Difference]:
    """Differences of val top-1, best and last, of two groups."""

    def by_seed(group: Sequence[FinishedRun], which: str) -> dict[int, float]:
        return {run.seed: getattr(run, which)["val/top1"] for run in group}

    redrawn = max(run.redrawn for run in [*first, *other])
    return {
        which: difference(by_seed(first, which), by_seed(other, which), redrawn)
        for which in ("best", "last")
    }


def render(**values: Any) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("paddle_alexnet.results", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": lambda value: f"{100 * value:.2f} %",
        "spread": _spread_text,
        "points": lambda value: f"{100 * value:+.2f}",
        "figure": lambda value: "-" if value is None else f"{value:.3f}",
        "image": _data_uri,
        "name": printable_name,
    }
    return environment.get_template("report.html").render(**values)


def _spread_text(value: Spread, percent: bool = True) -> str:
    factor, digits, unit = (100, 2, " %") if percent else (1, 4, "")
    mean = f"{factor * value.mean:.{digits}f}"
    return mean + ("" if value.std is None else f" ± {factor * value.std:.{digits}f}") + unit


def _data_uri(image: np.ndarray, photo: bool = False) -> str:
    """An image inside the page: PNG, or JPEG where it holds photos."""
    buffer = io.BytesIO()
    kind = "JPEG" if photo else "PNG"
    Image.fromarray(image).save(buffer, kind, **({"quality": 85} if photo else {"optimize": True}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
