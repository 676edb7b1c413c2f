"""The report as Chromium draws it, from the disk."""

import pytest
from playwright.sync_api import sync_playwright

from paddle_alexnet.log.metrics import read_metrics
from paddle_alexnet.results.report import write_report
from tests import browser
from tests.tiny_run import tiny_run

pytestmark = browser.marks


@pytest.fixture
def reports(flowers, tiny, tmp_path):
    """Two groups of runs of two seeds, in both languages."""
    runs = [
        tiny_run(
            flowers,
            tmp_path / "runs" / f"width-{width}-seed-{seed}",
            train={"epochs": 2, "seed": seed},
            model={"width": width},
        ).directory
        for width in (1.0, 0.5)
        for seed in (0, 1)
    ]
    paths = [run.path for run in runs]
    return runs, {lang: write_report(paths, tmp_path / lang, lang) for lang in ("en", "zh")}


def test_the_report(reports):
    runs, pages = reports
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser.CHROMIUM, args=browser.FLAGS)
        for language, path in pages.items():
            for width in (1280, 390):
                page = browser.open_page(chromium, width)
                page.goto(path.as_uri())
                assert browser.is_as_wide_as_the_window(page)
                images = page.locator("img")
                assert images.count() >= 2 + 4 * len(runs)
                for image in images.all():
                    assert image.evaluate("i => i.complete && i.naturalWidth > 100")
                    assert image.evaluate("i => i.getBoundingClientRect().width") <= width
                rows = page.locator("#runs tbody tr")
                assert rows.count() == len(runs)
                for run, row in zip(runs, rows.all(), strict=True):
                    best = max(metrics["val/top1"] for metrics in read_metrics(run.metrics))
                    cells = row.locator("td").all_inner_texts()
                    assert cells[0] == run.path.name
                    assert f"{100 * best:.2f} %" == cells[3]
                assert page.locator("#differences tbody tr").count() == 1
                title = {"en": "Training report", "zh": "训练报告"}[language]
                assert page.title() == page.locator("h1").inner_text() == title
                assert page.faults == []
                page.close()
        page = browser.open_page(chromium)
        page.goto(pages["en"].as_uri())
        page.emulate_media(media="print")
        # Nothing is cut off on paper.
        clipped = page.locator(".wide").evaluate_all(
            "all => all.filter(e => getComputedStyle(e).overflowX !== 'visible').length"
        )
        assert clipped == 0
        assert len(page.pdf(format="A4")) > 10_000
        chromium.close()
