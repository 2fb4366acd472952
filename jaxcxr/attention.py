"""Where the class token of a run's model looks: attention rollout over prepared images.

    python -m jaxcxr.attention --run DIR --out FILE.npz [--images ID ... | --labels NAME ...]

Attention rollout (Abnar and Zuidema 2020, arXiv 2005.00928): the heads of each block averaged,
half of the identity added for the residual path, the blocks' matrices multiplied. The file holds
`image_id` `[images]`, `image` `[images, size, size]` uint8 as prepared, `rollout`
`[images, rows, columns]` float32, the share of the class token that comes from each patch, and
`origin`, JSON that says which weights. A map of attention is no explanation of a prediction.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxcxr.errors import InputError, report_input_errors

if TYPE_CHECKING:
    import jax

    from input_pipeline.loader import Prepared
    from jaxcxr.report.predictions import Predictions

BATCH = 8  # the matrices of all blocks are in memory at once
TRUE_POSITIVE, FALSE_POSITIVE = "true positive", "false positive"


@dataclass(frozen=True)
class Example:
    """An image that a model calls positive for a label.

    Attributes:
      label: the label.
      kind: `true positive` or `false positive`.
      image_id: of the image.
      score: its logit.
      threshold: the operating point: Youden's on the images that the example was chosen from.
    """

    label: str
    kind: str
    image_id: str
    score: float
    threshold: float


def choose_examples(predictions: Predictions, labels: Sequence[str], count: int) -> list[Example]:
    """Choose the `count` true and the `count` false positives with the highest scores.

    Of equal scores the first image id is chosen. A label without both classes gives none.

    Args:
      predictions: of one split.
      labels: names.
      count: of each kind, for each label; fewer where there are no more.

    Raises:
      InputError: the predictions have no such label.
    """
    from jaxcxr.stats import operating_point

    chosen = []
    for name in labels:
        if name not in predictions.label_names:
            raise InputError(
                f"{predictions.path}: no label {name!r}; choose among "
                f"{', '.join(predictions.label_names)}"
            )
        column = predictions.label_names.index(name)
        truth, scores = predictions.labels[:, column], predictions.scores[:, column]
        if not ((truth == 1).any() and (truth == 0).any()):
            continue
        threshold = operating_point(truth, scores).threshold
        order = np.lexsort((predictions.image_id, -scores))
        for kind, known in ((TRUE_POSITIVE, 1), (FALSE_POSITIVE, 0)):
            rows = [row for row in order if truth[row] == known and scores[row] >= threshold]
            chosen += [
                Example(name, kind, str(predictions.image_id[row]), float(scores[row]), threshold)
                for row in rows[:count]
            ]
    return chosen


def rollout(attentions: Sequence[jax.Array]) -> jax.Array:
    """Follow attention through the blocks.

    Args:
      attentions: of each block, first to last, probabilities `[batch, heads, tokens, tokens]`.

    Returns:
      `[batch, tokens, tokens]`; row i says how much of the last block's token i comes from each
      token of the first; rows sum to 1.
    """
    import jax.numpy as jnp

    followed = jnp.eye(attentions[0].shape[-1], dtype=jnp.float32)
    for probabilities in attentions:
        mean = probabilities.astype(jnp.float32).mean(axis=1)
        mixed = (mean + jnp.eye(mean.shape[-1])) / 2
        followed = mixed @ followed
    return followed


def attend(directory: Path, split: str, image_ids: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Compute the maps of images of a run's dataset.

    Args:
      directory: of the run.
      split: that the images are of.
      image_ids: which; None for all.

    Returns:
      What the file holds.

    Raises:
      InputError: there is no such run or image.
    """
    import jax

    from input_pipeline.loader import images_at, open_prepared
    from jaxcxr.model import flatten
    from jaxcxr.model import split as parts_of
    from jaxcxr.predictor import load_run
    from jaxcxr.run_directory import read_config
    from jaxcxr.step import to_model_input

    prepared = open_prepared(read_config(directory).data)
    model, _, pixels, origin = load_run(directory)
    apply, state = parts_of(model)
    prefix, grid, depth = model.spec.prefix_tokens, model.grid, model.spec.depth

    @jax.jit
    def maps(params: Any, images: jax.Array) -> jax.Array:
        _, out = apply(params, to_model_input(images, *pixels))
        seen = rollout([out[f"attention{block:02}"] for block in range(depth)])
        return seen[:, 0, prefix:].reshape(-1, grid, grid)

    params = flatten(state)
    rows = _rows(prepared, split, image_ids)
    images = images_at(prepared, split, rows)
    # One shape for all batches: the last is filled up with black images.
    filled = np.pad(images, ((0, -len(images) % BATCH), (0, 0), (0, 0)))
    seen = np.zeros((len(filled), grid, grid), np.float32)
    for start in range(0, len(filled), BATCH):
        batch = slice(start, start + BATCH)
        seen[batch] = maps(params, filled[batch])
    return {
        "image_id": prepared.records(split)["image_id"].to_numpy(dtype=str)[rows],
        "image": images,
        "rollout": seen[: len(images)],
        "origin": np.array(json.dumps({"weights_sha256": origin["weights_sha256"]})),
    }


def _rows(prepared: Prepared, split: str, image_ids: Sequence[str] | None) -> np.ndarray:
    known = prepared.records(split)["image_id"].to_numpy(dtype=str)
    if not len(known):
        raise InputError(
            f"{prepared.path}: no split {split!r}; it has {', '.join(prepared.splits)}"
        )
    if image_ids is None:
        return np.arange(len(known))
    places = {name: row for row, name in enumerate(known)}
    absent = [name for name in image_ids if name not in places]
    if absent:
        raise InputError(
            f"{prepared.path}: no image {absent[0]!r} in split {split!r}; its records.parquet "
            "names them"
        )
    return np.array([places[name] for name in image_ids], np.int64)


def read_attention(path: Path) -> dict[str, Any]:
    """Read a file back, `origin` as a dict.

    Raises:
      InputError: there is none, or it is damaged.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {name: file[name] for name in ("image_id", "image", "rollout", "origin")}
        return found | {"origin": json.loads(str(found["origin"]))}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no readable attention maps ({error}); make them again") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.attention",
        description="Attention rollout of a run's model over images of its dataset.",
    )
    parser.add_argument("--run", type=Path, required=True, help="directory of a run")
    parser.add_argument("--out", type=Path, required=True, help=".npz file to write")
    parser.add_argument("--split", default="test", help="of the run's dataset (default: test)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--images", nargs="+", metavar="ID", help="images (default: all)")
    which.add_argument(
        "--labels",
        nargs="+",
        metavar="NAME",
        help="the true and false positives of these labels with the highest scores",
    )
    parser.add_argument("--count", type=int, default=2, help="of each kind, for each label (2)")
    options = parser.parse_args(arguments)
    with report_input_errors():
        if options.out.suffix != ".npz":
            raise InputError(f"--out {options.out}: give a name that ends in .npz")
        if options.count < 1:
            raise InputError(f"--count {options.count}: give at least 1")
        # None is for all images; a label without an example is for none.
        chosen = list(dict.fromkeys(options.images)) if options.images else None
        if options.labels:
            chosen = _examples(options)
        found = attend(options.run, options.split, chosen)
        from jaxcxr.files import atomic_path

        with atomic_path(options.out) as temporary:
            np.savez_compressed(
                temporary,
                image_id=found["image_id"],
                image=found["image"],
                rollout=found["rollout"],
                origin=found["origin"],
            )
    print(f"attention over {len(found['image_id'])} images in {options.out}")


def _examples(options: argparse.Namespace) -> list[str]:
    from jaxcxr.report.predictions import read_predictions
    from jaxcxr.run_directory import PREDICTIONS

    predictions = read_predictions(options.run / PREDICTIONS).of_split(options.split)
    found = choose_examples(predictions, options.labels, options.count)
    return list(dict.fromkeys(example.image_id for example in found))


if __name__ == "__main__":
    main()
