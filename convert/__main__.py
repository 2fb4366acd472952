"""`python -m convert`: checkpoints in and out, with proof."""

from __future__ import annotations

import argparse
from pathlib import Path

from jaxcxr.errors import report_input_errors

SOURCE = "file (.safetensors, .pth, .bin, .npz) or timm:NAME, hf:REPOSITORY, dinov2:NAME"


def main() -> None:
    """Run one command."""
    arguments = _parser().parse_args()
    with report_input_errors():
        from convert import commands

        getattr(commands, arguments.command)(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("import", help="convert a checkpoint to a weights file")
    command.set_defaults(command="import_")
    command.add_argument("source", help=SOURCE)
    command.add_argument("--out", required=True, type=Path, help="NAME.safetensors")
    command.add_argument("--checkpoint", metavar="NAME", help="the row of `list` that it is")
    command.add_argument(
        "--state-dict", metavar="NAME", help="which of several sets of weights, such as model_ema"
    )
    command.add_argument("--resample", metavar="RULE", help="position-table rule, see `list`")
    command.add_argument(
        "--image-size", type=int, help="resample the position table now (default: keep it)"
    )
    command.add_argument("--keep-head", action="store_true", help="keep its classification head")
    command.add_argument(
        "--labels",
        metavar="A,B,...",
        help="names of the kept head's outputs; or study:DATASET for those of the study",
    )
    command.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="state a model fact"
    )

    command = commands.add_parser("verify", help="compare with PyTorch, layer by layer")
    command.set_defaults(command="verify")
    command.add_argument("file", type=Path, help="a weights file")
    command.add_argument("source", help=f"what it was imported from: {SOURCE}")
    command.add_argument("--image-size", type=int, help="side of the images (default: 224)")
    command.add_argument(
        "--out", type=Path, help="where the table goes (default: NAME.parity.json beside FILE)"
    )

    command = commands.add_parser("export", help="convert a weights file for another library")
    command.set_defaults(command="export")
    command.add_argument("file", type=Path, help="a weights file")
    command.add_argument("--layout", required=True, choices=("timm", "dinov2", "facebook", "hf"))
    command.add_argument("--out", required=True, type=Path, help="NAME.safetensors")
    command.add_argument("--backbone", action="store_true", help="leave its head out")

    command = commands.add_parser(
        "package", help="export a whole model and run it; python -m jaxcxr.export calls this"
    )
    command.set_defaults(command="package")
    command.add_argument("file", type=Path, help="a weights file with a head")
    command.add_argument("--kind", required=True, choices=("timm", "hf", "onnx"))
    command.add_argument("--around", required=True, type=Path, help="JSON: normalisation, scaling")
    command.add_argument("--images", required=True, type=Path, help=".npy to run it on")
    command.add_argument("--out", required=True, type=Path, help="of the model")
    command.add_argument("--scores", required=True, type=Path, help=".npz of what it says of them")
    command.add_argument("--caller", type=int, help="process that started this, to end with")

    command = commands.add_parser("inspect", help="what a weights file says of itself")
    command.set_defaults(command="inspect")
    command.add_argument("file", type=Path, help="a weights file")

    command = commands.add_parser("list", help="the table of known checkpoints")
    command.set_defaults(command="list_")
    return parser


if __name__ == "__main__":
    main()
