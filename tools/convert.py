"""Convert weights of other projects: python tools/convert.py --arch alexnet_owt IN OUT.safetensors

IN is a state dict of torch (.safetensors, .npz, .pth) by the names of torchvision or of
alexnet_pad2's article, one of Paddle (.pdparams) by those of paddle.vision and PaddleClas, or
Caffe's blobs (.npz with conv1_w, conv1_b, ... fc8_b). With --to, IN is a weights file of this
project and OUT is for torch or Paddle.
"""

import argparse
from pathlib import Path
from typing import Any

import _entry


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", metavar="IN")
    parser.add_argument("target", metavar="OUT")
    parser.add_argument("--arch", required=True, metavar="NAME", help="which net, as model.name")
    parser.add_argument("--to", choices=["torch", "paddle"], help="write for another project")
    parser.add_argument(
        "--classes", metavar="FILE", help="class_index.json, or a name a line [0, 1, 2, ...]"
    )
    parser.add_argument("--width", type=float, default=1.0, help="of the net, as model.width [1]")
    return parser.parse_args()


def main(cpu_speed: dict[str, Any]) -> None:
    """Convert the file."""
    args = parse()
    _entry.load_paddle()
    from paddle_alexnet.data.class_names import read_class_names
    from paddle_alexnet.errors import ConfigError, WeightsError
    from paddle_alexnet.interchange.conversion import export_weights, import_weights, unwrap
    from paddle_alexnet.interchange.files import read_arrays, write_arrays
    from paddle_alexnet.nets.weights import net_arrays, write_weights

    _entry.check_model("--arch", args.arch)
    _entry.check_targets(args.target, inputs=[args.source, args.classes])
    if args.to and (args.classes or args.width != 1.0):
        raise ConfigError(
            "--classes and --width are for reading; a file of this project holds both"
        )
    if args.to:
        wrapped = ""
        write_arrays(args.target, export_weights(args.source, args.arch, args.to), args.to)
    else:
        if Path(args.target).suffix != ".safetensors":
            raise WeightsError(f"{args.target}: expected a name that ends in .safetensors")
        arrays, wrapped = unwrap(read_arrays(args.source))
        try:
            net, description = import_weights(
                arrays,
                args.arch,
                args.source,
                classes=read_class_names(args.classes) if args.classes else None,
                width=args.width,
            )
        except ValueError as error:
            raise ConfigError(f"--width: {error}") from error
        write_weights(args.target, net_arrays(net), description)
    print(f"{args.target}: {args.arch} of {args.source}" + (f", {wrapped}" if wrapped else ""))


if __name__ == "__main__":
    _entry.run(main)
