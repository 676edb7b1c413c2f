"""Print a net layer by layer: python tools/summary.py -c configs/alexnet.yml"""

import logging
from dataclasses import replace
from typing import Any

import _entry


def main(cpu_speed: dict[str, Any]) -> None:
    """Print paddle.summary of the net of a configuration; no data is needed."""
    parser = _entry.make_parser(__doc__)
    parser.add_argument("-c", "--config", required=True, metavar="YML")
    _entry.add_overrides(parser)
    parser.add_argument("--logdir", metavar="DIR", help="log the graph to a VisualDL board")
    parser.add_argument("--walk", action="store_true", help="show the arithmetic of every layer")
    args = parser.parse_args()
    from paddle_alexnet.config.load import read_config
    from paddle_alexnet.errors import ConfigError

    keys = read_config(args.config, args.override).model
    trained = keys.lrn
    # The published table has the norm by pooling; other forms, chosen for speed, on request only.
    if not any(override.startswith("model.lrn=") for override in args.override):
        keys = replace(keys, lrn="avgpool3d")
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
    from paddle_alexnet.storage.files import make_folder

    if args.logdir:
        make_folder(args.logdir)
    num_classes = keys.num_classes or 1000
    try:
        net = build_model(
            *(keys.name, num_classes),
            lrn=keys.lrn,
            init=keys.init,
            width=keys.width,
            changes=keys.changes,
        )
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error
    row = MODELS[keys.name]
    side = net.input_size
    paddle.summary(net, (None, 3, side, side))
    print(f"{row.preprocessing}, init {keys.init or row.init}")
    if args.walk:
        for layer in trace_shapes(net.stages, side, num_classes):
            shape = f"{layer.channels} x {layer.size} x {layer.size}"
            print(f"{layer.name:<6} {layer.formula:<44} {shape:<14} {layer.parameters:>11,}")
    if args.logdir:
        with BoardWriter(args.logdir) as writer:
            writer.graph(net, [-1, 3, side, side])


if __name__ == "__main__":
    _entry.run(main, for_memory="lower model.num_classes or model.width")
