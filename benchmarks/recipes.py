"""Compare recipes of fine-tuning on validation patients: the ablation of docs/recommended.md.

    python -m benchmarks.recipes --weights FILE --data PREPARED... --out DIR [--recipes NAME...]

Each recipe is trained on each prepared dataset to its last epoch, with nothing chosen by the
validation split but the strength of the probe's penalty, and judged on that split; the test split
is not opened. Prints, and keeps in `DIR/recipes.csv`, the mean over datasets of each label's AUC.
"""

import argparse
import csv
import json
from pathlib import Path

from configs import recommended
from jaxcxr.config import check_config, study_config
from jaxcxr.training.train import train

LABELS = ("Pneumonia", "Edema", "Pleural effusion", "Atelectasis")
# What each changes of the recommended recipe, or of the study's where it says so.
RECIPES: dict[str, dict] = {
    "study": {"from_study": True},
    "study, its weights' pixels, cosine": {
        **{"from_study": True, "normalization": "weights", "schedule": "cosine"},
    },
    "recommended": {},
    "without layer-wise decay": {"layer_decay": 1.0},
    "learning rate x 10": {"learning_rate": 1e-4},
    "random head": {"model.head": "new"},
    "random head, its own learning rate": {"model.head": "new", "head_learning_rate": 1e-2},
    "head learning rate x 10": {"head_learning_rate": 1e-4},
    "pos_weight study": {"pos_weight": "study"},
    "pos_weight capped": {"pos_weight": "capped"},
    "pos_weight sqrt": {"pos_weight": "sqrt"},
    "pos_weight effective": {"pos_weight": "effective"},
    "pixels in [0, 1]": {"normalization": "study"},
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
        means = {
            key: sum(one[key] for one in found) / len(found)
            for key in found[0]
            if all(one[key] is not None for one in found)
        }
        rows.append({"recipe": name, "trainings": len(found)} | means)
        print(name, {key: round(value, 3) for key, value in means.items()}, flush=True)
    fields = dict.fromkeys(key for row in rows for key in row)
    with (options.out / "recipes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)


def _train(name: str, data: str, seed: int, options: argparse.Namespace) -> dict:
    changes = dict(RECIPES[name])
    config = study_config() if changes.pop("from_study", False) else recommended.get_config()
    config.data, config.seed, config.model.weights = data, seed, options.weights
    config.image_size = json.loads((Path(data) / "cohort.json").read_text())["image_size"]
    config.batch_size, config.epochs, config.selection = 16, options.epochs, "last"
    config.warmup_steps = min(config.warmup_steps, 5)
    config.update_from_flattened_dict(changes)
    check_config(config)
    directory = options.out / f"{name}-{Path(data).name}-s{seed}".replace(" ", "_")
    train(config, directory)
    floor = json.loads((directory / "floor.json").read_text())
    kept = floor["kept"]["labels"]
    return {label: kept[label] for label in LABELS} | {
        f"floor {label}": floor["labels"][label] for label in LABELS
    }


if __name__ == "__main__":
    main()
