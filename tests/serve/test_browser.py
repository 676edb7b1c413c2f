"""The page as Chromium shows it: images by every way in, bars, heat map, errors, accessibility."""

import base64
import io

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from paddle_alexnet.data.decode import read_image
from paddle_alexnet.explain.heat_maps import grad_cam
from paddle_alexnet.figures.heat import overlay
from paddle_alexnet.serve.words import LANGUAGES
from tests import browser

pytestmark = browser.marks

LIMITS = {"body": 400_000, "pixels": 100_000, "memory": 3_000_000}
# A File of the page, from base64.
FILE = """([data, name, type]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
}"""


@pytest.fixture
def open_at(chromium, run, make_app, index):
    """A function that opens the page of a new server; options are those of a browser's context."""
    contexts = []

    def open_at(explains=True, width=1280, **options):
        app = make_app(explains=explains, index=index if explains else None, **LIMITS)
        running = run(app, shared=app.memory, **LIMITS)
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, **options))
        page = browser.watched(contexts[-1].new_page())
        page.goto(running.address)
        return page

    yield open_at
    for context in contexts:
        context.close()


@pytest.fixture
def photo(flowers):
    """Path, pixels."""
    path = sorted(map(str, flowers.glob("*/*")))[7]
    return path, read_image(path)


def wait_for_result(page):
    page.locator("#result").wait_for()


def bars(page):
    """Name and percentage beside each bar, and the bar's share of the width."""
    rows = []
    for row in page.locator("#scores li").all():
        name, percent = row.locator("span").all_inner_texts()
        whole, bar = row.bounding_box(), row.locator(".bar").bounding_box()
        rows.append((name, percent, bar["width"] / whole["width"]))
    return rows


def assert_bars(page, classifier, image):
    scores = classifier.scores([image])[0]
    best = np.argsort(-scores)[:5]
    got = bars(page)
    assert [name for name, _, _ in got] == [classifier.classes[i] for i in best]
    assert [text for _, text, _ in got] == [f"{100 * scores[i]:.1f}%" for i in best]
    assert [share for _, _, share in got] == pytest.approx([scores[i] for i in best], abs=0.01)


def assert_accessible(page):
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def pixels(page, selector):
    """An image of the page, uint8 RGB [H, W, 3]."""
    flat, height, width = page.locator(selector).evaluate(
        """async (image) => {
            await image.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
            return [Array.from(data), canvas.height, canvas.width];
        }"""
    )
    return np.array(flat, np.uint8).reshape(height, width, 4)[..., :3]


def test_by_file(open_at, classifier, photo, index):
    page = open_at()
    page.locator("#choose").set_input_files(photo[0])
    wait_for_result(page)
    assert_bars(page, classifier, photo[1])
    image = classifier.preprocessing(photo[1])
    best = int(np.argmax(classifier.scores([photo[1]])[0]))
    (heat,) = grad_cam(classifier.net, classifier.normalize, image[None], "block5", [best])
    np.testing.assert_array_equal(pixels(page, "#heat-map"), overlay(image, heat))
    assert classifier.classes[best] in page.locator("#heat-map").get_attribute("alt")
    assert pixels(page, "#image").shape == photo[1].shape
    neighbors = page.locator("#neighbors li").all()
    assert len(neighbors) == 6
    for neighbor in neighbors:
        assert neighbor.locator("img").evaluate("image => image.naturalWidth > 10")
    assert classifier.classes[best] in page.get_by_role("status").inner_text()
    assert_accessible(page)
    assert page.faults == []


def test_by_drop(open_at, classifier, photo):
    page = open_at()
    with open(photo[0], "rb") as file:
        data = base64.b64encode(file.read()).decode()
    dropped = page.evaluate_handle(FILE, [data, "a.jpg", "image/jpeg"])
    page.dispatch_event("main", "dragover", {"dataTransfer": dropped})
    assert page.locator("body.over").count() == 1
    page.dispatch_event("main", "drop", {"dataTransfer": dropped})
    wait_for_result(page)
    assert page.locator("body.over").count() == 0
    assert_bars(page, classifier, photo[1])
    assert page.faults == []


def test_by_paste(open_at, classifier, photo):
    """From the clipboard of the browser, by the keyboard."""
    page = open_at(permissions=["clipboard-read", "clipboard-write"])
    buffer = io.BytesIO()
    Image.fromarray(photo[1]).save(buffer, "PNG")
    page.evaluate(
        """async (data) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const blob = new Blob([bytes], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        base64.b64encode(buffer.getvalue()).decode(),
    )
    page.keyboard.press("Control+V")
    wait_for_result(page)
    assert_bars(page, classifier, photo[1])
    assert page.faults == []


def test_by_keyboard(open_at, classifier, photo):
    page, choosers = open_at(), []
    page.on("filechooser", lambda chooser: choosers.append(chooser))  # noqa: PLW0108 # by its signature
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "choose"
    outline = page.locator("label:focus-within")
    assert outline.evaluate("label => getComputedStyle(label).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    while not choosers:
        page.wait_for_timeout(50)
    choosers[0].set_files(photo[0])
    wait_for_result(page)
    assert_bars(page, classifier, photo[1])


def test_one_image_after_the_other(open_at, classifier, flowers):
    """The same again, too; what is shown is of the last."""
    page = open_at()
    paths = sorted(map(str, flowers.glob("*/*")))[:30:10]
    for path in (*paths, paths[-1]):
        page.locator("#choose").set_input_files(path)
        wait_for_result(page)
    assert_bars(page, classifier, read_image(paths[-1]))
    assert page.faults == []
    for path in paths:  # without waiting, which ends what is under way
        page.locator("#choose").set_input_files(path)
    wait_for_result(page)
    assert_bars(page, classifier, read_image(paths[-1]))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_no_image(open_at, tmp_path, photo, language):
    page = open_at(locale={"en": "en-US", "zh": "zh-CN"}[language])
    (tmp_path / "a.txt").write_text("no image")
    (tmp_path / "large.bin").write_bytes(bytes(LIMITS["body"] + 1))
    for name, status in (("a.txt", 415), ("large.bin", 413)):
        page.locator("#choose").set_input_files(tmp_path / name)
        page.get_by_role("alert").get_by_text(LANGUAGES[language][f"error_{status}"]).wait_for()
        assert not page.locator("#result").is_visible()
        assert page.get_by_role("status").inner_text() == ""
    assert_accessible(page)
    # The browser itself reports the answer of the one that was sent.
    assert all("415" in fault for fault in page.faults)
    page.locator("#choose").set_input_files(photo[0])
    wait_for_result(page)
    assert page.get_by_role("alert").inner_text() == ""


def test_a_server_that_is_gone(open_at, run, photo):
    page = open_at()
    page.context.set_offline(True)
    page.locator("#choose").set_input_files(photo[0])
    page.get_by_text(LANGUAGES["en"]["error_network"]).wait_for()


def test_a_graph_has_bars_and_says_why_nothing_else(open_at, classifier, photo):
    page = open_at(explains=False)
    page.locator("#choose").set_input_files(photo[0])
    wait_for_result(page)
    assert_bars(page, classifier, photo[1])
    assert page.get_by_text(LANGUAGES["en"]["no_heat_map"]).is_visible()
    assert page.locator("#heat-map, #neighbors").count() == 0
    assert_accessible(page)
    assert page.faults == []


def test_an_image_that_the_browser_cannot_show(open_at, classifier, tmp_path, photo):
    """Scores and heat map are there all the same."""
    path = str(tmp_path / "a.tif")
    small = np.ascontiguousarray(photo[1][:200, :200])
    cv2.imwrite(path, small[..., ::-1])
    page = open_at()
    page.locator("#choose").set_input_files(path)
    wait_for_result(page)
    assert_bars(page, classifier, small)
    page.locator("#image-part").wait_for(state="hidden")
    assert page.locator("#heat-map").is_visible()


def test_chinese_on_a_phone_in_the_dark(open_at, photo):
    page = open_at(width=390, locale="zh-CN", color_scheme="dark", has_touch=True, is_mobile=True)
    words = LANGUAGES["zh"]
    assert page.title() == page.locator("h1").inner_text() == words["title"]
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.get_by_text(words["photograph"]).is_visible()
    assert page.locator("#photograph").get_attribute("capture") == "environment"
    page.locator("#photograph").set_input_files(photo[0])
    wait_for_result(page)
    assert browser.is_as_wide_as_the_window(page)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, background[4:-1].split(","))) < 60
    assert_accessible(page)
    assert page.faults == []


def test_names_of_classes_are_text(open_at, classifier, photo):
    page = open_at()
    page.locator("#choose").set_input_files(photo[0])
    wait_for_result(page)
    assert page.locator("#result b").count() == 0
    assert page.get_by_text("<b>roses</b>").count() > 0
