"""Split lists of cross-validation by patient, for `input_pipeline prepare --split-list`.

    python -m benchmarks.folds data/chestxray14_sample --folds 5 --out folds
    python -m benchmarks.folds data/chestxray14_sample --folds 3 --within-training --out ablation

`OUT/K.csv` tests on the patients of fold K, and validates on a fifth of the others. With
`--within-training` the dataset's own test split stays what it is and fold K of the other patients
validates. A patient's fold is that of `input_pipeline.splits.fraction`.
"""

import argparse
import csv
from pathlib import Path

from input_pipeline.loader import open_prepared
from input_pipeline.splits import fraction

VALIDATION = 0.2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="prepared dataset that names images and patients")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--within-training", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    prepared = open_prepared(options.data)
    options.out.mkdir(parents=True, exist_ok=True)
    for fold in range(options.folds):
        rows = [
            (image, _split(split, str(patient), fold, options))
            for split in prepared.splits
            for image, patient in prepared.records(split)[["image_id", "patient_id"]].to_numpy()
        ]
        with (options.out / f"{fold}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("image_id", "split"), *rows])


def _split(split: str, patient: str, fold: int, options: argparse.Namespace) -> str:
    purpose = "ablation:0" if options.within_training else "fold:0"
    mine = int(options.folds * fraction(patient, purpose)) == fold
    if options.within_training:
        if split == "test":
            return split
        return "validation" if mine else "train"
    if mine:
        return "test"
    return "validation" if fraction(patient, "inner:0") < VALIDATION else "train"


if __name__ == "__main__":
    main()
