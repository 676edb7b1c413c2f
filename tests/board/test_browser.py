"""The board of two runs as Chromium draws it, tab by tab."""

import io
import math
import threading

import numpy as np
import pytest
from PIL import Image

from paddle_alexnet.board.server import make_board
from paddle_alexnet.board.writer import BoardWriter
from paddle_alexnet.data.preprocessing import Preprocessing
from paddle_alexnet.data.synthetic_flowers import draw_flower_folder
from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.nets.registry import MODELS, Model
from tests import browser
from tests.conftest import TINY, TINY_SIDE
from tests.tiny_run import tiny_run

pytestmark = browser.marks

# A folder may have any name.
MARKUP = "<img src=x onerror=console.error('Uncaught','by','name')>"
RUNS = ("a-run-with-a-long-name-1", "a-run-with-a-long-name-2")
EPOCHS = 2
TABS = {
    "/app/scalar": "1-epoch",
    "/app/sample/image": "confusion",
    "/app/sample/text": "text",
    "/app/histogram": "activations",
    "/app/pr-curve": "pr",
    "/app/roc-curve": "roc",
    "/app/high-dimensional": "Points",
    "/app/hyper-parameter": "Trial ID",
    "/app/graph/dynamic_graph": "Model Properties",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two finished runs; the learning rates differ."""
    root = tmp_path_factory.mktemp("board")
    flowers = root / "flowers"
    draw_flower_folder(flowers, per_species=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "tiny", Model(TINY, Preprocessing(TINY_SIDE, resize=36)))
        yield [
            tiny_run(
                flowers,
                root / "logs" / name,
                **{
                    "log": {"level": "full"},
                    "train": {"epochs": EPOCHS, "log_every_steps": 2},
                    "optimizer": {"lr": lr},
                },
            ).directory
            for name, lr in zip(RUNS, (0.01, 0.02), strict=True)
        ]


@pytest.fixture(scope="module")
def board(serving, runs):
    with serving(runs[0].path.parent) as address:
        yield address


@pytest.fixture
def page(chromium):
    page = browser.open_page(chromium)
    yield page
    page.close()


def show(page, address):
    page.goto(address)
    page.get_by_text("VisualDL").first.wait_for()
    return page


def last_value(run, key):
    return read_metrics(run.metrics)[-1][key]


def colors(page, locator):
    """How many pixels of each part of a drawing are coloured, from left to right."""
    with Image.open(io.BytesIO(locator.screenshot())) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return ((pixels.max(axis=2) - pixels.min(axis=2)) > 60).sum(axis=0)


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_opens_without_an_error_and_fits(page, board, tab):
    show(page, board + tab).get_by_text(TABS[tab], exact=tab.endswith("curve")).first.wait_for()
    page.wait_for_timeout(1500)
    assert page.faults == []
    assert browser.is_as_wide_as_the_window(page)


def test_it_opens_on_loss_and_accuracy(page, board, runs):
    show(page, board).get_by_text("1-epoch").first.wait_for()
    assert page.url == f"{board}/app/scalar"
    for name in RUNS:
        assert page.get_by_text(name).first.is_visible()


def test_a_curve_ends_where_the_run_ended(page, board, runs):
    """The page's own smoothing of 0.6 would show another value."""
    show(page, f"{board}/app/scalar").get_by_text("1-epoch").first.wait_for()
    chart = page.locator("canvas").first
    chart.wait_for()
    box = chart.bounding_box()
    tooltip = page.locator("table", has_text="Smoothed")
    for place in (0.9, 0.92, 0.88):
        page.mouse.move(box["x"] + box["width"] * place, box["y"] + box["height"] / 2)
        page.wait_for_timeout(800)
        if tooltip.count():
            break
    rows = tooltip.inner_text().split("\n")[1:]
    for run, row in zip(runs, [row for row in rows if "a-run" in row], strict=True):
        smoothed, value = browser.numbers(row)[:2]
        assert smoothed == value == pytest.approx(last_value(run, "val/top1"), abs=1e-4)


def test_the_hyper_parameter_table_has_values(page, board, runs):
    show(page, f"{board}/app/hyper-parameter").get_by_text("1-epoch/loss_val").first.wait_for(
        state="attached"
    )
    cells = page.locator("[role=cell]").all_inner_texts()
    for name, run, lr in zip(RUNS, runs, ("0.01", "0.02"), strict=True):
        (row,) = [cells[i : i + 13] for i, text in enumerate(cells) if text.strip() == name]
        assert row[1:3] == ["tiny", "1"]
        assert row[5] == lr
        assert float(row[11]) == pytest.approx(last_value(run, "val/top1"), rel=1e-5)


def test_parallel_coordinates_are_drawn(page, board):
    show(page, f"{board}/app/hyper-parameter").get_by_text("Parallel Coordinates View").click()
    names = page.locator("svg g.grid .indicator text")
    names.first.wait_for(state="attached")
    texts = [name.text_content() for name in names.all()]
    assert texts[:3] == ["net", "width", "init"]
    # Too long for their columns: their ends are shown.
    assert all(text.startswith("…") and text.endswith("_val") for text in texts[-2:])
    lines = page.locator("svg path.line").all()
    assert len(lines) == len(RUNS)
    assert lines[0].get_attribute("d") != lines[1].get_attribute("d")
    assert page.faults == []


def test_the_scatter_matrix_is_drawn(page, board):
    show(page, f"{board}/app/hyper-parameter").get_by_text("Scatter Plot Matrix View").click()
    page.locator("svg circle, svg .dot, svg path").first.wait_for(state="attached")
    assert page.faults == []


def test_histograms_have_bars(page, board):
    show(page, f"{board}/app/histogram").get_by_text("activations").first.wait_for()
    page.wait_for_timeout(2500)
    filled = colors(page, page.locator("canvas").first)
    assert (filled > 0).sum() > 50


@pytest.mark.parametrize(
    ("kind", "titles"), [("pr", ("Precision", "Recall")), ("roc", ("TPR", "FPR"))]
)
def test_a_curve_names_its_axes_and_numbers(page, board, kind, titles):
    show(page, f"{board}/app/{kind}-curve").get_by_text(kind, exact=True).wait_for()
    chart = page.locator("canvas").first
    chart.wait_for()
    page.wait_for_timeout(1500)
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    tooltip = page.locator("table", has_text="Threshold")
    tooltip.wait_for()
    heads = tooltip.locator("th").all_inner_texts()
    assert [head.strip() for head in heads if head.strip()][2:4] == list(titles)
    rows = tooltip.locator("tr").all_inner_texts()[1:]
    assert any(RUNS[0][:8] in row for row in rows)
    for row in rows:
        first, second = browser.numbers(row)[-2:] if "." in row else (0, 0)
        assert 0 <= first <= 1 and 0 <= second <= 1


def test_a_precision_recall_curve_does_not_start_at_zero(chromium, serving, tmp_path):
    """Precision is 1 where nothing is chosen; a line from (0, 0) would be false."""
    with BoardWriter(tmp_path / "perfect") as writer:
        writer.curves("daisy", np.array([1, 1, 0, 0]), np.array([0.9, 0.8, 0.2, 0.1]), 1)
    with serving(tmp_path) as address:
        page = show(browser.open_page(chromium), f"{address}/app/pr-curve")
        page.locator("canvas").first.wait_for()
        page.wait_for_timeout(2500)
        with Image.open(io.BytesIO(page.locator("canvas").first.screenshot())) as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        page.close()
    blue = (pixels.max(axis=2) - pixels.min(axis=2)) > 60
    left = np.flatnonzero(blue.any(axis=0))[:20]
    rows = np.flatnonzero(blue[:, left].any(axis=1))
    assert rows.max() < blue.shape[0] / 2  # the curve's left end is at the top


def test_texts_keep_their_lines(page, board):
    show(page, f"{board}/app/sample/text").get_by_text("text/configuration").first.wait_for()
    text = page.locator(".text[title]").first
    text.wait_for()
    assert text.evaluate("element => getComputedStyle(element).whiteSpace") == "pre-wrap"
    assert text.bounding_box()["height"] > 400  # of one line: 20
    assert "\n  source: null\n" in text.inner_text()


def test_images_open_at_the_last_step(page, board):
    show(page, f"{board}/app/sample/image").get_by_text("confusion/counts").first.wait_for()
    page.get_by_text(f"Sample: {EPOCHS}/{EPOCHS}").first.wait_for()
    image = page.locator("img[src^=blob]").first
    image.wait_for()
    assert image.evaluate("element => element.naturalWidth") >= 560


def test_embeddings_are_points(page, board, runs):
    show(page, f"{board}/app/high-dimensional").get_by_text("Points").wait_for()
    page.get_by_text("Total variance described").wait_for()
    assert page.get_by_text(f"{RUNS[0]}/block7").first.is_visible()
    page.wait_for_timeout(2500)
    count = int(page.get_by_text("Points:").inner_text().split("Points: ")[1].split("T")[0])
    assert count > 5
    described = browser.numbers(page.get_by_text("Component #1:").inner_text())
    assert 0 < described[0] <= 100
    with Image.open(io.BytesIO(page.locator("canvas").first.screenshot())) as image:
        dark = np.asarray(image.convert("L")) < 150
    assert dark.sum() > 10 * count
    assert page.faults == []


def test_the_components_are_numpys(page, board):
    """The page's own library for this is refused by the board's Content-Security-Policy."""
    show(page, f"{board}/app/scalar")
    rows = np.random.default_rng(0).standard_normal((30, 6)) * [5, 4, 3, 2, 1, 0.5]
    got = page.evaluate(
        """async ([values, width]) => {
            const pca = await import('/app/_dist_/resource/high-dimensional/pca.js');
            return pca.default(new Float32Array(values), width, 3);
        }""",
        [rows.flatten().tolist(), rows.shape[1]],
    )
    _, values, axes = np.linalg.svd(rows / math.sqrt(len(rows)), full_matrices=False)
    np.testing.assert_allclose(got["variance"], (values**2 / (values**2).sum())[:3], rtol=1e-5)
    want = np.abs(rows @ axes[:3].T)  # a component may point either way
    np.testing.assert_allclose(np.abs(got["vectors"]), want, atol=1e-4)


def test_the_graph_is_drawn(page, board):
    show(page, f"{board}/app/graph/dynamic_graph").get_by_text("Model Properties").wait_for()
    graph = page.frame_locator("iframe")
    graph.get_by_text("AlexNet").first.wait_for(state="attached")
    assert page.faults == []


def test_a_board_at_a_path_of_a_proxy(chromium, runs):
    server = make_board(runs[0].path.parent, "127.0.0.1", 0, prefix="/a/board")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    page = browser.open_page(chromium)
    show(page, f"http://127.0.0.1:{server.server_port}/a/board/")
    page.get_by_text("1-epoch").first.wait_for()
    assert page.url.endswith("/a/board/app/scalar")
    assert page.faults == []
    page.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_names_of_folders_and_curves_are_text(chromium, serving, tmp_path):
    with BoardWriter(tmp_path / MARKUP) as writer:
        writer.scalar(MARKUP, 0.5, 1)
    with serving(tmp_path) as address:
        page = show(browser.open_page(chromium), f"{address}/app/scalar")
        page.get_by_text(MARKUP).first.wait_for()
        assert page.locator("img[src=x]").count() == 0
        assert page.faults == []
        page.close()


def test_the_page_contacts_no_other_server(page, board):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    show(page, f"{board}/app/scalar").get_by_text("1-epoch").first.wait_for()
    assert [url for url in asked if not url.startswith((board, "data:", "blob:"))] == []
