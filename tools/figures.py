"""Draw the paper's Figures 3 and 4 of a run: python tools/figures.py runs/alexnet --out figures"""

from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Draw."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("run", metavar="RUN", help="directory of a run")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the figures")
    _entry.add_device(parser)
    args = parser.parse_args()
    _entry.load_paddle()
    from paddle_alexnet.results.paper_figures import write_paper_figures
    from paddle_alexnet.runtime.device import choose_device

    choose_device(args.device)
    for path in write_paper_figures(args.run, args.out):
        print(path)


if __name__ == "__main__":
    _entry.run(main)
