"""Explain images of a split or image files, one folder an image; a kill loses one image."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from input_pipeline.decoding.image_files import ImageFiles
from input_pipeline.loader import images_at
from input_pipeline.workers import in_processes
from jaxcxr.errors import InputError
from jaxcxr.files import write_json
from jaxcxr.inference.image_files import known_recipe, rejects_of, report_rejects
from jaxcxr.inference.image_names import named_images
from jaxcxr.inference.rollout import rows_of
from jaxcxr.run.belongs import note_test_read, open_run_data
from jaxcxr.run.directory import WEIGHTS
from jaxcxr.terminal import progress_of_images, say
from jaxcxr.use.explainer import Explainer, Picture
from jaxcxr.use.flags import flags_of, trained_by
from jaxcxr.use.map_folders import entry_of, is_made, write_folder
from jaxcxr.use.predicting import report_passed_over

INDEX = "index.json"
WIDE_GAP = 0.1  # of the logit; what is called close is half of it

Pictures = Generator[Picture | None, None, None]  # None for a file that cannot be read


def explain_split(
    explainer: Explainer, run: Path, split: str, ids: Sequence[str] | None, out: Path
) -> int:
    """Explain images of a split of the run's dataset, on the pictures as prepared.

    Args:
      explainer: of the run.
      run: its directory.
      split: of its dataset.
      ids: of the images; None for all.
      out: folder to write.

    Returns:
      How many images were explained.

    Raises:
      InputError: there is no such split or image.
    """
    prepared = open_run_data(run, explainer.origin)
    rows = rows_of(prepared, split, ids)
    known = prepared.records(split)["image_id"].to_numpy(dtype=str)
    if split == "test":
        note_test_read(run)

    def pictures() -> Pictures:
        for row in rows:
            image = images_at(prepared, split, np.array([row]))[0]
            yield Picture(str(known[row]), image, image, [])

    return _explain(explainer, pictures(), len(rows), out)


def explain_files(
    explainer: Explainer, run: Path, asked: Sequence[Path], workers: int, out: Path
) -> int:
    """Explain image files, on the originals at their own size.

    What cannot be read is listed with its reason in `OUT.rejects.csv`.

    Args:
      explainer: of the run.
      run: its directory.
      asked: files, folders, patterns and lists.
      workers: processes that open files.
      out: folder to write.

    Returns:
      How many images were explained.

    Raises:
      InputError: something is not there, or no file can be read.
    """
    if workers < 1:
        raise InputError(f"--workers {workers}: give at least 1")
    files, passed_over = named_images(asked)
    report_passed_over(passed_over)
    recipe = known_recipe(explainer.origin["recipe"], run / WEIGHTS)
    trained = trained_by([run], [explainer.origin])
    pieces = [
        ImageFiles((name,), (path,), recipe, explainer.size, show=True)
        for name, path in files.items()
    ]
    rejects: list[tuple[str, str]] = []

    def pictures() -> Pictures:
        # Closed, or Ctrl-C would wait for what is in work.
        with closing(in_processes(pieces, workers)) as work:
            for number, opened in work:
                (name,), shown = pieces[number].names, opened.shown[0]
                if shown is None:
                    rejects.append((name, opened.reasons[0]))
                    yield None
                else:
                    flags = flags_of(opened.about[0], trained)
                    yield Picture(name, opened.images[0], shown, flags)

    done = _explain(explainer, pictures(), len(files), out)
    report_rejects(out, sorted(rejects))
    if not done:
        raise InputError(f"none of {len(rejects)} files can be read; see {rejects_of(out)}")
    return done


def _explain(explainer: Explainer, pictures: Pictures, total: int, out: Path) -> int:
    """Make the folder of each picture that has none yet, then `index.json`; count the pictures."""
    entries = []
    with progress_of_images("explaining") as progress, closing(pictures):
        task = progress.add_task("", total=total)
        for picture in pictures:
            if picture is not None:
                made_by = explainer.made_by_of(picture)
                found = is_made(out, picture.image_id, made_by)
                if found is None:
                    found = explainer.maps_of(picture.prepared)
                    found |= {"image_id": np.array(picture.image_id)}
                    write_folder(out, picture.shown, found, made_by)
                entries.append(entry_of(found, picture.flags, explainer.card))
            progress.advance(task)
    about = {name: value for name, value in explainer.made_by.items() if name != "picture"}
    about["not_for_care"] = "a map proves nothing of a call; a research model, no medical device"
    if entries:
        entries.sort(key=lambda one: one["image_id"])
        for one in entries:
            if one["flags"]:
                say(f"flagged {one['image_id']}: {'; '.join(one['flags'])}", error=True)
        write_json(out / INDEX, {"about": about, "images": entries})
        _report_gaps(max(max(map(abs, one["gaps"].values()), default=0) for one in entries), out)
    return len(entries)


def _report_gaps(widest: float, out: Path) -> None:
    if widest > WIDE_GAP:
        say(
            f"integrated gradients miss the difference of logits by up to {widest:.2g} (gaps in "
            f"{out / INDEX}); more --steps bring them closer",
            error=True,
        )
