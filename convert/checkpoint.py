"""What is told of a published checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jaxcxr.model import ModelSpec


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint.

    Attributes:
      name: its short name here.
      names: what each library calls it, by family of layouts.
      spec: the model, as its authors publish it.
      by_family: the fields of `spec` that another library's rendering changes.
      pooling: what its head, or the field, reads off the tokens.
      licence: of the weights.
      source: where they come from.
      note: what a user must know beyond that.
      signs: keys that begin so are in files of this checkpoint and of few others.
      head_outputs: how many outputs a head in its files has, where that tells it from others.
      pretrained_on: the releases of radiographs that it has learnt from, by our names where we have
        one; which of their images is not published.
      sha256: of its released files, or how it begins, as the names of DINOv3's files tell.
    """

    name: str
    names: Mapping[str, str]
    spec: ModelSpec
    licence: str
    source: str
    pooling: str = "class token"
    by_family: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    note: str = ""
    signs: tuple[str, ...] = ()
    head_outputs: tuple[int, ...] = ()
    pretrained_on: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()

    def spec_of(self, family: str) -> ModelSpec:
        """The model as the library of a family of layouts builds it."""
        return replace(self.spec, **self.by_family.get(family, {}))
