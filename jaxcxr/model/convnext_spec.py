"""What a ConvNeXt is, apart from its parameters (Liu et al., arXiv 2201.03545)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from jaxcxr.errors import InputError
from jaxcxr.model.base_spec import IMAGENET_MEAN, IMAGENET_STD, BaseSpec, Size
from jaxcxr.small_files import Finite, Positive

KERNEL = 7  # side of the depthwise convolutions
EXPANSION = 4  # hidden width of a block's MLP over its width
Depth = Annotated[int, Field(ge=1, le=256)]


@dataclass(frozen=True)
class ConvNeXtSpec(BaseSpec):
    """Stages of blocks, each stage of half the resolution of the one before.

    Attributes:
      widths: of each stage, channels.
      depths: blocks of each stage.
      patch_size: side of the squares that the stem maps to the first stage's pixels.
      native_image_size: side in pixels of the images that it was trained on; no parameter depends
        on it.
      layer_scale: each residual branch ends in a learned per-channel factor.
      layernorm_epsilon: added to the variance in every LayerNorm but the last.
      final_layernorm_epsilon: in the last, after pooling.
      gelu: `erf` (exact) or `tanh`.
      pixel_mean: per-channel mean that the pre-training subtracted from pixels in [0, 1].
      pixel_std: per-channel standard deviation that the pre-training divided by.
      pooling: what a head reads: the mean over all places, then normalised.
      partial_patches: `refuse` images whose side is not a multiple of the stride, or `drop` at the
        stem and at each halving what fills no square, as a convolution does.
      architecture: tells this description from those of others.
    """

    STRIDE: ClassVar = "stride"
    CHOICES: ClassVar = {
        "gelu": ("erf", "tanh"),
        "pooling": ("mean_then_norm",),
        "partial_patches": ("refuse", "drop"),
        "architecture": ("convnext",),
    }

    widths: tuple[Size, ...]
    depths: tuple[Depth, ...]
    patch_size: Size = 4
    native_image_size: Size = 224
    layer_scale: bool = True
    layernorm_epsilon: Positive = 1e-6
    final_layernorm_epsilon: Positive = 1e-6
    gelu: str = "erf"
    pixel_mean: tuple[Finite, Finite, Finite] = IMAGENET_MEAN
    pixel_std: tuple[Positive, Positive, Positive] = IMAGENET_STD
    pooling: str = "mean_then_norm"
    partial_patches: str = "refuse"
    architecture: str = "convnext"

    def __post_init__(self) -> None:
        """Refuse what cannot be built, naming the field."""
        self.check()
        if not 1 <= len(self.widths) == len(self.depths) <= 8:
            raise InputError(
                f"model fields widths and depths have {len(self.widths)} and {len(self.depths)} "
                "entries; give as many of each, one for each of up to 8 stages"
            )
        self.grid(self.native_image_size)

    @property
    def width(self) -> int:
        """Channels of the last stage, which a head reads."""
        return self.widths[-1]

    @property
    def depth(self) -> int:
        """Blocks of all stages."""
        return sum(self.depths)

    @property
    def stride(self) -> int:
        """Pixels from one of the last tokens to the next."""
        return self.patch_size * 2 ** (len(self.depths) - 1)

    @property
    def prefix_tokens(self) -> int:
        """Tokens before those of the places: the normalised mean, as DINOv3 puts it there."""
        return 1

    @property
    def table_rows(self) -> int:
        """Rows of a position table: there is none."""
        return 0

    def places(self) -> Iterator[tuple[int, int]]:
        """Stage and number within it of each block, first to last, from 0."""
        for stage, depth in enumerate(self.depths):
            for number in range(depth):
                yield stage, number

    def forward_macs(self, image_size: int) -> int:
        """Multiply-accumulates of one image's forward pass: products and convolutions, no head."""
        self.grid(image_size)
        side = image_size // self.patch_size
        macs = side**2 * 3 * self.patch_size**2 * self.widths[0]
        for stage, (width, depth) in enumerate(zip(self.widths, self.depths, strict=True)):
            if stage:
                side //= 2
                macs += side**2 * 4 * self.widths[stage - 1] * width
            macs += depth * side**2 * width * (KERNEL**2 + 2 * EXPANSION * width)
        return macs
