"""List files of lines 'path label': what is read, and what is refused with the cure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddle_alexnet import FlowerFolder
from paddle_alexnet.data.list_files import read_lists
from paddle_alexnet.errors import DataError


@pytest.fixture
def root(tmp_path, write_png):
    rng = np.random.default_rng(0)
    for name in ("train/a/1.png", "train/a/two words.png", "val/2.png"):
        write_png(tmp_path / name, rng)
    (tmp_path / "train.txt").write_text("train/a/1.png 3\n\ntrain/a/two words.png 0\n")
    (tmp_path / "val.txt").write_text("val/2.png 1\n")
    return tmp_path


def lists(root, **settings):
    return read_lists(root, {"train": root / "train.txt", "val": root / "val.txt"}, **settings)


def test_lines_become_images_with_labels(root):
    listing = lists(root)
    assert listing.classes == ["0", "1", "2", "3"]
    assert listing.splits["train"] == [
        (str(root / "train/a/1.png"), 3),
        (str(root / "train/a/two words.png"), 0),
    ]
    assert listing.splits["val"] == [(str(root / "val/2.png"), 1)]
    image, label = FlowerFolder(listing, "train")[1]
    assert (image.shape, label) == ((24, 20, 3), 0)


def test_as_many_classes_as_are_asked_for(root):
    assert len(lists(root, num_classes=1000).classes) == 1000
    (root / "names.txt").write_text("tench\ngoldfish\nshark\nhen\n")
    assert lists(root, class_names=root / "names.txt").classes[3] == "hen"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train/a/1.png", "line 1: expected 'path label'"),
        ("train/a/1.png x", "line 1: expected 'path label'"),
        ("train/a/1.png -1", "line 1: expected 'path label'"),
        ("nowhere/1.png 0", "1 of 1 images do not exist: .*nowhere"),
        ("train/a/1.png 100000", "labels may be 0 to 99,999"),
        ("train/a/1.png " + "9" * 5000, "labels may be 0 to 99,999"),
        ("train/a/1.png ٣", "line 1: expected 'path label'"),  # a digit, but not one of ours
        ("train/a/1.png 0\na\0b 0", "line 2: expected 'path label'"),
        ("x" * 10**6, "line 1: expected 'path label'"),
        ("train/a/1.png,0", "by a space or a tab"),
        ('"train/a/1.png", 0', "by a space or a tab"),
        ("train/a/1.png;0", "by a space or a tab"),
        ("0 train/a/1.png", "the label comes last"),
        ("train/a/1.png daisy", r"data\.class_names"),
        (r"C:\\data\\1.png 0", "line 1: .*Windows.*relative to data.root"),
        (r"\\\\nas\\share\\1.png 0", "line 1: .*Windows"),
        ("train/a/1.png 0\ntrain/a/1.png 1", "1 images have several labels: .*a/1.png"),
        ("train/a/1.png 0\nval/./2.png 1", r"train\.txt and .*val\.txt have 1 images in common"),
        ("", "empty"),
    ],
)
def test_malformed_lines(root, line, words):
    (root / "train.txt").write_text(line + "\n")
    with pytest.raises(DataError, match=words):
        lists(root)


def test_labels_and_names_must_fit_the_number_of_classes(root):
    with pytest.raises(DataError, match="label 3, but there are 2 classes"):
        lists(root, num_classes=2)
    (root / "names.txt").write_text("tench\ngoldfish\n")
    with pytest.raises(DataError, match=r"names\.txt names 2 classes"):
        lists(root, num_classes=4, class_names=root / "names.txt")
    with pytest.raises(DataError, match="label 3, but there are 2"):
        lists(root, class_names=root / "names.txt")


def test_a_list_that_cannot_be_read(root):
    (root / "val.txt").unlink()
    with pytest.raises(DataError, match=r"val\.txt"):
        lists(root)
    (root / "val.txt").write_bytes(b"\xff\xfe 1\n")
    with pytest.raises(DataError, match=r"val\.txt"):
        lists(root)


@pytest.mark.parametrize(
    "text",
    [
        "train/a/1.png\t3\r\n\r\ntrain/a/two words.png\t0\r\n",
        "train/a/1.png  3\rtrain/a/two words.png 0",
        '"train/a/1.png" 3\n\'train/a/two words.png\' "0"\n',
        "train\\a\\1.png 3\ntrain\\a\\two words.png \t 0 \n",
        "\ufefftrain/a/1.png 3\ntrain/a/two words.png 0\n",
    ],
)
def test_lists_of_other_systems_and_programs(root, text):
    want = lists(root).splits["train"]
    (root / "train.txt").write_bytes(text.encode())
    assert lists(root).splits["train"] == want


def test_a_name_with_a_backslash_stays(root, write_png):
    write_png(root / "a\\b.png", np.random.default_rng(1))
    (root / "train.txt").write_text("a\\b.png 0\n")
    assert lists(root).splits["train"] == [(str(root / "a\\b.png"), 0)]


def test_a_name_with_a_tab_stays(root, write_png):
    write_png(root / "a\tb.png", np.random.default_rng(1))
    (root / "train.txt").write_text("a\tb.png\t0\n")
    assert lists(root).splits["train"] == [(str(root / "a\tb.png"), 0)]


NAMES = st.text("ab .,\t'é花-", min_size=1, max_size=8).map(lambda text: f"x{text}x")


@given(st.dictionaries(NAMES, st.integers(0, 99), min_size=1, max_size=12), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory, labels, data):
    """Names with anything but runs of spaces at their end, in every usual spelling of a line."""
    root = tmp_path_factory.mktemp("lists")
    space, quote, end = (
        data.draw(st.sampled_from(kinds))
        for kinds in ([" ", "\t", "  "], ["", '"'], ["\n", "\r\n"])
    )
    for name in labels:
        (root / name).touch()
    lines = (f"{quote}{name}{quote}{space}{label}" for name, label in labels.items())
    (root / "list.txt").write_bytes(end.join(lines).encode())
    got = read_lists(root, {"val": root / "list.txt"})
    assert got.splits["val"] == [(str(root / name), label) for name, label in labels.items()]


def test_images_that_do_not_exist_are_found_at_the_start(root):
    """In folders of few and of many images; links that lead nowhere are no images."""
    folder = root / "many"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.png").touch()
    (folder / "broken.png").symlink_to("nowhere")
    (folder / "linked.png").symlink_to("1.png")
    names = [f"many/{number}.png" for number in range(32)] + ["many/broken.png", "many/linked.png"]
    lines = [*names, "val/2.png", "val/3.png", "none/4.png"]
    (root / "val.txt").write_text("".join(f"{name} 0\n" for name in lines))
    with pytest.raises(DataError, match=r"val\.txt: 5 of 37 images do not exist") as caught:
        lists(root)
    for name in ("many/30.png", "many/31.png", "many/broken.png", "val/3.png", "none/4.png"):
        assert f"{root / name}'" in str(caught.value)


def test_the_cure_names_the_root_that_fits(root):
    inner = root / "train"
    with pytest.raises(DataError, match=rf"they are in {root}: set data\.root={root} "):
        read_lists(inner, {"train": root / "train.txt"})
    (root / "train.txt").write_text("nowhere.png 0\n")
    with pytest.raises(DataError, match=r"correct data\.root, or take their lines out"):
        lists(root)


def test_marks_are_of_path_and_size(root):
    before = lists(root).marks("train")
    assert len(set(before.tolist())) == 2
    np.testing.assert_array_equal(lists(root).marks("train"), before)
    (root / "train/a/1.png").write_bytes(b"another image of that name")
    assert (lists(root).marks("train") == before).tolist() == [False, True]


def test_all_faults_of_lists_are_named_at_once(root):
    (root / "val.txt").write_text("train/a/1.png 0\nval/no.png 1\ntrain/a/1.png 2\n")
    with pytest.raises(DataError) as caught:
        lists(root)
    text = str(caught.value)
    for words in ("1 of 3 images do not exist", "1 images have several labels", "in common"):
        assert words in text


def test_an_image_that_is_listed_twice(root, caplog):
    (root / "train.txt").write_text("train/a/1.png 3\ntrain//a/1.png 3\n")
    assert len(lists(root).splits["train"]) == 2
    assert "1 images are listed twice" in caplog.text


def test_labels_that_begin_at_1(root):
    (root / "train.txt").write_text("train/a/1.png 1\ntrain/a/two words.png 2\n")
    (root / "names.txt").write_text("tench\ngoldfish\n")
    with pytest.raises(DataError, match="begin at 1: subtract 1"):
        lists(root, class_names=root / "names.txt")


def test_a_list_that_is_not_utf8(root):
    (root / "val.txt").write_bytes("val/2.png 1\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"val\.txt: it is UTF-16: save it as UTF-8"):
        lists(root)
