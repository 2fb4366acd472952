"""Which rows of the table of checkpoints a file may be, and when it surely is one.

Sizes and keys only make candidates: a fine-tuned model has those of what it began as. A file is
recognised by its name, where its owner's library gives it that, by the user's word, or by its
bytes.
"""

from __future__ import annotations

from collections.abc import Iterable

from convert.beside import Beside
from convert.checkpoint import Checkpoint
from convert.checkpoints import CHECKPOINTS, find_checkpoint
from convert.recognise import Dimensions, Named
from convert.transforms import heads_of
from jaxcxr.errors import InputError

# Fields that the tensors' sizes tell, by architecture.
SIZES = {
    "vit": ("width", "depth", "mlp_width", "patch_size", "register_tokens"),
    "convnext": ("widths", "depths", "patch_size"),
}
# Outputs of the heads of ImageNet-21K and -22K, which a file may also be without.
PRETRAINED = ((21843,), (21841,))
# What DINOv3 was trained on; its files are called after it.
DATA = ("sat493m", "lvd1689m")


def find_rows(
    source: str,
    named: Named,
    dimensions: Dimensions,
    checkpoint: str | None,
    beside: Beside,
    sha256: str,
) -> tuple[list[Checkpoint], str]:
    """The rows that a file may be, and by what the only one is recognised: `name`, `sha256`.

    Args:
      source: what the user called the file.
      named: its keys.
      dimensions: what its shapes say.
      checkpoint: the row that it is by its name, or by the user's word.
      beside: what lies beside the file.
      sha256: of the file.

    Raises:
      InputError: the checkpoint is not in the table.
    """
    if checkpoint is not None:
        row = find_checkpoint(checkpoint)
        if row is None:
            raise InputError(
                f"checkpoint {checkpoint!r} is not in the table; one of {', '.join(CHECKPOINTS)}"
            )
        if row.spec.architecture != named.layout.architecture:
            raise InputError(
                f"{source}: its keys are of {named.layout.library}, but {row.name} is another "
                "architecture; leave out --checkpoint, or name the one that it is"
            )
        return [row], "name"
    fitting = _of_these_sizes(named, dimensions)
    for row in fitting:
        if row.sha256 and sha256.startswith(row.sha256):
            return [row], "sha256"
    return _narrow(fitting, named, beside, source.rpartition("/")[2]), ""


def _of_these_sizes(named: Named, dimensions: Dimensions) -> list[Checkpoint]:
    """The rows of these dimensions and this library, at whatever image size the table is for."""
    layout = named.layout
    names = (*SIZES[layout.architecture], "layer_scale")
    fitting = [
        row
        for row in CHECKPOINTS.values()
        if layout.family in row.names
        and layout.architecture == row.spec.architecture
        and layout.rope == bool(getattr(row.spec, "rope_periods", ()))
        and all(getattr(dimensions, n) in (None, getattr(row.spec, n)) for n in names)
        and (dimensions.labels in row.head_outputs or row.head_outputs in ((), *PRETRAINED))
    ]
    keys = (*named.keys, *named.left_out)
    marked = [row for row in fitting if _is_marked(row, keys, dimensions.labels)]
    return marked or fitting


def _is_marked(row: Checkpoint, keys: Iterable[str], labels: int | None) -> bool:
    marked = bool(row.signs) and any(key.startswith(row.signs) for key in keys)
    return marked or (row.head_outputs in PRETRAINED and labels in row.head_outputs)


def _narrow(rows: list[Checkpoint], named: Named, beside: Beside, file: str) -> list[Checkpoint]:
    """Leave out the rows that something beside the file, or its name, speaks against."""
    if beside.name is not None and "." in beside.name:
        rows = [row for row in rows if row is find_checkpoint(beside.name)]
    family, said = named.layout.family, beside.fields
    rows = [
        row
        for row in rows
        if said.get("heads", heads_of(row.spec)) == heads_of(row.spec)
        and said.get("gelu", row.spec.gelu) in (row.spec.gelu, row.spec_of(family).gelu)
    ]
    data = next((data for data in DATA if data in file), None)
    if data is not None:
        rows = [row for row in rows if any(data in name for name in row.names.values())]
    by_pixels = [row for row in rows if row.spec.pixel_mean == said.get("pixel_mean")]
    return by_pixels or rows
