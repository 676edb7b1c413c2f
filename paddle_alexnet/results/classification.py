"""Figures of a classification by class: precision, recall, F1, ROC AUC, calibration, mistakes.

``labels`` are true classes, int64 [N]; ``scores`` softmax, float [N, C]; ``predicted`` the class
with the largest logit, int64 [N]. The softmax may round two logits to one score.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from paddle_alexnet.printable import printable

if TYPE_CHECKING:  # it loads Paddle, which a report does not need
    from paddle_alexnet.training.evaluation import Evaluation

CALIBRATION_BINS = 15  # Guo et al. 2017, "On Calibration of Modern Neural Networks", section 5
# Spreadsheets run a cell that begins so as a formula (OWASP, "CSV Injection"), also in full width.
FORMULA = tuple("=+-@＝＋－＠")


@dataclass(frozen=True)
class ClassFigures:
    """How well a class is recognised; all but ``support`` are None where it has no images.

    Attributes:
        support: Images of the class.
        precision: Fraction of the images predicted as this class that are of it; 0 if none is.
        recall: Fraction of its images that are predicted as this class.
        f1: Harmonic mean of the two.
        roc_auc: Probability that an image of the class has a higher score for it than another
            image; None too where all images are of this class.
    """

    support: int
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    roc_auc: float | None = None


@dataclass(frozen=True)
class Calibration:
    """Whether images with a top score of p are right in a fraction p of cases.

    Attributes:
        error: Expected calibration error: over equal bins of the top score, the mean of
            |accuracy - mean score|, weighted by the images of a bin.
        count: Images of each bin, from the lowest scores to the highest.
        score: Mean top score of each bin; NaN where it is empty.
        accuracy: Fraction of each bin's images that are right; NaN where it is empty.
    """

    error: float
    count: np.ndarray
    score: np.ndarray
    accuracy: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Values for JSON: null for an empty bin."""
        means = {"score": self.score, "accuracy": self.accuracy}
        return {
            "error": self.error,
            "bins": [
                {
                    "count": int(count),
                    **{key: float(means[key][i]) if count else None for key in means},
                }
                for i, count in enumerate(self.count)
            ],
        }


def class_figures(
    labels: np.ndarray, predicted: np.ndarray, scores: np.ndarray
) -> list[ClassFigures]:
    """Figures of each class, in the order of the columns of ``scores``."""
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    classes = scores.shape[1]
    table = precision_recall_fscore_support(
        labels, predicted, labels=range(classes), zero_division=0
    )
    rows = []
    for label, (precision, recall, f1, support) in enumerate(np.transpose(table).tolist()):
        of_class = labels == label
        auc = None
        if 0 < support < len(labels):
            auc = float(roc_auc_score(of_class, scores[:, label]))
        known = (precision, recall, f1, auc) if support else ()
        rows.append(ClassFigures(int(support), *known))
    return rows


def worst_classes(rows: Sequence[ClassFigures], count: int) -> list[int]:
    """Labels of the ``count`` classes with the lowest F1, the worst first, of those with images."""
    known = [label for label, row in enumerate(rows) if row.support]
    return sorted(known, key=lambda label: rows[label].f1)[:count]


def macro_average(rows: Sequence[ClassFigures]) -> dict[str, float | None]:
    """Means over the classes that have images; None where no class has the figure."""

    def mean(key: str) -> float | None:
        values = [value for row in rows if (value := getattr(row, key)) is not None]
        return float(np.mean(values)) if values else None

    return {key: mean(key) for key in ("precision", "recall", "f1", "roc_auc")}


def calibration(
    labels: np.ndarray, predicted: np.ndarray, scores: np.ndarray, bins: int = CALIBRATION_BINS
) -> Calibration:
    """Calibration over ``bins`` bins (i / bins, (i + 1) / bins] of the top score."""
    top = scores.max(axis=1).astype(float)
    index = np.clip(np.ceil(top * bins).astype(int) - 1, 0, bins - 1)
    right = (predicted == labels).astype(float)
    count, score, accuracy = (
        np.bincount(index, weights, minlength=bins) for weights in (None, top, right)
    )
    error = float(np.abs(score - accuracy).sum() / len(labels))
    with np.errstate(invalid="ignore"):  # 0 / 0 of an empty bin
        return Calibration(error, count, score / count, accuracy / count)


def mistakes(labels: np.ndarray, predicted: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Indices of the images that are predicted wrongly, the worst first.

    The worst has the largest difference between the score of the predicted and of the true class.
    """
    wrong = np.flatnonzero(predicted != labels)
    gap = scores[wrong, predicted[wrong]] - scores[wrong, labels[wrong]]
    return wrong[np.argsort(-gap, kind="stable")]


def least_certain(scores: np.ndarray, count: int) -> np.ndarray:
    """Indices of the ``count`` images with the smallest gap between the best two scores."""
    best = np.sort(scores, axis=1)[:, -2:]
    return np.argsort(best[:, -1] - best[:, 0], kind="stable")[:count]


def figures_json(
    result: "Evaluation", classes: Sequence[str], rows: Sequence[ClassFigures] | None = None
) -> dict[str, Any]:
    """All figures of an evaluation for JSON, by class name; null where one is not defined.

    Args:
        result: The evaluation.
        classes: Class names.
        rows: What :func:`class_figures` gives, which takes half a minute for 50,000 images of
            1,000 classes; None: call it.
    """
    of_all = result.labels, result.predicted, result.scores
    rows = class_figures(*of_all) if rows is None else rows
    counts = result.confusion.tolist()
    return {
        "count": result.count,
        "top1": result.top1,
        f"top{result.k}": result.topk,
        "loss": result.loss,
        "macro": macro_average(rows),
        "classes": {
            name: {"count": row.support, "correct": counts[i][i], **asdict(row)}
            for i, (name, row) in enumerate(zip(classes, rows, strict=True))
        },
        "confusion": {"labels": list(classes), "true_by_predicted": counts},
        "calibration": calibration(*of_all).to_json(),
    }


def mistakes_csv(result: "Evaluation", classes: Sequence[str], files: Sequence[str]) -> str:
    r"""The images that are predicted wrongly as CSV, the worst first; see :func:`mistakes`.

    A name is one line: control characters and bytes that are not UTF-8 are escapes such as ``\n``.
    A cell that a spreadsheet would take for a formula begins with ``'``.

    Args:
        result: The evaluation.
        classes: Class names.
        files: Names of the images, in the order of the evaluation.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file", "true", "predicted", "score_true", "score_predicted"])
    for index in mistakes(result.labels, result.predicted, result.scores):
        true, predicted = result.labels[index], result.predicted[index]
        names = (files[index], classes[true], classes[predicted])
        scores = (f"{result.scores[index, label]:.6f}" for label in (true, predicted))
        table.writerow([*map(_cell, names), *scores])
    return text.getvalue()


def _cell(name: str) -> str:
    text = printable(name)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def class_table(
    classes: Sequence[str], rows: Sequence[ClassFigures], shown: Sequence[int] | None = None
) -> str:
    """The figures as text, a line a class and one for the means; "-" for what is not defined.

    Args:
        classes: Class names, printable.
        rows: Their figures. The means are of all.
        shown: Labels of the classes that have a line; None: all.
    """
    shown = range(len(classes)) if shown is None else shown

    def line(name: str, *values: float | None) -> str:
        cells = ["-" if value is None else f"{value:.3f}" for value in values]
        return f"{name:<{width}}" + "".join(f"{cell:>11}" for cell in cells)

    width = max(len(name) for name in (*(classes[i] for i in shown), "mean of classes")) + 2
    heads = ("precision", "recall", "F1", "ROC AUC", "images")
    lines = [f"{'class':<{width}}" + "".join(f"{head:>11}" for head in heads)]
    for label in shown:
        row = rows[label]
        figures = line(classes[label], row.precision, row.recall, row.f1, row.roc_auc)
        lines.append(f"{figures}{row.support:>11}")
    total = sum(row.support for row in rows)
    lines.append(f"{line('mean of classes', *macro_average(rows).values())}{total:>11}")
    return "\n".join(lines)
