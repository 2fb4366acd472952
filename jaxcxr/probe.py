"""Heads on frozen features, in seconds: what a backbone knows before any fine-tuning.

    python -m jaxcxr.probe --embeddings FILE --data PREPARED --out DIR [--head logistic]

`--out` gets what a run's directory has: `predictions.parquet`, `statistics.json`, tables and plots;
and `probe.json`, which says what was chosen. Embeddings are joined to the dataset by image id.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import check_writable
from jaxcxr.terminal import say

SEEDS = 2**32


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
        choices=("logistic", "neighbours", "perceptron", "mlp_512"),
        default="logistic",
        help="logistic regression, k nearest neighbours, a small MLP, or the follow-up study's; "
        "its setting is chosen on the validation patients (logistic)",
    )
    parser.add_argument(
        "--features",
        choices=("class", "patches", "both"),
        default="class",
        help="class token, mean patch token, or both side by side (class)",
    )
    parser.add_argument("--labels", nargs="+", default=(), metavar="NAME", help="to learn (all)")
    parser.add_argument(
        "--train-patients",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="share of the training patients to learn from, those of a training of this seed (1)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the MLPs, and of --train-patients (0)"
    )
    parser.add_argument("--resamples", type=int, default=1000, help="redraws (1000)")
    options = parser.parse_args(arguments)
    with report_input_errors():
        if not 0 < options.train_patients <= 1:
            raise InputError(
                f"--train-patients {options.train_patients:g}: give a share above 0 and at most 1, "
                "such as 0.1"
            )
        if not 0 <= options.seed < SEEDS:
            raise InputError(f"--seed {options.seed}: give a number from 0 to {SEEDS - 1}")
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
            train_patients=options.train_patients,
        )
        evaluate(options.out / PREDICTIONS, options.out, resamples=options.resamples)
    images = ", ".join(f"{split} {count}" for split, count in found["images"].items())
    say(f"joined by image id: {images}; {found['embeddings_unused']} embeddings not used")
    say(f"{found['setting']} {found['chosen']:g}, chosen on {found['chosen_on']} patients")
    if "augmented_once" in found:
        say("its images were flipped and turned once before they were embedded, also those tested")
    say(f"predictions and statistics are in {options.out}")


if __name__ == "__main__":
    main()
