"""Statistics of predictions: `statistics.json`, tables and plots.

    python -m jaxcxr.evaluate PREDICTIONS... [--against PREDICTIONS...] --out DIR

PREDICTIONS is the parquet that `jaxcxr.predict` writes, or a CSV of labels and scores that any
other tool made. Several files are several trainings of one
model. What each number means is in `docs/statistics.md`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.terminal import console, say

if TYPE_CHECKING:
    from jaxcxr.results.predictions import Predictions


def evaluate(
    predictions_path: str | Path | Sequence[str | Path],
    out_dir: str | Path,
    *,
    against: str | Path | Sequence[str | Path] | None = None,
    labels: str | Path | None = None,
    print_tables: bool = True,
    print_subgroups: bool = False,
    plots: bool = True,
    **options: Any,
) -> dict[str, Any]:
    """Compute the statistics of a predictions file, write them to `out_dir` and print the tables.

    Args:
      predictions_path: `.parquet` or `.csv`; several for trainings of one model with other seeds.
        Then the statistics are of their mean, and `out_dir/training_N` has those of each.
      out_dir: gets `statistics.json`, the tables as CSV and LaTeX, and the plots.
      against: predictions of another model for the same images, to compare with; several for
        trainings of it.
      labels: other labels for the same images, see `jaxcxr.results.relabelled.relabel`.
      print_tables: whether to print to the terminal.
      print_subgroups: whether to print the long table of subgroups too; it is written anyway.
      plots: whether to draw.
      **options: of `jaxcxr.results.statistics.Options`.

    Returns:
      What `statistics.json` holds.

    Raises:
      InputError: a file or an option cannot be used.
    """
    from jaxcxr.files import check_writable, write_json
    from jaxcxr.results.assembled import statistics_of, statistics_of_trainings
    from jaxcxr.results.comparison import aligned, compared
    from jaxcxr.results.options import Options
    from jaxcxr.results.predictions import read_predictions
    from jaxcxr.results.statistics_files import WRITTEN, remove_written, write_curves, write_tables

    out_dir = Path(out_dir)
    paths, others = _paths(predictions_path), _paths(against)
    written = {(out_dir / name).resolve() for name in WRITTEN}
    for path in (*paths, *others):
        if path.resolve() in written:
            raise InputError(f"--out {out_dir}: {path} would be written over; give another folder")
    chosen = Options(**options)
    check_writable(out_dir, "--out", folder=True)
    everything = [read_predictions(path) for path in paths]
    of_others = [read_predictions(path) for path in others]
    relabelled: dict[str, Any] = {}
    if labels is not None:
        from jaxcxr.results.relabelled import agreement_lines, relabel

        found = [relabel(one, Path(labels), chosen.level) for one in (*everything, *of_others)]
        everything = [one for one, _ in found[: len(paths)]]
        of_others = [one for one, _ in found[len(paths) :]]
        relabelled = found[0][1]
    first = [one.of_split(chosen.split) for one in everything]
    second = [one.of_split(chosen.split) for one in of_others]
    if len(paths) == 1:
        statistics = statistics_of(everything[0], first[0], chosen)
    else:
        statistics = statistics_of_trainings(everything, first, chosen)
    if relabelled:
        statistics["labels_from"] = relabelled
    if second:
        statistics["comparison"] = compared(first, second, chosen)
    models = [first[0], *(aligned(first[0], one)[1] for one in [*first[1:], *second])]
    remove_written(out_dir)
    write_tables(out_dir, statistics)
    named = list(zip(_short_names(models), models, strict=True))
    write_curves(out_dir, named)
    if plots:
        from jaxcxr.results.plots import write_plots

        write_plots(out_dir, statistics, [named[0], *named[len(first) :][:1]])
    if len(paths) > 1:
        for number, path in enumerate(paths, 1):
            of_one = out_dir / f"training_{number}"
            evaluate(path, of_one, labels=labels, print_tables=False, plots=plots, **options)
    # Last: where it is, everything else is, and of the same predictions.
    write_json(out_dir / "statistics.json", statistics)
    if print_tables:
        _print(statistics, out_dir, print_subgroups)
        if relabelled:
            for line in agreement_lines(relabelled):
                say(line)
    return statistics


def _paths(given: str | Path | Sequence[str | Path] | None) -> list[Path]:
    """Give the files of one model; refuse one given twice, which is one training, not two."""
    if given is None:
        return []
    paths = [Path(given)] if isinstance(given, str | Path) else [Path(path) for path in given]
    places = [path.resolve() for path in paths]
    for path, place in zip(paths, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{path} is given twice: give each training's file once")
    return paths


def _short_names(models: Sequence[Predictions]) -> list[str]:
    """Name the models after their files, or their folders where the files are named alike."""
    names = [model.path.stem for model in models]
    if len(set(names)) < len(names):
        names = [model.path.resolve().parent.name for model in models]
    if len(set(names)) < len(names):
        names = [str(model.path) for model in models]
    return names


def _print(statistics: dict[str, Any], out_dir: Path, subgroups: bool) -> None:
    from jaxcxr.results.notes import notes
    from jaxcxr.results.terminal import terminal_tables

    # A table that is piped to a file has no terminal's width to keep to.
    shown = console() if sys.stdout.isatty() else console(width=160)
    for table in terminal_tables(statistics, subgroups=subgroups):
        shown.print(table)
    where = [] if subgroups else [f"Subgroups by sex, age and view are in {out_dir}/subgroups.csv."]
    for note in notes(statistics) + (where if statistics["subgroups"] else []):
        shown.print(note, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.evaluate", description="Statistics of predictions."
    )
    parser.add_argument(
        "predictions",
        type=Path,
        nargs="+",
        help="predictions, .parquet or .csv; several are trainings of one model",
    )
    parser.add_argument(
        "--against",
        type=Path,
        nargs="+",
        metavar="PREDICTIONS",
        help="another model's, for the same images; several are its trainings",
    )
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="TABLE",
        help="score against other labels, as experts': a table with image_id or study_id and a "
        "column a label, or a declaration of one (.toml beside it); the agreement with the old "
        "labels is told",
    )
    parser.add_argument("--out", dest="out_dir", type=Path, required=True, help="results folder")
    parser.add_argument("--split", default="test", help="whose statistics (default: test)")
    parser.add_argument(
        "--validation",
        default="validation",
        help="split that thresholds and calibration are fitted on (default: validation)",
    )
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
        "--interval",
        choices=("delong", "percentile", "bca"),
        default="delong",
        help="kind of interval (default: delong, Wilson's for rates; they hold with few positives)",
    )
    parser.add_argument(
        "--fixed-rate",
        type=float,
        default=0.9,
        help="specificity at which sensitivity is given, and the reverse (default: 0.9)",
    )
    parser.add_argument(
        "--operating-point",
        choices=("youden", "sensitivity", "specificity"),
        default="youden",
        help="how the printed threshold is chosen on the validation split: by Youden's J, or the "
        "first to reach a sensitivity or specificity of the fixed rate (default: youden)",
    )
    parser.add_argument(
        "--prevalence",
        dest="prevalences",
        type=float,
        nargs="+",
        default=(0.01, 0.05, 0.2),
        metavar="SHARE",
        help="where the model would be used, for predictive values (default: 0.01 0.05 0.2)",
    )
    parser.add_argument(
        "--margin",
        type=float,
        metavar="AUC",
        help="difference in AUC that does not matter, set before: tests --against for not worse "
        "and for the same",
    )
    parser.add_argument(
        "--age-bands",
        type=int,
        nargs="*",
        default=(18, 40, 60, 80),
        metavar="YEARS",
        help="where age bands begin (default: 18 40 60 80)",
    )
    parser.add_argument(
        "--least-patients",
        type=int,
        default=10,
        metavar="K",
        help="in the smaller class of a label that an average counts (default: 10; at least 5)",
    )
    parser.add_argument(
        "--paper",
        action="store_true",
        help="also what the study of arXiv 2308.07688 printed, over redraws of images",
    )
    parser.add_argument(
        "--subgroups", dest="print_subgroups", action="store_true", help="print them too"
    )
    parser.add_argument("--no-plots", dest="plots", action="store_false", help="draw nothing")
    chosen = vars(parser.parse_args(arguments))
    chosen |= {name: tuple(chosen[name]) for name in ("age_bands", "prevalences")}
    with report_input_errors():
        evaluate(chosen.pop("predictions"), chosen.pop("out_dir"), **chosen)


if __name__ == "__main__":
    main()
