"""AUC over the test patients of all folds, of runs beside probes: docs/real_radiographs.md.

    python -m benchmarks.pooled_folds --runs runs/fold* --against probe/fold* [--labels NAME...]

Each directory holds the `predictions.parquet` of one fold; the same place in both lists is the same
fold. Three numbers, since models of different folds need not agree on the scale of their logits:

- pooled: all images together, as they are;
- ranks: all together, each logit replaced by its rank among those of its fold;
- folds: mean of the folds' own AUCs, those with both classes.

Intervals are the 2.5 and 97.5 percentiles over redraws of patients, the same for both sides.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from jaxcxr.inference.forward import label_aucs
from jaxcxr.run.directory import PREDICTIONS

REDRAWS = 1000
LABELS = ("Pneumonia", "Edema", "Pleural effusion", "Atelectasis")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--against", type=Path, nargs="+", required=True)
    parser.add_argument("--labels", nargs="+", default=LABELS)
    options = parser.parse_args()
    runs, against = (read_folds(one, options.labels) for one in (options.runs, options.against))
    if not runs[["image_id", "fold"]].equals(against[["image_id", "fold"]]):
        raise SystemExit("the two sides do not test on the same images in the same folds")
    values, low, high = compare(runs, against, options.labels)
    for place, label in enumerate(options.labels):
        positives = int((runs[f"label:{label}"] == 1).sum())
        print(f"{label}, {positives} of {len(runs)}")
        for row, side in enumerate(("runs", "against", "difference")):
            shown = [
                f"{kind} {100 * values[row, column, place]:.1f} "
                f"[{100 * low[row, column, place]:.1f}, {100 * high[row, column, place]:.1f}]"
                for column, kind in enumerate(("pooled", "ranks", "folds"))
            ]
            print(f"  {side}: " + "; ".join(shown))


def read_folds(directories: list[Path], labels: list[str]) -> pd.DataFrame:
    """Stack the test predictions of the folds, in the order of images within each."""
    columns = [f"{kind}:{label}" for kind in ("label", "logit") for label in labels]
    folds = []
    for fold, directory in enumerate(directories):
        found = pd.read_parquet(directory / PREDICTIONS)
        found = found[found["split"] == "test"].sort_values("image_id")
        folds.append(found[["image_id", "patient_id", *columns]].assign(fold=fold))
    return pd.concat(folds, ignore_index=True)


def compare(
    runs: pd.DataFrame, against: pd.DataFrame, labels: list[str], redraws: int = REDRAWS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, lower and upper ends, `[runs, against and difference; kinds; labels]`."""
    rng = np.random.default_rng(0)
    by_patient = runs.groupby("patient_id").indices
    patients = np.array(sorted(by_patient, key=str), object)
    values = _both(runs, against, labels, np.arange(len(runs)))
    redrawn = [
        _both(runs, against, labels, np.concatenate([by_patient[one] for one in drawn]))
        for drawn in (rng.choice(patients, len(patients)) for _ in range(redraws))
    ]
    low, high = np.nanpercentile(redrawn, [2.5, 97.5], axis=0)
    return values, low, high


def _both(
    runs: pd.DataFrame, against: pd.DataFrame, labels: list[str], rows: np.ndarray
) -> np.ndarray:
    found = [three_aucs(side, labels, rows) for side in (runs, against)]
    return np.array([*found, found[0] - found[1]])


def three_aucs(side: pd.DataFrame, labels: list[str], rows: np.ndarray) -> np.ndarray:
    """AUC pooled, pooled by ranks within folds, and mean of folds: `[3, labels]`."""
    truth = side[[f"label:{label}" for label in labels]].to_numpy()[rows]
    logits = side[[f"logit:{label}" for label in labels]].to_numpy()[rows]
    folds = side["fold"].to_numpy()[rows]
    ranks, single = np.empty(logits.shape), []
    for fold in np.unique(folds):
        mine = folds == fold
        ranks[mine] = rankdata(logits[mine], axis=0) / mine.sum()
        single.append(label_aucs(truth[mine], logits[mine]))
    known = ~np.isnan(single)
    total = np.where(known, single, 0).sum(axis=0)
    mean = np.divide(total, known.sum(axis=0), out=np.full(len(labels), np.nan), where=known.any(0))
    return np.array([label_aucs(truth, logits), label_aucs(truth, ranks), mean])


if __name__ == "__main__":
    main()
