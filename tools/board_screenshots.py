"""Take the screenshots of docs/board.md: python tools/board_screenshots.py --logdir D --out DIR

Needs Playwright (in the extra "test") and an installed Chromium.
"""

import shutil
import threading
from pathlib import Path
from typing import Any

import _entry

# Tab, name of the file, groups of tags to open, and height in pixels.
SCREENSHOTS = (
    ("scalar", "board-curves", (), 760),
    ("sample/image", "board-images", ("filters",), 900),
    ("histogram", "board-histograms", (), 760),
    ("pr-curve", "board-pr", (), 760),
    ("high-dimensional", "board-embeddings", (), 760),
    ("hyper-parameter", "board-hyper-parameters", (), 420),
)
WIDTH = 1280
WAIT = 4000  # ms until a page has drawn itself


def main(cpu_speed: dict[str, Any]) -> None:
    """Serve the runs and photograph each tab."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("--logdir", required=True, metavar="DIR", help="folder of runs")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for PNG files")
    args = parser.parse_args()
    from playwright.sync_api import sync_playwright

    from paddle_alexnet.board.server import make_board
    from paddle_alexnet.errors import RunError
    from paddle_alexnet.storage.files import make_folder

    chromium = shutil.which("chromium")
    if chromium is None:
        raise RunError("there is no chromium on the PATH: install it")
    out = make_folder(args.out)
    server = make_board(args.logdir, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        # WebGL in software, for the embeddings.
        flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        for tab, name, groups, height in SCREENSHOTS:
            page = browser.new_page(viewport={"width": WIDTH, "height": height})
            page.goto(f"http://127.0.0.1:{server.server_port}/app/{tab}")
            page.wait_for_timeout(WAIT)
            for group in groups:
                page.get_by_text(group, exact=True).first.click()
                page.wait_for_timeout(WAIT)
            page.screenshot(path=str(Path(out) / f"{name}.png"))
            print(out / f"{name}.png")
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    _entry.run(main)
