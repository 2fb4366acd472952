"""Embed image files by the road of `jaxcxr.predict`: the same names, processes and rejects."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from input_pipeline.decoding.image_files import ImageFiles, Opened
from input_pipeline.decoding.recipe_hash import recipe_hash
from input_pipeline.workers import in_processes
from jaxcxr.errors import InputError
from jaxcxr.inference.embedding_parts import Parts, Report, joined, made_in_parts
from jaxcxr.inference.embeddings import BATCH, Backbone, origin_of, params_of
from jaxcxr.inference.embeddings_file import FORMAT, Embeddings, check_suffix, pixel_digest
from jaxcxr.inference.features import make_extract
from jaxcxr.inference.forward import fill_devices
from jaxcxr.inference.image_files import known_recipe, rejects_of, report_rejects
from jaxcxr.inference.image_names import named_images, state_of
from jaxcxr.run.mesh import make_mesh, put_state
from jaxcxr.use.places import without_places
from jaxcxr.use.predicting import report_passed_over


def embed_files(
    backbone: Backbone, asked: Sequence[Path], recipe: str, workers: int, out: Path
) -> int:
    """Embed image files; return how many could be read.

    What cannot be read is named, and listed with its reason in `OUT.rejects.csv`.

    Args:
      backbone: that makes the features.
      asked: files, folders, patterns and lists.
      recipe: that images are prepared by, where the backbone does not say.
      workers: processes that open files.
      out: file to write.

    Raises:
      InputError: something is not there, or no file can be read.
    """
    check_suffix(out)
    if workers < 1:
        raise InputError(f"--workers {workers}: give at least 1")
    assert backbone.image_size is not None
    size = backbone.image_size
    if backbone.recipe is not None:
        recipe = known_recipe(backbone.recipe, Path(backbone.origin["weights"]))
    files, passed_over = named_images(asked)
    report_passed_over(passed_over)
    origin = without_places(origin_of(backbone, size, recipe))
    origin |= {"dataset": None, "recipe_hash": recipe_hash(recipe, size)}
    mesh = make_mesh(-1, 1, batch_size=0)
    batch = fill_devices(BATCH, mesh)
    extract = make_extract(backbone.model, backbone.pixels, mesh)
    params = put_state(mesh, params_of(backbone))
    names = list(files)
    pieces = [
        ImageFiles(tuple(part), tuple(files[name] for name in part), recipe, size)
        for part in (names[start : start + batch] for start in range(0, len(names), batch))
    ]

    def embedded(piece: ImageFiles, opened: Opened) -> Embeddings:
        filled = np.zeros((batch, size, size), np.uint8)
        filled[: len(opened.images)] = opened.images
        features = np.asarray(extract(params, filled))[: len(opened.images)]
        finite_rows = [bool(np.isfinite(one).all()) for one in features]
        reasons = [
            why or ("" if finite else "the model gives no finite number for it")
            for why, finite in zip(opened.reasons, finite_rows, strict=True)
        ]
        rejects = [(name, why) for name, why in zip(piece.names, reasons, strict=True) if why]
        good = [row for row, why in enumerate(reasons) if not why]
        return Embeddings(
            np.array([piece.names[row] for row in good], dtype=str),
            pixel_digest(opened.images[good]),
            features[good, 0],
            features[good, 1],
            {"format": FORMAT, "rejects": rejects},
        )

    def make(missing: Sequence[int], report: Report) -> Parts:
        with closing(in_processes([pieces[number] for number in missing], workers)) as work:
            for place, opened in work:
                piece = pieces[missing[place]]
                yield missing[place], embedded(piece, opened)
                report(len(piece.names))

    states = [[name, *state_of(path)] for name, path in files.items()]
    identity = origin | {"images": len(files), "parts": states}
    parts = made_in_parts(out, identity, len(pieces), len(files), make)
    rejects = [(name, why) for one in parts for name, why in one.origin["rejects"]]
    report_rejects(out, rejects)
    if len(rejects) == len(files):
        raise InputError(f"none of {len(rejects)} files can be read; see {rejects_of(out)}")
    return len(joined(out, origin, parts).image_id)
