"""The board as a browser shows it."""

import html
import re
import shutil
import subprocess

import numpy as np
import pytest
from paddle import nn

from paddle_alexnet.board.writer import BoardWriter

CHROMIUM = "chromium"
# The browser itself sends nothing, and resolves no name outside this machine.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--virtual-time-budget=20000",
    "--enable-logging=stderr",
]

# A folder may have any name.
MARKUP = "<img src=x onerror=console.error('Uncaught','by','name')>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which(CHROMIUM) is None, reason="there is no Chromium"),
]


@pytest.fixture(scope="module")
def board(serving, tmp_path_factory):
    logdir = tmp_path_factory.mktemp("board")
    with BoardWriter(logdir / "first") as writer:
        writer.hparams({"optimizer.lr": 0.01, "optimizer.nesterov": True}, ["val/top1"])
        for step in range(3):
            writer.scalar("val/top1", step / 4, step)
        writer.image("panels/val", np.full((8, 8, 3), 99, np.uint8), 0)
        rng = np.random.default_rng(0)
        writer.curves("daisy", rng.random(50) < 0.4, rng.random(50), 1)
        writer.graph(nn.Sequential(nn.Conv2D(3, 4, 3), nn.ReLU()), [-1, 3, 8, 8])
    with BoardWriter(logdir / MARKUP) as writer:
        writer.scalar(MARKUP, 0.5, 1)
    with serving(logdir) as address:
        yield address


@pytest.fixture
def page(board, tmp_path):
    def load(path):
        """The page's document when its scripts have run, and what the console said."""
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        done = subprocess.run(
            [CHROMIUM, *FLAGS, profile, "--dump-dom", board + path],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE:" in line]

    return load


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/app/scalar", "val"),
        ("/app/sample/image", "panels"),
        ("/app/pr-curve", "pr"),
        ("/app/roc-curve", "roc"),
        ("/app/hyper-parameter", "optimizer.lr"),
    ],
)
def test_a_page_shows_the_run(page, path, shown):
    document, console = page(path)
    text = re.sub(r"<(script|style)\b.*?</\1>", "", document, flags=re.DOTALL)
    words = re.sub(r"<[^>]*>", "\n", text).split("\n")
    assert any(word.endswith("/first") for word in words)
    assert shown in words
    assert not [line for line in console if "Uncaught" in line]
    assert not [line for line in console if "Content Security Policy" in line]


def test_the_graph_page_opens(page):
    document, console = page("/app/graph/dynamic_graph")
    assert ">first<" in document
    assert not [line for line in console if "Uncaught" in line]
    assert not [line for line in console if "Content Security Policy" in line]


def test_names_of_folders_and_curves_are_text(page):
    document, console = page("/app/scalar")
    assert html.escape(MARKUP, quote=False) in document
    assert "<img src=" not in document
    assert not [line for line in console if "Uncaught" in line]


def test_the_page_contacts_no_other_server(page, board):
    document, console = page("/app/scalar")
    outside = [
        address
        for address in re.findall(r"(?:src|href)=\"(https?://[^\"]+)", document)
        if not address.startswith(board)
    ]
    assert [address for address in outside if address.endswith(".js")] == []
    assert not [line for line in console if "ERR_NAME_NOT_RESOLVED" in line]
