"""Open the VisualDL board of one or more runs: python tools/board.py --logdir runs"""

import logging
import signal
from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> int:
    """Serve until stopped."""
    from paddle_alexnet.board.log_reader import find_runs
    from paddle_alexnet.board.server import LANGUAGES, make_board
    from paddle_alexnet.runtime.hosts import address, is_loopback

    parser = _entry.make_parser(__doc__)
    parser.add_argument("--logdir", default="runs", metavar="DIR", help="folder of runs [runs]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=8040, help="0 for any free one [8040]")
    parser.add_argument("--language", default="en", choices=LANGUAGES, help="of the page [en]")
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="also answer to this name, as of a proxy; may be given several times",
    )
    parser.add_argument("--prefix", default="", metavar="PATH", help="path at a proxy, as /board")
    args = parser.parse_args()
    prefix = args.prefix.rstrip("/")
    server = make_board(
        *(args.logdir, args.host, args.port, args.language),
        allowed=args.allow_host,
        prefix=prefix,
    )
    if not is_loopback(args.host):
        logging.warning("anyone who reaches %s can read the board", args.host)
    runs, passed = find_runs(args.logdir)
    if passed:
        names = ", ".join(map(repr, passed[:3])) + (" ..." if len(passed) > 3 else "")
        logging.warning("%d passed over, as links are not followed: %s", len(passed), names)
    if not runs:
        logging.warning("%s holds no run yet: they appear when they begin", args.logdir)
    where = f"{address(args.host, server.server_port)}{prefix}/"
    print(f"board of {args.logdir}: {len(runs)} runs, {where} (Ctrl-C ends it)", flush=True)
    with server:
        server.serve_forever()  # until Ctrl-C, which werkzeug keeps to itself
    return 128 + signal.SIGINT


if __name__ == "__main__":
    _entry.run(main)
