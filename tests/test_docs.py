"""README, docs and configurations: lengths, links, code references, commands and wording."""

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from paddle_alexnet.config.load import describe_keys, read_config

TOP = Path(__file__).parent.parent
PAGES = [*sorted(TOP.glob("*.md")), *sorted((TOP / "docs").glob("*.md"))]
CONFIGS = sorted((TOP / "configs").rglob("*.yml"))
FORBIDDEN = [
    r"seed 00",
    r"seed00",
    r"is told by",
    r"taken for what",
    r"not yet believed",
    r"is no such",
    r"(?<![/\w])pictures\b(?![/.])",  # image, but in names of files
]
# The old name of an init is still read, and the pages say so.
EXCEPT = {("docs/init.md", "seed00"), ("docs/init_cn.md", "seed00"), ("CHANGELOG.md", "seed00")}
CHINESE = [page for page in PAGES if page.stem.endswith("_cn")]

_spec = importlib.util.spec_from_file_location("paper_lines", TOP / "tools" / "paper_lines.py")
paper_lines = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(paper_lines)


def name_of(path):
    return str(path.relative_to(TOP))


def without_code_blocks(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def references(page):
    return sorted(set(paper_lines.REFERENCE.findall(page.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("name", ["README.md", "README_cn.md"])
def test_readme_is_short(name):
    lines = (TOP / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    assert [line for line in lines if len(line) > 120] == []


@pytest.mark.parametrize("name", ["README.md", "README_cn.md"])
def test_accuracies_of_the_readme_are_those_of_the_results(name):
    found = re.findall(r"\d+\.\d ± \d\.\d", (TOP / name).read_text(encoding="utf-8"))
    results = (TOP / "docs" / "results.md").read_text(encoding="utf-8")
    assert len(found) == 5
    assert [figure for figure in found if figure not in results] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_outside_tables_and_blocks_have_at_most_120_characters(page):
    lines = without_code_blocks(page.read_text(encoding="utf-8")).splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith(("|", "["))] == []


ALL_REFERENCES = [(page, *reference) for page in PAGES for reference in references(page)]


def test_the_pages_about_the_code_have_references():
    with_references = {name_of(page) for page, _, _ in ALL_REFERENCES}
    assert {f"docs/{page}.md" for page in ("architecture", "architecture_cn")} < with_references
    assert {f"docs/{page}.md" for page in ("paper", "paper_cn")} < with_references


@pytest.mark.parametrize(
    ("page", "path", "name"), ALL_REFERENCES, ids=lambda value: Path(value).name
)
def test_code_reference_resolves(page, path, name):
    line = paper_lines.find_line(TOP / path, name)
    assert line is not None, f"{name_of(page)}: no {name} in {path}"
    source = (TOP / path).read_text(encoding="utf-8").splitlines()[line - 1]
    assert re.search(rf"(class |def |^\s*){name.split('.')[-1]}\b", source)
    # The link has a target, so that the page shows it as one; its line may have moved.
    assert f"[`{path}:{name}`]: " in page.read_text(encoding="utf-8")


def test_line_numbers_are_written_and_missing_names_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(paper_lines, "TOP", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "a.py").write_text("X = 1\n\n\nclass A:\n    def b(self):\n        pass\n")
    page = tmp_path / "docs" / "page.md"
    text = "See [`a.py:A.b`], [`a.py:X`], [`a.py:A.c`] and [`b.py:X`].\n"
    after, unresolved = paper_lines.with_lines(page, text)
    targets = "[`a.py:A.b`]: ../a.py#L5\n[`a.py:X`]: ../a.py#L1\n"
    assert after == f"{text}\n{paper_lines.MARK}\n\n{targets}"
    assert unresolved == ["a.py:A.c", "b.py:X"]
    assert paper_lines.with_lines(page, after) == (after, unresolved)


def anchors(page):
    """GitHub's anchors of a page's headings."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", without_code_blocks(page.read_text("utf-8")), re.M):
        text = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(text.replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_images_exist(page):
    text = without_code_blocks(page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", text, flags=re.MULTILINE)
    for target in (one or other for one, other in targets):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor and not re.fullmatch(r"L\d+", anchor):
            assert anchor in anchors(file), target


def commands(page):
    """Command lines of a page, in blocks and in code spans: (tools/NAME.py, its options)."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", without_code_blocks(text))
    for line in [*"\n".join(blocks).replace("\\\n", " ").splitlines(), *spans]:
        command = re.search(r"(tools/(?:\w+/)*\w+\.py)(.*)", line)
        if command and command[1] != "tools/NAME.py" and command[2][:1] != ":":
            yield command[1], re.findall(r"(?<![\w-])(--[a-z][\w-]*)", command[2])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_their_options_exist(page):
    for tool, options in commands(page):
        assert (TOP / tool).is_file(), tool
        source = (TOP / tool).read_text(encoding="utf-8")
        source += (TOP / "tools" / "_entry.py").read_text(encoding="utf-8")  # shared options
        for option in options:
            assert f'"{option}"' in source or option == "--help", f"{tool} {option}"


TOOLS = sorted((TOP / "tools").glob("[a-z]*.py"))


@pytest.mark.parametrize("tool", TOOLS, ids=name_of)
def test_every_option_is_explained(tool):
    text = (TOP / "docs" / "commands.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {tool.name}\n")[1].split("\n## ")[0]
    source = tool.read_text(encoding="utf-8")
    calls = re.findall(r'add_argument\(\s*((?:"[^"]+",?\s*)+)', source)
    options = re.findall(r'"(--[a-z][\w-]*)"', "".join(calls))
    if "add_max_pixels" in source:
        options.append("--max-pixels")
    assert [option for option in options if f"{option}" not in section] == []


def test_every_key_is_explained_with_its_default():
    text = (TOP / "docs" / "commands.md").read_text(encoding="utf-8")
    keys = text.split("\n## Configuration keys\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+\.\w+)` \| ([^|]*) \|", keys, flags=re.MULTILINE)
    assert listed == [(key, default) for key, default, _ in describe_keys()]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_keys_given_in_commands_exist(page):
    known = {key for key, *_ in describe_keys()}
    used = re.findall(r"-o (\w+\.\w+)=", page.read_text(encoding="utf-8"))
    assert set(used) - known == set()


@pytest.mark.parametrize("path", [*PAGES, *CONFIGS], ids=name_of)
def test_plain_words(path):
    text = path.read_text(encoding="utf-8")
    for phrase in FORBIDDEN:
        if (name_of(path), phrase) not in EXCEPT:
            found = re.search(rf".*{phrase}.*", text, flags=re.IGNORECASE)
            assert found is None, found[0]


def test_examples_of_contributing_run(tmp_path, monkeypatch):
    """Each adds an entry to a registry, as a program outside the package would."""
    from paddle_alexnet.data import sources, transforms
    from paddle_alexnet.nets import registry
    from paddle_alexnet.training import schedule

    for module, name in (
        *((registry, "MODELS"), (transforms, "AUGMENTATIONS")),
        *((schedule, "SCHEDULES"), (sources, "DATA_SOURCES")),
    ):
        monkeypatch.setattr(module, name, dict(getattr(module, name)))
    text = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        exec(compile(block, "CONTRIBUTING.md", "exec"), names)

    assert registry.build_model("tiny", 10)(paddle.zeros([2, 3, 24, 24])).shape == [2, 10]
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    flip = transforms.AUGMENTATIONS["vertical_flip"](SimpleNamespace(vertical_flip=True), None)
    flipped = [(flip(image, np.random.default_rng(seed)) != image).any() for seed in range(20)]
    assert 0 < sum(flipped) < 20
    config = read_config(TOP / "configs" / "alexnet.yml", ["schedule.name=exponential"])
    rates = schedule.build_schedule(config, batches_per_epoch=10)
    expected = [config.optimizer.lr * config.schedule.factor**epoch for epoch in (3, 4)]
    assert [rates.lr(step) for step in (39, 40)] == pytest.approx(expected)
    images = np.zeros((5, 32, 32, 3), np.uint8)
    arrays = {"train_images": images, "val_images": images[:2], "classes": np.array(["a", "b"])}
    labels = {"train_labels": np.array([0, 1, 0, 1, 1]), "val_labels": np.array([1, 0])}
    np.savez(tmp_path / "cifar10.npz", **arrays, **labels)
    config = read_config(TOP / "configs" / "alexnet.yml", [f"data.root={tmp_path}"])
    data = sources.DATA_SOURCES["cifar10"](config)
    assert (len(data.train), len(data.val), data.train.label(4)) == (5, 2, 1)


def test_chinese_pages_are_linked_both_ways():
    assert {page.stem for page in CHINESE} == {
        *(
            "README_cn",
            "init_cn",
            "results_cn",
            "architecture_cn",
            "paper_cn",
            "board_cn",
            "claims_cn",
            "inside_cn",
        )
    }
    for page in CHINESE:
        english = page.with_name(page.name.replace("_cn", ""))
        assert f"({page.name})" in english.read_text(encoding="utf-8")
        assert f"({english.name})" in page.read_text(encoding="utf-8")


def test_chinese_pages_have_the_figures_of_the_english_ones():
    """Accuracies, counts and commits of the tables, in whatever order."""
    for name in ("init", "results"):
        english, chinese = (
            set(re.findall(r"\d+\.\d+|\b[0-9a-f]{7}\b", (TOP / "docs" / page).read_text("utf-8")))
            for page in (f"{name}.md", f"{name}_cn.md")
        )
        assert english == chinese
