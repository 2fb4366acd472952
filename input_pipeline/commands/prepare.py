"""`prepare`: decode, preprocess and write the images of a cohort as a TFDS dataset."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from input_pipeline.commands.options import add_cohort_arguments, cohort_options
from jaxcxr.terminal import console, say

if TYPE_CHECKING:
    from input_pipeline.prepare import WriteShards


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_cohort_arguments(parser)
    parser.add_argument("--out-dir", type=Path, required=True, help="the prepared dataset")
    parser.add_argument(
        "--recipe",
        default="paper",
        help="paper (the study's steps) or faithful (full depth; default: %(default)s)",
    )
    parser.add_argument(
        "--image-size", type=int, default=224, help="side in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)"
    )
    parser.add_argument(
        "--max-rejects",
        type=float,
        default=0.01,
        help="share of images that may be unreadable (default: %(default)s)",
    )
    parser.add_argument(
        "--beam-options",
        metavar="OPTIONS",
        help="prepare as an Apache Beam pipeline instead of by processes of this machine, as "
        "--beam-options='--runner=FlinkRunner ...'; needs jaxcxr[beam]",
    )


def run(parsed: argparse.Namespace) -> None:
    """Prepare, and say what came out."""
    from input_pipeline.cohort import load_cohort
    from input_pipeline.cohort_file import read_cohort
    from input_pipeline.commands.report import joins_and_notes
    from input_pipeline.prepare import prepare

    cohort = load_cohort(parsed.dataset, parsed.raw_dir, **cohort_options(parsed))
    prepare(
        cohort,
        parsed.raw_dir,
        parsed.out_dir,
        recipe=parsed.recipe,
        size=parsed.image_size,
        workers=parsed.workers,
        max_rejects=parsed.max_rejects,
        write=None if parsed.beam_options is None else _beam_writer(parsed.beam_options),
    )
    for line in joins_and_notes(cohort):
        say(line)
    written = read_cohort(parsed.out_dir)
    counts = ", ".join(f"{split} {n:,}" for split, n in written["prepared"].items())
    console(highlight=False).print(
        f"prepared in {parsed.out_dir}: {counts}; rejected {written['rejected']} "
        f"(rejects.csv); recipe {written['recipe']} {written['recipe_hash']}",
        soft_wrap=True,
    )


def _beam_writer(options: str) -> WriteShards:
    import shlex
    from functools import partial
    from importlib import import_module

    from input_pipeline.beam import write_shards
    from jaxcxr.errors import InputError

    try:
        beam = import_module("apache_beam.options.pipeline_options")
    except ImportError:
        raise InputError("--beam-options needs Apache Beam: pip install 'jaxcxr[beam]'") from None
    return partial(write_shards, options=beam.PipelineOptions(shlex.split(options)))
