"""Compare recipes of fine-tuning on validation patients: the ablation of docs/recommended.md.

    python -m benchmarks.recipes --weights FILE --data PREPARED... --out DIR [--recipes NAME...]

Each recipe is trained on each prepared dataset to its last epoch, with nothing chosen by the
validation split but the strength of the probe's penalty, and judged on that split; the test split
is not opened. Prints, and keeps in `DIR/recipes.csv`, the mean over trainings of each label's AUC
with its 95 % interval over redraws of patients, and the floor's.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from configs import recommended
from input_pipeline.loader import open_prepared
from input_pipeline.subset import training_units
from jaxcxr.config import check_config, study_config
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.forward import label_aucs, make_predictor
from jaxcxr.model import flatten, split
from jaxcxr.probing.floor import FLOOR, read_floor
from jaxcxr.run.directory import open_run
from jaxcxr.run.mesh import make_mesh
from jaxcxr.training.train import train

REDRAWS = 500
LABELS = ("Pneumonia", "Edema", "Pleural effusion", "Atelectasis")
# What each changes of the recommended recipe at a learning rate of 1e-5, or of the study's where it
# says so.
RECIPES: dict[str, dict] = {
    "study": {"from_study": True},
    "study, its weights' pixels, cosine": {
        **{"from_study": True, "normalization": "weights", "schedule": "cosine"},
    },
    "head from the probe": {},
    "learning rate 1e-4": {"learning_rate": 1e-4},
    "without layer-wise decay": {"layer_decay": 1.0},
    "random head": {"model.head": "new"},
    "random head, its own learning rate": {"model.head": "new", "head_learning_rate": 1e-2},
    "head learning rate x 10": {"head_learning_rate": 1e-4},
    "pos_weight study": {"pos_weight": "study"},
    "pos_weight capped": {"pos_weight": "capped"},
    "pos_weight sqrt": {"pos_weight": "sqrt"},
    "pos_weight effective": {"pos_weight": "effective"},
    "pixels in [0, 1]": {"normalization": "study"},
    "LoRA, 1e-4": {"trainable": "lora", "learning_rate": 1e-4},
    "no augmentation": {"flip": False, "rotation_degrees": 0.0},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", required=True)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=tuple(RECIPES), choices=tuple(RECIPES))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    rows = []
    for name in options.recipes:
        found = [
            _train(name, data, seed, options) for data in options.data for seed in options.seeds
        ]
        rows.append({"recipe": name, "trainings": len(found)} | _compare(found))
        print(rows[-1], flush=True)
    with (options.out / "recipes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _train(name: str, data: str, seed: int, options: argparse.Namespace) -> dict:
    """Train, and return `truth`, `patients`, `fine-tuned` and `floor` logits of validation."""
    changes = dict(RECIPES[name])
    config = study_config() if changes.pop("from_study", False) else recommended.get_config()
    config.learning_rate = 1e-5
    config.data, config.seed, config.model.weights = data, seed, options.weights
    prepared = open_prepared(data)
    config.image_size = prepared.image_size
    config.batch_size, config.epochs, config.selection = 16, options.epochs, "last"
    config.warmup_steps = min(config.warmup_steps, 5)
    config.update_from_flattened_dict(changes)
    check_config(config)
    directory = options.out / f"{name}-{Path(data).name}-s{seed}".replace(" ", "_")
    with open_run(directory, config):
        train(config, directory)
    model, names, pixels, _ = load_run(directory)
    mesh = make_mesh(-1, 1, batch_size=0)
    logits = make_predictor(model, pixels, mesh, 64)(
        flatten(split(model)[1]), prepared, "validation", names
    )
    records = prepared.records("validation")
    columns = [names.index(label) for label in LABELS]
    return {
        "truth": records[list(LABELS)].to_numpy(),
        "patients": np.array(training_units(records)),
        "fine-tuned": logits[:, columns],
        "floor": read_floor(directory / FLOOR),
    }


def _compare(found: list[dict]) -> dict:
    """Mean AUC over trainings by label, and redraws of the fine-tuned one."""
    rng = np.random.default_rng(0)
    rows = [np.arange(len(one["truth"])) for one in found]
    value = _mean(found, rows)
    redrawn = np.array([_mean(found, [_redraw(one, rng) for one in found]) for _ in range(REDRAWS)])
    low, high = np.nanpercentile(redrawn, [2.5, 97.5], axis=0)
    described: dict[str, float] = {}
    for place, label in enumerate((*LABELS, "mean")):
        floors = [one["floor"].labels for one in found]
        known = LABELS if label == "mean" else (label,)
        floor = np.mean([np.mean([labels[name] for name in known]) for labels in floors])
        described |= {
            label: round(value[place], 3),
            f"{label} low": round(low[place], 3),
            f"{label} high": round(high[place], 3),
            f"{label} floor": round(floor, 3),
        }
    return described


def _mean(found: list[dict], rows: list[np.ndarray]) -> np.ndarray:
    """AUC of each label, and their mean, averaged over trainings."""
    aucs = [
        label_aucs(one["truth"][chosen], one["fine-tuned"][chosen])
        for one, chosen in zip(found, rows, strict=True)
    ]
    by_label = np.mean(aucs, axis=0)
    return np.append(by_label, by_label.mean())


def _redraw(one: dict, rng: np.random.Generator) -> np.ndarray:
    units = np.unique(one["patients"])
    drawn = rng.choice(units, len(units))
    return np.concatenate([np.flatnonzero(one["patients"] == unit) for unit in drawn])


if __name__ == "__main__":
    main()
