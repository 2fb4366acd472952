"""`python -m convert`: checkpoints in and out, with proof."""

from __future__ import annotations

import argparse
from pathlib import Path

from jaxcxr.errors import InputError, report_input_errors


def main() -> None:
    """Run one command."""
    arguments = _parser().parse_args()
    with report_input_errors():
        arguments.run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("import", help="convert a checkpoint to a weights file")
    command.set_defaults(run=_import)
    command.add_argument(
        "source", help="file (.safetensors, .pth, .bin, .npz), or timm:NAME, dinov2:NAME, hf:NAME"
    )
    command.add_argument("--out", required=True, type=Path, help="NAME.safetensors")
    command.add_argument("--checkpoint", metavar="NAME", help="the row of `list` that it is")
    command.add_argument("--resample", metavar="RULE", help="position-table rule, see `list`")
    command.add_argument(
        "--image-size", type=int, help="resample the position table now (default: keep it)"
    )
    command.add_argument("--keep-head", action="store_true", help="keep its classification head")
    command.add_argument("--labels", metavar="A,B,...", help="names of the kept head's outputs")
    command.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="state a model fact"
    )
    return parser


def _import(arguments: argparse.Namespace) -> None:
    from convert.importing import import_checkpoint
    from convert.sources import open_source
    from jaxcxr.model import write_weights

    with open_source(Path(arguments.source)) as source:
        imported = import_checkpoint(
            source,
            name=arguments.source,
            checkpoint=arguments.checkpoint,
            rule=arguments.resample,
            image_size=arguments.image_size,
            keep_head=arguments.keep_head,
            labels=tuple(arguments.labels.split(",")) if arguments.labels else None,
            fields=_fields(arguments.set),
        )
    write_weights(arguments.out, imported.spec, imported.tensors, imported.provenance)
    for note in imported.notes:
        print(f"note: {note}")
    print(f"layout {imported.provenance['layout']}, rule {imported.spec.resample_rule}")
    print(f"wrote {arguments.out} ({len(imported.tensors)} tensors) and its .json")


def _fields(assignments: list[str]) -> dict[str, object]:
    """Read `FIELD=VALUE`: a number, numbers separated by commas, or a word."""
    fields: dict[str, object] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"--set {assignment}: write FIELD=VALUE, such as heads=6")
        fields[key] = tuple(map(_value, text.split(","))) if "," in text else _value(text)
    return fields


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


if __name__ == "__main__":
    main()
