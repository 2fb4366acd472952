"""The one table of checkpoint facts: every other module asks it, none repeats it.

To add a checkpoint, add a row. What a row says of a model is what the weights were trained with,
or where that is the subject of a choice, what the field runs them with; `note` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jaxcxr.model import ViTSpec

HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint.

    Attributes:
      name: its short name here.
      names: what each library calls it, by family of layouts.
      spec: the model, under the layout that its authors publish.
      by_family: the fields of `spec` that another library's rendering changes.
      pooling: what its head, or the field, reads off the tokens.
      licence: of the weights.
      source: where they come from.
      note: what a user must know beyond that.
    """

    name: str
    names: Mapping[str, str]
    spec: ViTSpec
    licence: str
    source: str
    pooling: str = "class token"
    by_family: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    note: str = ""

    def spec_of(self, family: str) -> ViTSpec:
        """The model as the library of a family of layouts builds it."""
        return replace(self.spec, **self.by_family.get(family, {}))  # type: ignore[arg-type]


# Width, depth, heads.
_SIZES = {"small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}


def _dinov2(size: str, registers: int) -> Checkpoint:
    width, depth, heads = _SIZES[size]
    letter, suffix = size[0], "_reg4" if registers else ""
    hf_name = f"facebook/dinov2-{'with-registers-' if registers else ''}{size}"
    return Checkpoint(
        name=f"dinov2_vit{letter}14{suffix}",
        names={
            "dinov2": f"dinov2_vit{letter}14{suffix}",
            "timm": f"vit_{size}_patch14{suffix}_dinov2.lvd142m",
            "hf": hf_name,
        },
        spec=ViTSpec(
            patch_size=14,
            width=width,
            depth=depth,
            heads=heads,
            mlp_width=4 * width,
            native_image_size=518,
            layer_scale=True,
            register_tokens=registers,
            resample_rule="size_aa" if registers else "dinov2",
        ),
        by_family={
            "timm": {"resample_rule": "size_aa"}
            | ({"position_table": "patches"} if registers else {}),
            "hf": {} if registers else {"resample_rule": "size"},
        },
        licence="Apache-2.0",
        source="https://github.com/facebookresearch/dinov2",
    )


CHECKPOINTS = {
    checkpoint.name: checkpoint
    for checkpoint in (*(_dinov2(size, registers) for size in _SIZES for registers in (0, 4)),)
}
