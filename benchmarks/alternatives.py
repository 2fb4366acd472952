"""What the training step would cost if it were built otherwise, in rotation with how it is built.

    python -m benchmarks.alternatives [--model NAME] [--batch 8] [--rounds 5] [NAME ...]

Each alternative changes one thing: a function of the model, or a flag of XLA. Without names, all.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rotation import rotate, serve
from benchmarks.train import LABELS, SIZE, SPECS, jax_steps
from jaxcxr.model import modules as modules_module
from jaxcxr.model import vit as vit_module

vit: Any = vit_module  # its functions are exchanged below
modules: Any = modules_module
# Alternatives in rotation with the present state; each process takes 4 GiB at batch 8.
AT_ONCE = 3
FLAGS = {
    "flag: oneDNN": "--xla_cpu_use_onednn=true",
    "flag: no XNNPACK": "--xla_cpu_use_xnnpack=false",
    "flag: 512-bit vectors": "--xla_cpu_prefer_vector_width=512",
    "flag: fast math": "--xla_cpu_enable_fast_math=true",
    "flag: fast runtime preset": "--xla_cpu_opt_preset=FAST_RUNTIME",
}


def library_attention() -> None:
    """Use `jax.nn.dot_product_attention`, differentiated automatically."""
    vit.attention = lambda q, k, v: (jax.nn.dot_product_attention(q, k, v), jnp.zeros(()))


def tokens_first() -> None:
    """Leave queries, keys and values laid out by token, and their heads to the products."""

    def forward(query: Any, key: Any, value: Any) -> Any:
        logits = jnp.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
        probabilities = jax.nn.softmax(logits, axis=-1)
        attended = jnp.einsum("bhqk,bkhd->bqhd", probabilities, value)
        return (attended, probabilities), (query, key, value, probabilities)

    def backward(saved: Any, gradients: Any) -> Any:
        query, key, value, probabilities = saved
        gradient, _ = gradients
        d_value = jnp.einsum("bhqk,bqhd->bkhd", probabilities, gradient)
        weighted = jnp.einsum("bqhd,bkhd->bhqk", gradient, value) * probabilities
        d_logits = weighted - probabilities * weighted.sum(-1, keepdims=True)
        scale = query.shape[-1] ** -0.5
        d_query = jnp.einsum("bhqk,bkhd->bqhd", d_logits, key * scale)
        return d_query, jnp.einsum("bhqk,bqhd->bkhd", d_logits, query * scale), d_value

    attention = jax.custom_vjp(lambda query, key, value: forward(query, key, value)[0])
    attention.defvjp(forward, backward)
    vit.attention = attention


def automatic_gradients() -> None:
    """Leave the gradients of LayerNorm, GELU and attention to automatic differentiation."""

    def layer_norm(x: Any, scale: Any, bias: Any, epsilon: float) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        variance = jnp.square(centred).mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + epsilon) * scale + bias

    def attention(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
        logits = jnp.einsum("bqhd,bkhd->bhqk", query * query.shape[-1] ** -0.5, key)
        probabilities = jax.nn.softmax(logits, axis=-1)
        return jnp.einsum("bhqk,bkhd->bqhd", probabilities, value), probabilities

    modules.layer_norm, vit.attention = layer_norm, attention
    modules.gelu = lambda x, kind: jax.nn.gelu(x, approximate=kind == "tanh")


def separate_qkv() -> None:
    """Compute queries, keys and values in three products instead of one."""

    linear = vit.Linear.__call__

    def call(self: Any, x: Any, bias_mask: Any = None, scale: Any = None) -> Any:
        kernels = jnp.split(self.kernel[...], max(1, self.kernel.shape[1] // x.shape[-1]), axis=1)
        if len(kernels) != 3:
            return linear(self, x, bias_mask, scale)
        return jnp.concatenate([x @ kernel for kernel in kernels], axis=-1) + self.bias[...]

    vit.Linear.__call__ = call


def patches_by_convolution() -> None:
    """Embed patches by a convolution instead of a product."""

    def call(self: Any, images: Any) -> Any:
        kernel = self.kernel[...]
        stride = kernel.shape[:2]
        layout = ("NHWC", "HWIO", "NHWC")
        tokens = jax.lax.conv_general_dilated(
            images, kernel, stride, "VALID", dimension_numbers=layout
        )
        return tokens.reshape(len(images), -1, kernel.shape[-1]) + self.bias[...]

    vit.PatchEmbedding.__call__ = call


def tokens_in_three_dimensions() -> None:
    """Keep `[batch, tokens, width]` in the blocks instead of `[batch * tokens, width]`."""
    block = vit.Block.__call__
    attend = vit.Attention.__call__

    def call(self: Any, x: Any, batch: int, turn: Any = None) -> Any:
        y, probabilities = block(self, x.reshape(batch, -1, x.shape[-1]), batch, turn)
        return y, probabilities

    def call_attention(self: Any, x: Any, batch: int, turn: Any = None, scale: Any = None) -> Any:
        y, probabilities = attend(self, x.reshape(-1, x.shape[-1]), batch, turn, scale)
        return y.reshape(x.shape), probabilities

    vit.Block.__call__ = call
    vit.Attention.__call__ = call_attention


PATCHES: dict[str, Callable[[], None]] = {
    "jax.nn.dot_product_attention": library_attention,
    "attention laid out by token": tokens_first,
    "gradients by autodiff": automatic_gradients,
    "separate q, k, v": separate_qkv,
    "patches by convolution": patches_by_convolution,
    "three-dimensional tokens": tokens_in_three_dimensions,
}


def scanned_steps(model_name: str, batch: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Forward pass and step with all blocks' parameters stacked and run by one `lax.scan`."""
    import optax
    from flax import nnx

    from jaxcxr.model import ViT, ViTSpec
    from jaxcxr.model.layers import layer_norm
    from jaxcxr.training.loss import weighted_bce_sum

    spec = ViTSpec(**SPECS[model_name])
    model = ViT(spec, num_labels=LABELS, image_size=SIZE, rngs=nnx.Rngs(0))
    graph = nnx.split(model.blocks[0])[0]
    stacked = jax.tree.map(
        lambda *leaves: jnp.stack(leaves), *[nnx.split(block)[1] for block in model.blocks]
    )
    model.blocks = nnx.List([])
    shell, rest = nnx.split(model)

    def classify(params: Any, images: Any) -> Any:
        rest, stacked = params
        model = nnx.merge(shell, rest)
        images = jnp.broadcast_to(images[..., None] / 255.0, (*images.shape, 3))
        x = model(images)[1]["embedded"].reshape(-1, spec.width)

        def body(x: Any, one: Any) -> Any:
            return nnx.merge(graph, one)(x, batch)[0], None

        x = jax.lax.scan(body, x, stacked)[0].reshape(batch, -1, spec.width)[:, 0]
        norm: Any = model.norm
        head: Any = model.head
        x = layer_norm(x, norm.scale[...], norm.bias[...], norm.epsilon)
        return x @ head.kernel[...] + head.bias[...]

    optimizer = optax.adamw(1e-5, weight_decay=0.0)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch, SIZE, SIZE), dtype=np.uint8)
    truth = jnp.asarray(rng.integers(0, 2, (batch, LABELS)), jnp.float32)

    def loss(params: Any) -> Any:
        weights = np.full(LABELS, 5, np.float32)
        return weighted_bce_sum(classify(params, images), truth, jnp.ones_like(truth), weights)

    def train(params: Any, state: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    compiled, predict = jax.jit(train, donate_argnums=(0, 1)), jax.jit(classify)
    params: Any = (rest, stacked)
    state = optimizer.init(params)

    def step() -> None:
        nonlocal params, state
        params, state, value = compiled(params, state)
        float(value)

    def forward() -> None:
        jax.block_until_ready(predict(params, images))

    return forward, step


def work(name: str, model_name: str, batch: int) -> None:
    if name == "blocks by lax.scan":
        forward, step = scanned_steps(model_name, batch)
    else:
        PATCHES.get(name, lambda: None)()
        forward, step = jax_steps(model_name, batch, "float32")
    serve({"forward": forward, "step": step})


def main() -> None:
    names = [*PATCHES, "blocks by lax.scan", *FLAGS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("alternatives", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--model", choices=SPECS, default="vit_base_patch14_dinov2")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work, options.model, options.batch)
        return
    print(f"{options.model}, {SIZE} px, batch {options.batch}, minimum of {options.rounds} rounds;")
    print(f"{os.cpu_count()} CPU cores, XLA's backend {jax.default_backend()}\n")
    print("| | forward | step | first step | peak memory |")
    print("|---|---|---|---|---|")
    chosen = options.alternatives or names
    for first in range(0, len(chosen), AT_ONCE):
        compare(["as it is", *chosen[first : first + AT_ONCE]], options)


def compare(names: list[str], options: argparse.Namespace) -> None:
    """Print one line each, as ratios to the first."""
    arguments = ["-m", "benchmarks.alternatives", f"--model={options.model}"]
    arguments += [f"--batch={options.batch}"]
    results = rotate(
        {name: [*arguments, f"--work={name}"] for name in names},
        ("forward", "step"),
        options.rounds,
        {name: {"XLA_FLAGS": flag} for name, flag in FLAGS.items()},
    )
    base = {what: min(results[names[0]][what]) for what in ("forward", "step")}
    for name, found in results.items():
        if "failed" in found:
            print(f"| {name} | does not run here: {found['failed']} | | | |")
            continue
        ratios = [f"{min(found[what]) / base[what]:.2f}" for what in ("forward", "step")]
        print(
            f"| {name} | {' | '.join(ratios)} | {found['first_step']:.1f} s | "
            f"{found['peak_gib']:.1f} GiB |",
            flush=True,
        )


if __name__ == "__main__":
    main()
