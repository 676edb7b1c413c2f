"""Write a report on runs: python tools/report.py runs/alexnet [RUN ...] --out report"""

from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Write the page and the figures."""
    from paddle_alexnet.figures.words import LANGUAGES

    parser = _entry.make_parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="directory of a run")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for page and figures")
    parser.add_argument("--language", default="en", choices=LANGUAGES, help="of the page [en]")
    _entry.add_device(parser)
    args = parser.parse_args()
    _entry.load_paddle()
    from paddle_alexnet.results.report import write_report
    from paddle_alexnet.runtime.device import choose_device

    choose_device(args.device)
    print(f"report: {write_report(args.runs, args.out, args.language)}")


if __name__ == "__main__":
    _entry.run(main)
