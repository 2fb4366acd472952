"""What of a run goes to Hugging Face, made in a folder of its own, and sent from there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxcxr.errors import InputError, first_line
from jaxcxr.files import sha256, write_json
from jaxcxr.model import read_header, read_tensors, write_weights
from jaxcxr.model.weights import EXTRA
from jaxcxr.reporting.model_card import write_card
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.run.directory import CONFIG, WEIGHTS
from jaxcxr.use.places import without_places

CARD = "README.md"
# Of the weights' provenance, what their use needs and their terms. No other field goes: an older or
# later one may hold what nobody looked at.
_KEPT = (
    *("source", "tool_version", "dataset", "label_rules", "recipe", "recipe_hash", "labels"),
    *("trained_on", "initialization", "epoch", "validation_auc", "saw_before", "pretrained_on"),
)
_KEPT_OF_START = ("checkpoint", "licence", "origin", "labels", "pretrained_on")
# Of the config, what is a place on this machine.
_PLACES = ("data", "wandb")


@contextmanager
def packed(run: RunRecord) -> Iterator[Path]:
    """Give a folder with just the files that would go, while the block runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_card(folder / CARD, run)
        header = read_header(run.directory / WEIGHTS)
        # What was learnt from lies in the file as digests, of which one can ask for a known id.
        tensors = {
            key: value
            for key, value in read_tensors(run.directory / WEIGHTS).items()
            if not key.startswith(EXTRA)
        }
        write_weights(folder / WEIGHTS, header.spec, tensors, public_provenance(run.provenance))
        write_json(folder / CONFIG, public_config(run))
        yield folder


def public_provenance(provenance: dict[str, Any]) -> dict[str, Any]:
    """Keep what may be told of the weights' making."""
    kept = {name: provenance[name] for name in _KEPT if provenance.get(name) is not None}
    began = provenance.get("initialized_from") or {}
    before = began.get("provenance") or {}
    start = {name: before[name] for name in _KEPT_OF_START if before.get(name) is not None}
    if began:
        kept["initialized_from"] = {"sha256": began.get("sha256"), "provenance": start}
    return without_places(kept)


def public_config(run: RunRecord) -> dict[str, Any]:
    """Give the run's config without places: nested as it was, those fields empty."""
    nested: dict[str, Any] = {}
    for name, value in run.config.items():
        *groups, last = name.split(".")
        inside = nested
        for group in groups:
            inside = inside.setdefault(group, {})
        inside[last] = "" if name in (*_PLACES, "model.weights") else value
    return without_places(nested)


def listing(folder: Path) -> list[tuple[str, int, str]]:
    """List each file with its bytes and how its digest begins."""
    return [
        (path.name, path.stat().st_size, sha256(path)[:16]) for path in sorted(folder.iterdir())
    ]


def check_repository(name: str) -> None:
    """Stop where a repository is not named as Hugging Face names them.

    Raises:
      InputError: it is not.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", name):
        raise InputError(f"--push {name}: give a repository as OWNER/NAME")


def push(folder: Path, repository: str) -> str:
    """Send the files of a folder to a private repository; return where they can be seen.

    Raises:
      InputError: Hugging Face refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.create_repo(repository, repo_type="model", private=True, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Model and card"
        )
    except Exception as error:  # its client, and the library below it, each have their own
        raise InputError(
            f"--push {repository}: not sent ({first_line(error)}); log in with `hf auth login` and "
            "check the name and the network"
        ) from None
    return str(done)
