"""Print a net layer by layer: python tools/summary.py -c configs/alexnet.yml"""

import argparse
import logging
from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Print paddle.summary of the net of a configuration; no data is needed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", "--config", required=True, metavar="YML")
    parser.add_argument(
        "-o", "--override", metavar="KEY=VALUE", action="append", default=[], help="set a key"
    )
    parser.add_argument("--logdir", metavar="DIR", help="log the graph to a VisualDL board")
    parser.add_argument("--walk", action="store_true", help="show the arithmetic of every stage")
    args = parser.parse_args()
    from paddle_alexnet.config.load import read_config
    from paddle_alexnet.errors import ConfigError

    # The published table has the norm that pools; other forms, chosen for speed, on demand only.
    keys = read_config(args.config, ["model.lrn=avgpool3d", *args.override]).model
    trained = read_config(args.config, args.override).model.lrn
    if trained != keys.lrn:
        logging.info(
            "the norm is shown as published (%s); %s trains with the equal %s, which "
            "-o model.lrn=%s shows",
            keys.lrn,
            args.config,
            trained,
            trained,
        )
    _entry.load_paddle()
    import paddle

    from paddle_alexnet.board.writer import BoardWriter
    from paddle_alexnet.nets.registry import MODELS, build_model
    from paddle_alexnet.nets.shapes import trace_shapes

    num_classes = keys.num_classes or 1000
    try:
        net = build_model(keys.name, num_classes, lrn=keys.lrn, init=keys.init, width=keys.width)
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    preprocessing = MODELS[keys.name].preprocessing
    side = preprocessing.input_size
    paddle.summary(net, (None, 3, side, side))
    print(f"{preprocessing}, init {keys.init or MODELS[keys.name].init}")
    if args.walk:
        for step in trace_shapes(net.stages, net.input_size, num_classes):
            maps = f"{step.channels} x {step.size} x {step.size}"
            print(f"{step.name:<6} {step.formula:<44} {maps:<14} {step.parameters:>11,}")
    if args.logdir:
        with BoardWriter(args.logdir) as writer:
            writer.graph(net, [-1, 3, side, side])


if __name__ == "__main__":
    _entry.run(main)
