"""tools/infer.py and tools/eval.py from the command line."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from paddle_alexnet.data.folder import list_images

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def val(flowers):
    listing = list_images(flowers)
    return {path: listing.classes[label] for path, label in listing.select("val")}


def test_infer_and_eval_give_the_val_figures_of_training(tool, trained, flowers, val, tmp_path):
    reported = json.loads((trained / "metrics.jsonl").read_text().splitlines()[-1])
    weights = trained / "best.safetensors"
    words = ["--weights", weights, "--data", flowers, "--split", "val", "--json", tmp_path / "e"]
    tool("eval", *words)
    figures = json.loads((tmp_path / "e").read_text())
    assert figures["count"] == len(val)
    assert figures["top1"] == reported["val/top1"]
    assert figures["loss"] == pytest.approx(reported["val/loss"], rel=1e-5)
    assert sum(map(sum, figures["confusion"]["true_by_predicted"])) == len(val)
    for name, counts in figures["classes"].items():
        assert counts["count"] == list(val.values()).count(name)

    tool("infer", "--weights", weights, *val, "--json", tmp_path / "i.json", "--batch-size", 3)
    rows = json.loads((tmp_path / "i.json").read_text())
    assert [row["file_name"] for row in rows] == list(val)
    right = sum(row["label_names"][0] == val[row["file_name"]] for row in rows)
    assert right / len(val) == reported["val/top1"]


def test_eval_lists_mistakes_and_draws_figures(tool, trained, flowers, tmp_path):
    words = ["--weights", trained / "best.safetensors", "--data", flowers]
    outputs = ["--mistakes", tmp_path / "wrong.csv", "--figures", tmp_path / "new" / "figures"]
    out = tool("eval", *words, *outputs, "--json", tmp_path / "eval.json").stdout
    figures = json.loads((tmp_path / "eval.json").read_text())
    with open(tmp_path / "wrong.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    wrong = figures["count"] - sum(c["correct"] for c in figures["classes"].values())
    assert len(rows) == wrong
    assert all(row["true"] != row["predicted"] for row in rows)
    gaps = [float(row["score_predicted"]) - float(row["score_true"]) for row in rows]
    assert gaps == sorted(gaps, reverse=True)
    assert all((flowers / row["file"]).exists() for row in rows)
    names = {path.name for path in (tmp_path / "new" / "figures").iterdir()}
    assert names == {"confusion.png", "confusion_fractions.png", "calibration.png"}
    macro = figures["macro"]["f1"]
    assert f"{macro:.3f}" in next(line for line in out.splitlines() if line.startswith("mean of"))


@pytest.mark.slow
def test_eval_of_a_list_gives_the_same_figures(tool, trained, flowers, val, tmp_path):
    classes = list_images(flowers).classes
    lines = [f"{os.path.relpath(p, flowers)} {classes.index(name)}" for p, name in val.items()]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    words = ["--weights", trained / "best.safetensors", "--data", flowers, "--json", "-"]
    by_split = json.loads(tool("eval", *words).stdout)
    by_list = json.loads(tool("eval", *words, "--list", tmp_path / "list.txt").stdout)
    assert by_list.pop("split") == str(tmp_path / "list.txt")
    assert by_split.pop("split") == "val"
    assert by_list == by_split
    (tmp_path / "list.txt").write_text(lines[0][:-1] + "5")
    done = tool("eval", *words, "--list", tmp_path / "list.txt", code=1)
    assert "the label 5, but there are 5 classes" in done.stderr


@pytest.mark.slow
def test_ten_views(tool, trained, flowers, tmp_path):
    words = ["--data", flowers, "--views", 10, "--json", tmp_path / "e", "--batch-size", 2]
    out = tool("eval", "--weights", trained / "best.safetensors", *words).stdout
    figures = json.loads((tmp_path / "e").read_text())
    assert (figures["views"], figures["count"]) == (10, 5)
    assert "10 view(s) each" in out


def test_infer_shows_and_goes_on_after_a_bad_file(tool, trained, val, tmp_path):
    (tmp_path / "花.jpg").write_bytes(Path(next(iter(val))).read_bytes())
    (tmp_path / "bad.jpg").write_text("no image")
    weights = trained / "best.safetensors"
    done = tool("infer", "--weights", weights, ".", "--save-dir", "out", cwd=tmp_path, code=1)
    assert "bad.jpg" in done.stderr
    assert "花.jpg" in done.stdout
    assert os.listdir(tmp_path / "out") == ["花.annotated.jpg"]
    done = tool("infer", "--weights", weights, "花.jpg", "--json", "-", "--top-k", 2, cwd=tmp_path)
    (row,) = json.loads(done.stdout)
    assert set(row) == {"file_name", "class_ids", "scores", "label_names"}
    assert len(row["class_ids"]) == 2


def test_results_that_cannot_be_written_cost_themselves(tool, trained, val, tmp_path):
    """A folder is where one annotated image should be, and the output of before is no image."""
    image = Path(next(iter(val))).read_bytes()
    for name in ("a.jpg", "b.jpg", "花" * 82 + ".jpg"):
        (tmp_path / name).write_bytes(image)
    (tmp_path / "a.annotated.jpg").mkdir()
    words = ["--weights", trained / "best.safetensors", "."]
    into = ["--save-dir", ".", "--jsonl", "out.jsonl", "--json", "out.json"]
    done = tool("infer", *words, *into, cwd=tmp_path, code=1)
    assert "a.annotated.jpg" in done.stderr
    assert "1 of 3 files are left out" in done.stderr
    assert len(done.stdout.splitlines()) == 3
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == json.loads((tmp_path / "out.json").read_text())
    again = tool("infer", *words, "--jsonl", "-", cwd=tmp_path)
    assert again.stdout.splitlines() == lines
    assert "were not looked at: '.' (4: .annotated.jpg, " in again.stderr


def test_ctrl_c_keeps_what_is_done(environment, trained, val, tmp_path):
    """The output is a pipe, so that the tool is in the midst of its work."""
    (tmp_path / "in").mkdir()
    image = Path(next(iter(val))).read_bytes()
    for number in range(2000):
        (tmp_path / "in" / f"{number}.jpg").write_bytes(image)
    words = ["--weights", trained / "best.safetensors", "in", "--json", "out.json"]
    process = subprocess.Popen(
        [sys.executable, *map(str, [TOOLS / "infer.py", *words, "--batch-size", 1])],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    shown = [process.stdout.readline() for _ in range(5)]
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.endswith("error: stopped by Ctrl-C\n")
    rows = json.loads((tmp_path / "out.json").read_text())
    assert 0 <= len(rows) - len(shown) - len(out.splitlines()) <= 1
    assert len(rows) < 2000


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--weights", "no.safetensors", "."], 1, "no image"),
        (["--weights", "no.safetensors", __file__], 1, "no.safetensors"),
        (["--weights", __file__, __file__], 1, "safetensors"),
        (["--weights", "x", __file__, "--top-k", "0"], 2, "--top-k"),
        (["--weights", "x", __file__, "--device", "gpu:99"], 2, "GPU"),
        ([__file__], 2, "--weights"),
        (["--weights", "x", __file__, "--json", "a", "--jsonl", "a"], 2, "written over"),
        (["--weights", "x", __file__, "--jsonl", __file__], 2, "written over"),
    ],
)
def test_mistakes(tool, tmp_path, words, code, message):
    assert message in tool("infer", *words, cwd=tmp_path, code=code).stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--max-unusable", "nan"], "expected 0 to 1"),
        (["--max-unusable", "-1"], "expected 0 to 1"),
        (["--mistakes", "-"], "--mistakes"),
        (["--json", "w"], "written over"),
    ],
)
def test_mistakes_of_eval(tool, tmp_path, words, message):
    done = tool("eval", "--weights", "w", "--data", ".", *words, cwd=tmp_path, code=2)
    assert message in done.stderr


def test_eval_of_classes_that_the_weights_do_not_know(tool, trained, tmp_path, write_png):
    import numpy as np

    write_png(tmp_path / "cats" / "1.png", np.random.default_rng(0))
    words = ["--weights", trained / "best.safetensors", "--data", tmp_path]
    assert "'cats'" in tool("eval", *words, code=1).stderr


def test_eval_of_weights_that_overflow(tool, trained, flowers, tmp_path):
    from paddle_alexnet.nets.weights import read_weights, write_weights

    arrays, description = read_weights(trained / "best.safetensors")
    arrays = {name: array * 1e25 for name, array in arrays.items()}
    write_weights(tmp_path / "w.safetensors", arrays, description)
    words = ["--weights", tmp_path / "w.safetensors", "--data", flowers, "--json", tmp_path / "e"]
    assert "not finite" in tool("eval", *words, code=1).stderr
    assert not (tmp_path / "e").exists()


@pytest.mark.slow
def test_eval_of_many_classes_shows_the_worst(tool, trained, flowers, tmp_path):
    import dataclasses

    import numpy as np

    from paddle_alexnet.nets.weights import read_weights, write_weights

    arrays, description = read_weights(trained / "best.safetensors")
    for name, array in arrays.items():  # 25 more classes, with logits of 0
        if array.shape[-1] == 5 and array.ndim <= 2:
            arrays[name] = np.concatenate([array, np.zeros((*array.shape[:-1], 25), "f4")], -1)
    classes = (*description.classes, *(f"other {i}" for i in range(25)))
    description = dataclasses.replace(description, classes=classes)
    write_weights(tmp_path / "w.safetensors", arrays, description)
    words = ["--weights", tmp_path / "w.safetensors", "--data", flowers, "--json", tmp_path / "e"]
    out = tool("eval", *words).stdout
    assert "true class" not in out
    assert "other" not in out  # there are no images of them
    assert json.loads((tmp_path / "e").read_text())["classes"]["other 3"]["f1"] is None


def test_class_names_made_to_harm_are_escaped_wherever_they_are_shown(
    tool, trained, flowers, tmp_path
):
    """A line break or a code of the terminal in a name could show what was not found."""
    import dataclasses

    from paddle_alexnet.nets.weights import read_weights, write_weights

    arrays, description = read_weights(trained / "best.safetensors")
    evil = ("\x1b[2J\n99.99% daisy", "a\u202eb\x9b31m", "<script>", "\x00" * 500, "\u2028雏菊")
    description = dataclasses.replace(description, classes=evil)
    write_weights(tmp_path / "evil.safetensors", arrays, description)
    image = next((flowers / "daisy").iterdir())
    (tmp_path / "evil\x1b[31m\n.jpg").write_bytes(image.read_bytes())
    words = ["--weights", "evil.safetensors", "evil\x1b[31m\n.jpg"]
    shown = ["--save-dir", "out", "--logdir", "log"]
    plain = tool("infer", *words, *shown, "--top-k", 5, cwd=tmp_path)
    text = tool("infer", *words, "--json", "-", cwd=tmp_path)
    (tmp_path / "1.png").write_bytes(image.read_bytes())
    (tmp_path / "list.txt").write_text("1.png 0")
    words = ["--weights", "evil.safetensors", "--data", ".", "--list", "list.txt"]
    measured = tool("eval", *words, cwd=tmp_path)
    unknown = tool("eval", "--weights", "evil.safetensors", "--data", flowers, cwd=tmp_path, code=1)
    for done in (plain, text, measured, unknown):
        for output in (done.stdout, done.stderr):
            for line in output.split("\n"):
                assert all(c.isprintable() for c in line), line
    assert len(plain.stdout.splitlines()) == 1
    assert r"\n99.99% daisy" in plain.stdout
    assert len(measured.stdout.splitlines()) == 15  # a table and a matrix of five classes
    assert "do not know" in unknown.stderr
    (row,) = json.loads(text.stdout)
    assert set(row["label_names"]) == set(evil)  # escaped, but the same
