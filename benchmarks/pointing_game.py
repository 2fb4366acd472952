"""Do maps point at the planted finding? The pointing game on phantoms: docs/explain.md.

    python -m benchmarks.pointing_game --run RUN [--images 60] [--seed 1000]

RUN was trained on phantoms. For each of its labels that shows at one place, new phantoms are drawn
twice, with the finding and without: it is where the two differ. A map hits if its largest value is
there (Zhang et al. 2016, arXiv 1608.00507; no margin). Beside the hits, with 95 % intervals
(Wilson), stand the share of the picture that the finding covers, which is what a random point hits,
and the hits of the same model with its parameters shuffled within each tensor.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from input_pipeline.decoding.recipes import RECIPES
from input_pipeline.labels import finding_id
from input_pipeline.phantom.anatomy import draw
from jaxcxr.errors import InputError
from jaxcxr.inference.attention import make_maps
from jaxcxr.inference.chosen_model import load_run
from jaxcxr.inference.gradients import make_attribute
from jaxcxr.inference.overlays import balanced
from jaxcxr.model import flatten, split
from jaxcxr.run.directory import read_config
from jaxcxr.stats.proportions import proportion
from jaxcxr.use.card import read_card

LOCAL = (
    "cardiomegaly",
    "pleural_effusion",
    "pneumonia",
    "atelectasis",
    "consolidation",
    "pneumothorax",
    "nodule_mass",
)
VISIBLE = 0.05  # difference of brightness, of 0 to 1
STEPS = 32  # of integrated gradients; shuffled parameters may jump too much for any
KINDS = ("gradients", "rollout", "heads", "shuffled gradients")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--images", type=int, default=60, help="of each finding")
    parser.add_argument("--seed", type=int, default=1000, help="none that drew what RUN learnt")
    options = parser.parse_args()
    model, labels, pixels, origin = load_run(options.run, plain=True)
    size = read_config(options.run).image_size
    aucs = {one.label: one.test_auc for one in read_card([options.run], labels, [origin])}
    apply, state = split(model)
    params = flatten(state)
    maps = make_maps(apply, params, pixels, size, options.run, model.spec.pooling)
    print(f"percent of {options.images} images each")
    print("label", "AUC", "covered", *KINDS, sep=" | ")
    for column, label in enumerate(labels):
        try:
            finding = finding_id(label)
        except InputError:  # a label of one's own
            continue
        if finding not in LOCAL:
            continue
        attribute = make_attribute(apply, pixels, [column], steps=STEPS)
        shuffled, covered = shuffle(params), []
        hits: dict[str, list[bool]] = {kind: [] for kind in KINDS}
        for number in range(options.images):
            image, planted = phantom(finding, (options.seed, column, number), size, origin)
            rollout, heads = (np.asarray(one[0]) for one in maps(params, image[None]))
            drawn = {
                "gradients": balanced(attribute(params, image).values[0]),
                "rollout": rollout,
                "heads": heads.mean(axis=0),
                "shuffled gradients": balanced(attribute(shuffled, image).values[0]),
            }
            for kind, values in drawn.items():
                hits[kind].append(is_hit(values, planted))
            covered.append(planted.mean())
        auc = aucs[label]
        known = "-" if auc is None else f"{100 * auc['value']:.0f}"
        row = [label, known, f"{100 * np.mean(covered):.0f}"]
        print(*row, *(told(hits[kind]) for kind in KINDS), sep=" | ", flush=True)


def phantom(finding, seed, size, origin):
    """Draw a phantom with a finding, as prepared, `[size, size]` uint8, and where that shows."""
    with_it, without = (
        draw(np.random.default_rng(seed), findings, height=size, width=size)
        for findings in ({finding}, set())
    )
    _, content = cv2.imencode(".png", np.rint(with_it * 255).astype(np.uint8))
    image = RECIPES[origin["recipe"]](content.tobytes(), size)
    return image, np.abs(with_it - without) > VISIBLE


def is_hit(values, planted):
    """Whether the largest value of a map, of whatever size, lies on the finding."""
    side = len(planted)
    if len(values) != side:
        values = cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR)
    return bool(planted.ravel()[np.argmax(values)])


def shuffle(params):
    """Shuffle the parameters within each tensor."""
    rng = np.random.default_rng(0)
    return {
        name: rng.permutation(np.asarray(value).ravel()).reshape(value.shape)
        for name, value in params.items()
    }


def told(hits):
    """Write a share with its interval."""
    found = proportion(hits)
    return f"{100 * found.value:.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]"


if __name__ == "__main__":
    main()
