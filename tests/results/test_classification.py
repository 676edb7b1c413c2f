"""Figures of a small classification, counted by hand."""

import csv
import io
import json
import math

import numpy as np
import pytest

from paddle_alexnet.results.classification import (
    calibration,
    class_figures,
    class_table,
    figures_json,
    least_certain,
    macro_average,
    mistakes,
    mistakes_csv,
    worst_classes,
)
from paddle_alexnet.training.evaluation import Evaluation

# Classes a, b, c, d; there is no image of d, and one of a is taken for it.
LABELS = np.array([0, 0, 0, 1, 1, 2])
SCORES = np.array(
    [
        [0.7, 0.1, 0.1, 0.1],
        [0.3, 0.1, 0.2, 0.4],
        [0.6, 0.2, 0.1, 0.1],
        [0.5, 0.3, 0.1, 0.1],
        [0.1, 0.8, 0.05, 0.05],
        [0.1, 0.6, 0.2, 0.1],
    ]
)
PREDICTED = SCORES.argmax(axis=1)  # 0 3 0 0 1 1


def test_figures_by_hand():
    a, b, c, d = class_figures(LABELS, PREDICTED, SCORES)
    assert (a.support, a.precision, a.recall) == (3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (b.precision, b.recall, b.f1) == (0.5, 0.5, 0.5)
    # Never predicted: precision 0, as scikit-learn has it.
    assert (c.support, c.precision, c.recall, c.f1) == (1, 0.0, 0.0, 0.0)
    # Of 9 pairs of an image of a (0.7, 0.3, 0.6) and another (0.5, 0.1, 0.1), 8 are in order.
    assert a.roc_auc == pytest.approx(8 / 9)
    # b: 0.3 and 0.8 against 0.1, 0.1, 0.2 and 0.6: 3 + 4 of 8.
    assert b.roc_auc == pytest.approx(7 / 8)
    # c: 0.2 against 0.1, 0.2, 0.1, 0.1, 0.05: a tie counts half.
    assert c.roc_auc == pytest.approx(4.5 / 5)
    assert (d.support, d.precision, d.recall, d.f1, d.roc_auc) == (0, None, None, None, None)


def test_means_leave_out_a_class_without_images():
    mean = macro_average(class_figures(LABELS, PREDICTED, SCORES))
    assert mean["precision"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert mean["roc_auc"] == pytest.approx((8 / 9 + 7 / 8 + 4.5 / 5) / 3)


def test_the_worst_classes_are_those_of_the_lowest_f1():
    # F1: a 2/3, b 1/2, c 0; d has no images.
    rows = class_figures(LABELS, PREDICTED, SCORES)
    assert worst_classes(rows, 9) == [2, 1, 0]
    lines = class_table("abcd", rows, worst_classes(rows, 2)).split("\n")
    assert [line.split()[0] for line in lines] == ["class", "c", "b", "mean"]
    assert lines[-1] == class_table("abcd", rows).split("\n")[-1]  # of all


def test_one_class_has_no_roc_curve():
    (only,) = class_figures(np.zeros(3, int), np.zeros(3, int), np.ones((3, 1)))
    assert (only.recall, only.roc_auc) == (1.0, None)
    assert macro_average([only])["roc_auc"] is None


def test_calibration_by_hand():
    got = calibration(LABELS, PREDICTED, SCORES, bins=2)  # (0, 0.5] and (0.5, 1]
    # 0.4 and 0.5, both wrong; 0.7, 0.6 and 0.8 right, 0.6 wrong.
    assert got.count.tolist() == [2, 4]
    np.testing.assert_allclose(got.score, [0.45, 0.675])
    np.testing.assert_allclose(got.accuracy, [0, 0.75])
    assert got.error == pytest.approx((2 * 0.45 + 4 * 0.075) / 6)


def test_a_bin_holds_its_upper_edge_and_an_empty_one_is_null():
    scores = np.array([[1 / 3, 2 / 3], [0.0, 1.0]])
    got = calibration(np.array([1, 1]), np.array([1, 1]), scores, bins=3)
    assert got.count.tolist() == [0, 1, 1]
    assert math.isnan(got.score[0])
    assert got.to_json()["bins"][0] == {"count": 0, "score": None, "accuracy": None}
    json.dumps(got.to_json(), allow_nan=False)


def test_mistakes_come_by_how_far_the_wrong_class_is_ahead():
    # Gaps: image 1: 0.4 - 0.3, image 3: 0.5 - 0.3, image 5: 0.6 - 0.2.
    assert mistakes(LABELS, PREDICTED, SCORES).tolist() == [5, 3, 1]
    # Gaps of the best two: 0.6, 0.1, 0.4, 0.2, 0.7, 0.4.
    assert least_certain(SCORES, 3).tolist() == [1, 3, 2]


@pytest.fixture
def result():
    with np.errstate(divide="ignore"):
        return Evaluation(0.5, 1.0, 3, LABELS, np.log(SCORES))


def test_absent_classes_are_null_in_json_and_a_dash_in_text(result):
    got = figures_json(result, "abcd")
    json.dumps(got, allow_nan=False)
    assert got["classes"]["d"] == {
        **{"count": 0, "correct": 0, "support": 0},
        **dict.fromkeys(("precision", "recall", "f1", "roc_auc")),
    }
    assert got["classes"]["a"]["correct"] == 2
    assert got["confusion"]["true_by_predicted"][0] == [2, 0, 0, 1]
    assert {"count": 6, "top1": 0.5, "top3": 1.0, "loss": 0.5}.items() <= got.items()
    assert got["calibration"]["error"] == pytest.approx(
        calibration(LABELS, PREDICTED, SCORES).error
    )
    lines = class_table("abcd", class_figures(LABELS, PREDICTED, SCORES)).split("\n")
    assert lines[4].split() == ["d", "-", "-", "-", "-", "0"]
    assert lines[3].split() == ["c", "0.000", "0.000", "0.000", "0.900", "1"]


def test_mistakes_as_csv(result):
    files = ["0.jpg", "=cmd()", "2.jpg", 'a,"b"\nc.jpg', "4.jpg", "5.jpg"]
    classes = ["daisy", "-rose", "tulip, red", "d"]
    rows = list(csv.reader(io.StringIO(mistakes_csv(result, classes, files))))
    assert rows[0] == ["file", "true", "predicted", "score_true", "score_predicted"]
    assert [row[0] for row in rows[1:]] == ["5.jpg", r'a,"b"\nc.jpg', "'=cmd()"]
    assert rows[1][1:] == ["tulip, red", "'-rose", "0.200000", "0.600000"]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        *((name, f"'{name}") for name in ("+1", "@SUM(A1)", " =1", "＝1", "-花, 2")),
        *((name, name) for name in ('say "cheese"; a=b', "花/雏菊.jpg", "")),
        ("two\r\n=lines", r"two\r\n=lines"),
        ("\x1b[2J\u202e\udcff", r"\u001b[2J\u202e\udcff"),  # \xff is no UTF-8
    ],
)
def test_any_name_is_a_cell_of_one_line_and_no_formula(result, name, cell):
    text = mistakes_csv(result, [name] * 4, [name] * 6)
    assert len(text.splitlines()) == 4
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert {word for row in rows for word in row[:3]} == {cell}
    text.encode()
