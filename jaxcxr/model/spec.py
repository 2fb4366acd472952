"""What a vision transformer is, apart from its parameters: the facts a weights file carries."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_type_hints

from pydantic import Field
from typing_extensions import TypedDict

from jaxcxr.errors import InputError
from jaxcxr.model.position import RESAMPLE_RULES
from jaxcxr.small_files import Finite, Positive, misfit

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
Size = Annotated[int, Field(ge=1, le=2**16)]


def rope_periods(head_width: int, base: float = 100.0) -> tuple[float, ...]:
    """Return the `head_width / 4` periods of a geometric series from 1 to below `base`."""
    count = head_width // 4
    return tuple(float(base ** (i / count)) for i in range(count))


@dataclass(frozen=True)
class ViTSpec:
    """A pre-norm vision transformer with a class token.

    Attributes:
      patch_size: side of a square patch, pixels.
      width: token width.
      depth: number of blocks.
      heads: attention heads; each is `width // heads` wide.
      mlp_width: hidden width of each block's MLP.
      native_image_size: side in pixels of the images that the position table was trained for.
      layer_scale: each residual branch ends in a learned per-channel factor.
      register_tokens: extra tokens between the class token and the patches, without position.
      position_table: what has a row in it: `class_and_patches`, `patches` alone, or `none`.
      layernorm_epsilon: added to the variance in every LayerNorm.
      gelu: `erf` (exact, PyTorch's default) or `tanh` (Flax's default, Google's checkpoints).
      resample_rule: how the table is brought to another grid, see `jaxcxr.model.position`.
      rope_periods: of the rotary position embedding, see `jaxcxr.model.rope`; empty without one.
      qkv_bias: which of query, key and value have a bias: all (`full`), all but the key
        (`no_key`), or `none`.
      pixel_mean: per-channel mean that the pre-training subtracted from pixels in [0, 1].
      pixel_std: per-channel standard deviation that the pre-training divided by.
    """

    patch_size: Size
    width: Size
    depth: Annotated[int, Field(ge=1, le=256)]
    heads: Size
    mlp_width: Size
    native_image_size: Size
    layer_scale: bool = False
    register_tokens: Annotated[int, Field(ge=0, le=4096)] = 0
    position_table: str = "class_and_patches"
    layernorm_epsilon: Positive = 1e-6
    gelu: str = "erf"
    resample_rule: str = "dinov2"
    rope_periods: tuple[Positive, ...] = ()
    qkv_bias: str = "full"
    pixel_mean: tuple[Finite, Finite, Finite] = IMAGENET_MEAN
    pixel_std: tuple[Positive, Positive, Positive] = IMAGENET_STD

    def __post_init__(self) -> None:
        """Refuse what cannot be built, naming the field."""
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(self).items()}
        if wrong := misfit(fields, _fields()):
            raise InputError(f"model field {wrong}")
        if self.width % self.heads:
            raise InputError(
                f"model width {self.width} is not a multiple of its {self.heads} heads; "
                "change one of them"
            )
        choices = {
            "position_table": ("class_and_patches", "patches", "none"),
            "qkv_bias": ("full", "no_key", "none"),
            "gelu": ("erf", "tanh"),
            "resample_rule": tuple(RESAMPLE_RULES),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"model field {name} is {getattr(self, name)!r}; choose one of "
                    f"{', '.join(allowed)}"
                )
        if self.rope_periods and 4 * len(self.rope_periods) * self.heads != self.width:
            raise InputError(
                f"model field rope_periods has {len(self.rope_periods)} entries; heads of width "
                f"{self.width // self.heads} need a quarter of that"
            )
        self.grid(self.native_image_size)

    @property
    def prefix_tokens(self) -> int:
        """How many tokens stand before the patches: the class token and the registers."""
        return 1 + self.register_tokens

    @property
    def table_rows(self) -> int:
        """Rows of the position table at its native grid."""
        patches = 0 if self.position_table == "none" else self.native_grid**2
        return patches + (self.position_table == "class_and_patches")

    @property
    def native_grid(self) -> int:
        """Side of the position table's grid, patches."""
        return self.native_image_size // self.patch_size

    def grid(self, image_size: int) -> int:
        """Side of the patch grid of a square image of `image_size` pixels.

        Raises:
          InputError: the side is not a multiple of the patch size.
        """
        if image_size % self.patch_size or image_size < 1:
            lower = max(image_size // self.patch_size, 1) * self.patch_size
            raise InputError(
                f"image size {image_size} is not a multiple of the patch size {self.patch_size}; "
                f"use {lower} or {lower + self.patch_size}"
            )
        return image_size // self.patch_size

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; `from_dict` reads them back."""
        fields = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ViTSpec:
        """Build a spec from plain values.

        Raises:
          InputError: a field is unknown, missing or impossible; the message names it.
        """
        known = {field.name: field for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - set(known))
        missing = sorted(
            name
            for name, field in known.items()
            if field.default is dataclasses.MISSING and name not in fields
        )
        if unknown or missing:
            raise InputError(
                f"model description has unknown fields {unknown} and lacks {missing}; "
                f"its fields are {', '.join(known)}"
            )
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list | tuple) else v for k, v in fields.items()
        }
        return cls(**values)


@cache
def _fields() -> Any:
    """The fields with their types, as a shape that pydantic checks."""
    return TypedDict("_Fields", get_type_hints(ViTSpec, include_extras=True))  # type: ignore[operator]
