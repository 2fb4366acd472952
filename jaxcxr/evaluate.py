"""Statistics of predictions: `statistics.json` and tables.

    python -m jaxcxr.evaluate PREDICTIONS [--against PREDICTIONS] --out DIR

PREDICTIONS is the parquet that `jaxcxr.predict` writes, or a CSV of labels and scores that any
other tool made (see `docs/statistics.md`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcxr.errors import InputError, report_input_errors


def evaluate(
    predictions_path: str | Path, out_dir: str | Path, *, print_tables: bool = True, **options: Any
) -> dict[str, Any]:
    """Compute the statistics of a predictions file, write them to `out_dir` and print the table.

    Args:
      predictions_path: `.parquet` or `.csv`.
      out_dir: gets `statistics.json`.
      print_tables: whether to print to the terminal.
      **options: of `jaxcxr.report.statistics.Options`.

    Returns:
      What `statistics.json` holds.

    Raises:
      InputError: the file or an option cannot be used.
    """
    from jaxcxr import __version__
    from jaxcxr.files import write_json
    from jaxcxr.report.predictions import read_predictions
    from jaxcxr.report.statistics import Options, describe

    chosen = Options(**options)
    everything = read_predictions(predictions_path)
    statistics = {
        "jaxcxr": __version__,
        "predictions": str(predictions_path),
        "origin": everything.origin,
        **describe(everything.of_split(chosen.split), chosen),
    }
    write_json(Path(out_dir) / "statistics.json", statistics)
    if print_tables:
        _print(statistics)
    return statistics


def _print(statistics: dict[str, Any]) -> None:
    from rich.console import Console

    from jaxcxr.report.tables import label_table, notes

    console = Console()
    # A table that is piped to a file has no terminal's width to keep to.
    console.print(label_table(statistics)) if console.is_terminal else Console(width=160).print(
        label_table(statistics)
    )
    for note in notes(statistics):
        console.print(note, highlight=False, markup=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.evaluate", description="Statistics of predictions."
    )
    parser.add_argument("predictions", type=Path, help="predictions, .parquet or .csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--split", default="test", help="whose statistics (default: test)")
    parser.add_argument("--resamples", type=int, default=1000, help="redraws (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the redraws (default: 0)")
    parser.add_argument(
        "--unit",
        choices=("auto", "patient", "image"),
        default="auto",
        help="what a redraw draws (default: patients where they are known)",
    )
    parser.add_argument("--level", type=float, default=0.95, help="of intervals (default: 0.95)")
    parser.add_argument(
        "--interval", choices=("percentile", "bca"), default="percentile", help="kind of interval"
    )
    chosen = vars(parser.parse_args(arguments))
    with report_input_errors():
        if chosen["out"].exists() and not chosen["out"].is_dir():
            raise InputError(f"--out {chosen['out']} is a file: give a folder")
        evaluate(chosen.pop("predictions"), chosen.pop("out"), **chosen)


if __name__ == "__main__":
    main()
