"""`python -m input_pipeline COMMAND`: cohorts, prepared datasets, phantom releases."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from jaxcxr.errors import report_input_errors

COMMANDS = {
    "cohort": "who is in, with which labels, in which split; from label files alone",
    "compare-rules": "where the study's label rule and the curated one disagree, and why",
    "describe": "look at a table and its images, and draft the declaration of your own dataset",
    "prepare": "decode, preprocess and write the images as a TFDS dataset",
    "phantom": "write a synthetic release in a publisher's own layout",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command. Only the module of that command is imported, so that help is quick."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="python -m input_pipeline", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name in arguments[:1]:
            module = importlib.import_module(f"input_pipeline.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    parsed = parser.parse_args(arguments)
    with report_input_errors():
        parsed.run(parsed)


if __name__ == "__main__":
    main()
