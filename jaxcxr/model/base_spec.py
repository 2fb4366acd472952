"""What the description of any architecture is: checked fields, and their way to JSON and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Self, get_type_hints

from pydantic import Field
from typing_extensions import TypedDict

from jaxcxr.errors import InputError
from jaxcxr.small_files import misfit

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
Size = Annotated[int, Field(ge=1, le=2**16)]


class BaseSpec:
    """The base of the descriptions, which are frozen dataclasses of plain values.

    Attributes:
      STRIDE: what the pixels from one of the last tokens to the next are called.
      CHOICES: fields that take one of a few words.
    """

    STRIDE: ClassVar[str] = "patch size"
    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    architecture: str
    partial_patches: str

    def check(self) -> None:
        """Refuse a field that is not of its type, or not among its choices, naming it."""
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in vars(self).items()}
        own: Any = type(self)
        if wrong := misfit(fields, _fields(own)):
            raise InputError(f"model field {wrong}")
        for name, allowed in self.CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"model field {name} is {getattr(self, name)!r}; choose one of "
                    f"{', '.join(allowed)}"
                )

    @property
    def stride(self) -> int:
        """Pixels from one of the last tokens to the next."""
        raise NotImplementedError

    def grid(self, image_size: int) -> int:
        """Side of the grid of the last tokens of a square image of `image_size` pixels.

        Raises:
          InputError: the side is not a multiple of `stride`, and `partial_patches` is `refuse`; or
            there is no whole patch in it.
        """
        left = self.dropped(image_size)
        if image_size < self.stride or (left and self.partial_patches != "drop"):
            lower = max(image_size // self.stride, 1) * self.stride
            raise InputError(
                f"image size {image_size} is not a multiple of the {self.STRIDE} {self.stride}; "
                f"use {lower} or {lower + self.stride}"
                + (
                    f", or drop its last {left} rows and columns of pixels, as a convolution does, "
                    "by partial_patches=drop (of config.model, or convert import --set)"
                    if image_size > self.stride
                    else ""
                )
            )
        return image_size // self.stride

    def dropped(self, image_size: int) -> int:
        """How many of the last rows and columns of pixels are in no patch."""
        return image_size % self.stride

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; `from_dict` reads them back."""
        fields = dataclasses.asdict(self)  # type: ignore[call-overload]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Build a spec from plain values.

        Raises:
          InputError: a field is unknown, missing or impossible; the message names it.
        """
        known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
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
def _fields(cls: Any) -> Any:
    """The fields with their types, as a shape that pydantic checks."""
    names = [field.name for field in dataclasses.fields(cls)]
    hints = get_type_hints(cls, include_extras=True)
    return TypedDict("_Fields", {name: hints[name] for name in names})  # type: ignore[operator]
