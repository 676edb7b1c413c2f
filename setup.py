"""What to install. Versions that CI uses are in requirements.lock."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

# Lower bounds: the oldest that tests/ passed with. Upper bounds: the next release that may break.
PADDLE = "paddlepaddle>=3.3,<3.4"  # 3.0 fails: a graph made of a net breaks its PyLayers
REQUIRES = [
    "filelock>=3.12,<5",  # one run a directory, on every system
    "flask>=3.1,<4",  # the board and the page; 3.1: its limits on forms; VisualDL needs it too
    "imagehash>=4.3,<5",  # images that look alike
    "jinja2>=3.1,<4",  # the report; VisualDL needs it too, through Flask
    "numpy>=2,<3",  # as opencv-python 4.12 asks for
    "matplotlib>=3.9,<4",
    "opencv-python>=4.12,<6",  # 4.12: reads GIF
    "pillow>=10.1",  # 10.1: its built-in font comes in any size
    "prometheus-client>=0.20,<1",  # /metrics of the page
    "platformdirs>=4,<5",  # where the choice of the fastest engine is kept
    "protobuf>=4.25,<7",  # 7 breaks VisualDL 2.5's hyper-parameter table
    "pydantic>=2.12,<3",  # checks configurations and stored JSON
    "pyyaml>=6,<7",
    "requests>=2.31,<3",
    "scipy>=1.13,<2",  # confidence intervals; scikit-learn needs it too
    "safetensors>=0.4.3,<1",  # weights without pickle
    "scikit-learn>=1.5,<2",  # figures by class; 1.5: the oldest for numpy 2
    "threadpoolctl>=3.1,<4",  # a search in one thread; scikit-learn needs it too
    "tqdm>=4.66,<5",
    "visualdl>=2.5.3,<2.6",  # paddle_alexnet/board/visualdl_patches.py is made for 2.5
    "waitress>=3.0.2,<3.1",  # 3.0.2: a fixed race; paddle_alexnet/serve/server.py is made for 3.0
]
EXTRAS = {
    "cpu": [PADDLE],
    # 2.1: reads Paddle 3's graphs; it still needs onnx 1.17. The engines are to choose from.
    "onnx": ["paddle2onnx>=2.1,<3", "onnxruntime>=1.20,<2", "openvino>=2024,<2027"],
    "test": [
        PADDLE,
        "axe-playwright-python>=0.1.4,<0.2",  # is the page accessible; holds axe-core
        "coverage[toml]>=7.10,<8",  # 7.10: measures the tools that tests start
        "pytest>=8,<10",
        "pytest-xdist>=3.6,<4",  # make test in several processes
        "hypothesis>=6.100,<7",
        "jsonschema>=4.20,<5",  # answers of the page against its OpenAPI document
        "playwright>=1.48,<2",  # drives the installed Chromium
        "ruff>=0.9,<0.18",
        "bandit[toml]>=1.8,<2",  # toml: Python 3.10 does not read pyproject.toml by itself
    ],
}

setup(
    name="paddle-alexnet",
    version="0.1.0",
    description="AlexNet in PaddlePaddle, reproduced so that anyone can check it",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["paddle_alexnet", "paddle_alexnet.*"]),
    package_data={"paddle_alexnet.results": ["report.html"], "paddle_alexnet.serve": ["page.html"]},
    install_requires=REQUIRES,
    extras_require=EXTRAS,
)
