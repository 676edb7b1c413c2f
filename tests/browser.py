"""The installed Chromium, for what a person looks at."""

import re
import shutil

import pytest

CHROMIUM = shutil.which("chromium")
# It sends nothing itself, and resolves no name outside this machine; WebGL is drawn in software.
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]

marks = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]


def open_page(browser, width=1280, height=900):
    """A new page that is watched."""
    return watched(browser.new_page(viewport={"width": width, "height": height}))


def watched(page):
    """A page; what its console says of errors is in ``page.faults``."""
    page.set_default_timeout(60_000)  # a loaded machine draws slowly
    page.faults = []
    page.on("console", lambda m: page.faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("requestfailed", lambda request: page.faults.append(request.url))
    return page


def is_as_wide_as_the_window(page):
    """Whether nothing sticks out to the right."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def numbers(text):
    """The decimal numbers in a text."""
    return [float(word) for word in re.findall(r"\d+\.\d+", text)]
