"""Heads on frozen features, in seconds: what a backbone knows before any fine-tuning.

    python -m jaxcxr.probe --embeddings FILE --data PREPARED --out DIR [--head logistic]

`--out` gets what a run's directory has: `predictions.parquet`, `statistics.json`, tables and plots;
and `probe.json`, which says what was chosen. Embeddings are joined to the dataset by image id.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxcxr.errors import report_input_errors
from jaxcxr.files import check_writable
from jaxcxr.terminal import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.probe",
        description="Fit a head on the features of a frozen backbone, and evaluate it.",
    )
    parser.add_argument(
        "--embeddings", type=Path, required=True, help="file of python -m jaxcxr.embed"
    )
    parser.add_argument("--data", type=Path, required=True, help="prepared dataset they are of")
    parser.add_argument("--out", type=Path, required=True, help="results folder")
    parser.add_argument(
        "--head",
        choices=("logistic", "neighbours", "perceptron"),
        default="logistic",
        help="logistic regression, k nearest neighbours, or a small MLP; its setting is chosen on "
        "the validation patients (logistic)",
    )
    parser.add_argument(
        "--features",
        choices=("class", "patches", "both"),
        default="class",
        help="class token, mean patch token, or both side by side (class)",
    )
    parser.add_argument("--labels", nargs="+", default=(), metavar="NAME", help="to learn (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the perceptron (0)")
    parser.add_argument("--resamples", type=int, default=1000, help="redraws (1000)")
    options = parser.parse_args(arguments)
    with report_input_errors():
        check_writable(options.out, "--out", folder=True)
        from jaxcxr.evaluate import evaluate
        from jaxcxr.probing.probe import probe
        from jaxcxr.run.directory import PREDICTIONS

        found = probe(
            options.embeddings,
            options.data,
            options.out,
            head=options.head,
            features=options.features,
            labels=tuple(options.labels),
            seed=options.seed,
        )
        evaluate(options.out / PREDICTIONS, options.out, resamples=options.resamples)
    images = ", ".join(f"{split} {count}" for split, count in found["images"].items())
    say(f"joined by image id: {images}; {found['embeddings_unused']} embeddings not used")
    say(f"{found['setting']} {found['chosen']:g}, chosen on {found['chosen_on']} patients")
    say(f"predictions and statistics are in {options.out}")


if __name__ == "__main__":
    main()
