"""What a vision transformer is, apart from its parameters: the facts a weights file carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from jaxcxr.errors import InputError
from jaxcxr.model.base_spec import IMAGENET_MEAN, IMAGENET_STD, BaseSpec, Size
from jaxcxr.model.position import RESAMPLE_RULES
from jaxcxr.small_files import Finite, Positive


def rope_periods(head_width: int, base: float = 100.0) -> tuple[float, ...]:
    """Return the `head_width / 4` periods of a geometric series from 1 to below `base`."""
    count = head_width // 4
    return tuple(float(base ** (i / count)) for i in range(count))


@dataclass(frozen=True)
class ViTSpec(BaseSpec):
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
      pooling: what a head reads of the tokens after the final norm: the class token
        (`class_token`), or the mean of all, class and register tokens too (`mean_tokens`).
      partial_patches: `refuse` images whose side is not a multiple of the patch size, or `drop`
        the last rows and columns of pixels, as a convolution does.
      architecture: tells this description from those of others.
    """

    CHOICES: ClassVar = {
        "position_table": ("class_and_patches", "patches", "none"),
        "qkv_bias": ("full", "no_key", "none"),
        "gelu": ("erf", "tanh"),
        "resample_rule": tuple(RESAMPLE_RULES),
        "pooling": ("class_token", "mean_tokens"),
        "partial_patches": ("refuse", "drop"),
        "architecture": ("vit",),
    }

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
    pooling: str = "class_token"
    partial_patches: str = "refuse"
    architecture: str = "vit"

    def __post_init__(self) -> None:
        """Refuse what cannot be built, naming the field."""
        self.check()
        if self.width % self.heads:
            raise InputError(
                f"model width {self.width} is not a multiple of its {self.heads} heads; "
                "change one of them"
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

    @property
    def stride(self) -> int:
        """Pixels from one patch to the next."""
        return self.patch_size

    def forward_macs(self, image_size: int) -> int:
        """Multiply-accumulates of the matrix products of one image's forward pass, no head."""
        patches = self.grid(image_size) ** 2
        tokens = patches + self.prefix_tokens
        embedding = patches * 3 * self.patch_size**2 * self.width
        products = tokens * self.width * (4 * self.width + 2 * self.mlp_width)
        attention = 2 * tokens**2 * self.width
        return embedding + self.depth * (products + attention)
