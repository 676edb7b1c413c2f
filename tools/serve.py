"""Classify images on a page and over HTTP: python tools/serve.py --weights RUN/best.safetensors

With --model DIR, a folder of tools/export.py, it is faster, but shows no heat maps.
"""

import argparse
import logging
from typing import Any

import _entry


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = _entry.make_parser(__doc__)
    _entry.add_source(parser)
    parser.add_argument("--index", metavar="FILE", help="of tools/neighbors.py, for neighbours")
    parser.add_argument("--layer", help="of the heat map [the last with feature maps]")
    parser.add_argument("--top-k", type=_entry.positive, default=5, help="classes per image [5]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1]")
    parser.add_argument("--port", type=int, default=8050, help="0 for any free one [8050]")
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        default=[],
        help="also answer to this name, as of a proxy; may be given several times",
    )
    parser.add_argument("--batch-size", type=_entry.positive, default=8, help="at most [8]")
    parser.add_argument(
        "--batch-ms",
        type=_entry.natural,
        default=5,
        metavar="MS",
        help="milliseconds that an image waits for others, to pass the net with them [5]",
    )
    parser.add_argument(
        "--max-bytes", type=_entry.positive, default=2**25, metavar="N", help="a request [32 MiB]"
    )
    _entry.add_max_pixels(parser, 64_000_000)
    parser.add_argument(
        "--max-memory",
        type=_entry.positive,
        default=2**30,
        metavar="N",
        help="bytes that all requests hold together; above, they get 503 [1 GiB]",
    )
    _entry.add_device(parser)
    return parser.parse_args()


def main(cpu_speed: dict[str, Any]) -> int:
    """Serve until stopped."""
    args = parse()
    _entry.load_paddle()
    from paddle_alexnet.errors import ConfigError
    from paddle_alexnet.inference.classifier import Classifier
    from paddle_alexnet.runtime.hosts import address, is_loopback
    from paddle_alexnet.runtime.stop_signals import StopSignals
    from paddle_alexnet.serve.application import Application
    from paddle_alexnet.serve.explanation import Explainer, open_index
    from paddle_alexnet.serve.limits import Limits
    from paddle_alexnet.serve.server import Server

    limits = Limits(body=args.max_bytes, pixels=args.max_pixels, memory=args.max_memory)
    for option in ("index", "layer"):
        if getattr(args, option) and args.model:
            raise ConfigError(
                f"--{option} is for --weights: a graph gives no features or gradients"
            )
    classifier = _entry.load_source(args, args.batch_size)
    explainer = None
    if isinstance(classifier, Classifier):
        index = open_index(args.index, args.weights) if args.index else None
        explainer = Explainer(classifier, args.top_k, args.layer, index)
    app = Application(
        classifier,
        explainer,
        host=args.host,
        limits=limits,
        allowed=args.allow_host,
        topk=args.top_k,
        batch_size=args.batch_size,
        wait=args.batch_ms / 1000,
    )
    server = Server(
        app,
        args.host,
        args.port,
        limits=limits,
        memory=app.memory,
        threads=3 * args.batch_size,  # a batch in the net, one that waits, one being decoded
        count=app.count,
    )
    if not is_loopback(args.host):
        logging.warning("anyone who reaches %s can send images", args.host)
    if explainer is None:
        logging.info("no heat maps and no neighbours: a graph gives no gradients")
    with StopSignals() as stop:
        where = address(args.host, server.port)
        print(f"{args.weights or args.model}: {where}/ (Ctrl-C ends it)", flush=True)
        server.serve(stop.requested)
    app.close()
    return 128 + (stop.received or 0)


if __name__ == "__main__":
    _entry.run(main, for_memory="lower --batch-size or --max-memory")
