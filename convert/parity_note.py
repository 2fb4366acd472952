"""The measured parity of a weights file, in the `.json` beside it.

A weights file is known by its SHA-256, in runs, predictions and reports; so nothing that is found
out later is written into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxcxr.errors import InputError
from jaxcxr.files import sha256, write_json
from jaxcxr.model import read_header
from jaxcxr.model.weights import FORMAT, Described
from jaxcxr.small_files import read_json


def note_parity(path: Path, parity: Mapping[str, Any]) -> Path:
    """Write into the `.json` beside a weights file how its model compares with the original.

    The file's SHA-256 stands with it, so that no other file of that name can claim it.

    Returns:
      The path of the `.json`.
    """
    header = read_header(path)
    measured = {**parity, "weights_sha256": sha256(path)}
    provenance = header.provenance | {"parity": measured}
    described = {"format": FORMAT, "spec": header.spec.to_dict(), "provenance": provenance}
    write_json(path.with_suffix(".json"), described)
    return path.with_suffix(".json")


def read_parity(path: Path) -> dict[str, Any] | None:
    """What `note_parity` wrote of this very file, or None."""
    try:
        described = read_json(path.with_suffix(".json"), Described, "a description", "verify again")
    except InputError:
        return None
    parity = described["provenance"].get("parity")
    return parity if parity and parity.get("weights_sha256") == sha256(path) else None
