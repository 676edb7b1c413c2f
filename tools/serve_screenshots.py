"""Take the screenshots of the page: python tools/serve_screenshots.py IMAGE --weights W --out DIR

Needs Playwright (in the extra "test") and an installed Chromium.
"""

import shutil
import threading
from typing import Any

import _entry

# Name of the file, and the browser.
SCREENSHOTS: dict[str, dict[str, Any]] = {
    "page": {"viewport": {"width": 1100, "height": 860}},
    "page-phone": {
        "viewport": {"width": 390, "height": 860},
        "locale": "zh-CN",
        "color_scheme": "dark",
        "has_touch": True,
        "is_mobile": True,
    },
}


def main(cpu_speed: dict[str, Any]) -> None:
    """Serve, let Chromium classify the image, and photograph the page."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("--weights", required=True, help="a .safetensors file of a run")
    parser.add_argument("--index", metavar="FILE", help="of tools/neighbors.py, for neighbours")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for JPEG files")
    args = parser.parse_args()
    _entry.load_paddle()
    from playwright.sync_api import sync_playwright

    from paddle_alexnet.errors import RunError
    from paddle_alexnet.inference.classifier import Classifier
    from paddle_alexnet.serve.application import Application
    from paddle_alexnet.serve.explanation import Explainer, open_index
    from paddle_alexnet.serve.limits import Limits
    from paddle_alexnet.serve.server import Server
    from paddle_alexnet.storage.files import make_folder

    chromium = shutil.which("chromium")
    if chromium is None:
        raise RunError("there is no chromium on the PATH: install it")
    out = make_folder(args.out)
    host, limits = "127.0.0.1", Limits()
    index = open_index(args.index, args.weights) if args.index else None
    classifier = Classifier.load(args.weights)
    app = Application(classifier, Explainer(classifier, 5, index=index), host=host, limits=limits)
    server = Server(app, host, 0, limits=limits, memory=app.memory, threads=2)
    done = threading.Event()
    threading.Thread(target=server.serve, args=(done.is_set,), daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, options in SCREENSHOTS.items():
            page = browser.new_context(**options).new_page()
            page.goto(f"http://{host}:{server.port}/")
            page.locator("#choose").set_input_files(args.image)
            page.locator("#result").wait_for()
            page.wait_for_load_state("networkidle")
            page.screenshot(
                path=str(out / f"{name}.jpg"), quality=85
            )  # photos as PNG would be large
            print(out / f"{name}.jpg")
        browser.close()
    done.set()


if __name__ == "__main__":
    _entry.run(main)
