"""Run a PyTorch reference forward and backward, and keep what is compared.

This module imports torch; import it in functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from convert.torch_models import Reference


@dataclass(frozen=True)
class TorchRun:
    """What came out: stages of the forward pass, and gradients by the reference's names."""

    stages: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]


def run_torch(
    reference: Reference,
    head: dict[str, np.ndarray],
    images: np.ndarray,
    labels: np.ndarray,
    pos_weight: np.ndarray,
    pooling: str,
) -> TorchRun:
    """Classify images with a linear head on the pooled tokens and differentiate a weighted BCE.

    Args:
      reference: the model.
      head: `kernel` `[width, labels]` and `bias` `[labels]`.
      images: `[batch, height, width, 3]`.
      labels: `[batch, labels]`, 0 or 1.
      pos_weight: `[labels]`.
      pooling: of the spec; the first token is the class token, or the mean that ConvNeXt
        normalises.
    """
    stages: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            del module, inputs
            stages[name] = _tokens(output[0] if isinstance(output, tuple) else output)

        return hook

    def keep_input(module: Any, inputs: Any) -> None:
        del module
        stages["embedded"] = _tokens(inputs[0])

    handles = [
        reference.patch_embedding.register_forward_hook(keep("patch_embedding")),
        reference.blocks[0].register_forward_pre_hook(keep_input),
        reference.norm.register_forward_hook(keep("tokens")),
        *(
            block.register_forward_hook(keep(f"block{index:02}"))
            for index, block in enumerate(reference.blocks)
        ),
        *(module.register_forward_hook(keep(name)) for name, module in reference.places.items()),
    ]
    kernel, bias = (torch.tensor(np.float32(head[k])).requires_grad_() for k in ("kernel", "bias"))
    reference.module(torch.from_numpy(images).permute(0, 3, 1, 2).contiguous())
    for handle in handles:
        handle.remove()
    tokens = stages["tokens"]
    stages["pooled"] = tokens.mean(dim=1) if pooling == "mean_tokens" else tokens[:, 0]
    stages["logits"] = stages["pooled"] @ kernel + bias
    torch.nn.functional.binary_cross_entropy_with_logits(
        stages["logits"], torch.from_numpy(labels), pos_weight=torch.from_numpy(pos_weight)
    ).backward()
    gradients = {
        name: (torch.zeros_like(p) if p.grad is None else p.grad).numpy()
        for name, p in reference.module.named_parameters()
    }
    gradients |= {"head/kernel": kernel.grad.numpy(), "head/bias": bias.grad.numpy()}  # type: ignore[union-attr]
    return TorchRun({name: value.detach().numpy() for name, value in stages.items()}, gradients)


def _tokens(output: torch.Tensor) -> torch.Tensor:
    """Any output as `[batch, tokens, width]`."""
    if output.ndim == 4:
        return output.flatten(2).transpose(1, 2)
    return output[:, None] if output.ndim == 2 else output
