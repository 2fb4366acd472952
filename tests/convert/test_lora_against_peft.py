"""LoRA against PyTorch's `peft`, on models of timm and transformers that our converter reads.

The same `a`, `b` and images, and where there is dropout the same masks: the output and the
gradients of every `a` and `b` have to be the same.
"""

import jax
import jax.numpy as jnp
import numpy as np
import peft
import pytest
import torch
from safetensors.torch import save_file

from convert.importing import import_checkpoint
from convert.sources import open_source
from jaxcxr.config_values import LORA_TARGETS
from jaxcxr.errors import InputError
from jaxcxr.model import flatten, load, split, write_weights
from jaxcxr.model.lora import ADAPTED, add_lora, merge_lora, updates
from jaxcxr.model.lora_dropout import forward_with_dropout
from jaxcxr.model.parameters import fillable

RANK, RATE = 4, 0.3
# Model, its side in pixels, what is adapted here, and there.
CASES = {
    "fused": ("timm_vit", 112, ("attention/qkv",), ["qkv"]),
    "all": ("timm_vit", 112, ADAPTED, ["qkv", "proj", "fc1", "fc2"]),
    "query_value": ("Dinov2", 98, ("attention/query", "attention/value"), ["q_proj", "v_proj"]),
    "key": ("ViT", 112, ("attention/key",), ["k_proj"]),
    "pointwise": ("timm_convnext", 64, ADAPTED, ["fc1", "fc2"]),
}


def _models(case, models, folder):
    """Build a model of PyTorch and ours of its converted weights."""
    name, side, *_ = CASES[case]
    if name.startswith("timm"):
        theirs = models[name]()
        file = folder / "model.safetensors"
        save_file(theirs.state_dict(), file)
    else:
        theirs = models["hf_model"](name)
        theirs.save_pretrained(folder)
        file = folder / "model.safetensors"
    with open_source(file) as source:
        imported = import_checkpoint(source, name=name)
    write_weights(folder / "w.safetensors", imported.spec, imported.tensors, imported.provenance)
    model = load(folder / "w.safetensors", image_size=side)
    return theirs, model, flatten(fillable(model)[1])


def _pooled(theirs, images):
    """What a head would read."""
    found = theirs(torch.tensor(images).permute(0, 3, 1, 2))
    return found if isinstance(found, torch.Tensor) else found.last_hidden_state[:, 0]


def _in_order(name):
    return [int(part) if part.isdecimal() else LORA_TARGETS.index(part) for part in _parts(name)]


def _parts(name):
    _, block, kind = name.split("/", 2)
    return block, kind


class _Masked(torch.nn.Module):
    """Dropout whose mask is given."""

    def __init__(self, mask):
        super().__init__()
        self.mask = torch.tensor(mask)

    def forward(self, x):
        return x * self.mask.reshape(x.shape) / (1 - RATE)


def _close(ours, theirs, what):
    size = np.abs(theirs).max()
    assert size > 0, what
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * size, err_msg=what)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(
    "case", [*list(CASES)[:4], pytest.param("pointwise", marks=pytest.mark.slow)]
)
def test_output_and_gradients_equal_pefts(tmp_path, models, case, dropout):
    _, side, targets, names = CASES[case]
    theirs, model, params = _models(case, models, tmp_path)
    params = add_lora(params, RANK, 0, targets=targets, alpha=2.0 * RANK)
    rng = np.random.default_rng(1)
    factors = {
        path: jnp.asarray(rng.normal(size=value.shape) * 0.1, jnp.float32)
        for path, value in params.items()
        if path.startswith("lora/")
    }
    images = rng.normal(size=(2, side, side, 3)).astype("float32")
    direction = rng.normal(size=(2, model.spec.width)).astype("float32")
    keys = jax.random.split(jax.random.key(5), 2)
    fill, _ = fillable(model)

    def ours(factors):
        if dropout:
            _, out = forward_with_dropout(fill, params | factors, images, keys, RATE)
        else:
            _, out = fill(merge_lora(params | factors))(images)
        return (out["pooled"] * direction).sum(), out["pooled"]

    (_, pooled), gradients = jax.jit(jax.value_and_grad(ours, has_aux=True))(factors)

    config = peft.LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=names)
    adapted = peft.inject_adapter_in_model(config, theirs).eval()
    layers = [one for _, one in adapted.named_modules() if isinstance(one, peft.tuners.lora.Linear)]
    own = sorted(updates(params), key=_in_order)
    assert len(layers) == len(own) >= 2
    for name, layer in zip(own, layers, strict=True):
        a, b = (np.array(factors[f"lora/{name}/{factor}"]) for factor in "ab")
        layer.lora_A["default"].weight.data = torch.tensor(a.T)
        layer.lora_B["default"].weight.data = torch.tensor(b.T)
        if dropout:
            layer.lora_dropout["default"] = _Masked(_mask(keys, params, name, model, side))
    there = _pooled(adapted, images)
    (there * torch.tensor(direction)).sum().backward()
    _close(pooled, there.detach().numpy(), "pooled")
    for name, layer in zip(own, layers, strict=True):
        for factor, weights in (("a", layer.lora_A), ("b", layer.lora_B)):
            found = gradients[f"lora/{name}/{factor}"]
            _close(found, weights["default"].weight.grad.numpy().T, f"{name}/{factor}")


def _mask(keys, params, name, model, side):
    """Draw the mask of an update by its definition: a key for each image and each update."""
    number = sorted(updates(params)).index(name)
    block = int(name.split("/")[1])
    if hasattr(model.spec, "places"):
        stage, _ = list(model.spec.places())[block]
        tokens = (side // model.spec.patch_size // 2**stage) ** 2
    else:
        tokens = model.grid**2 + model.spec.prefix_tokens
    inputs = params[f"lora/{name}/a"].shape[0]
    drawn = [
        jax.random.bernoulli(jax.random.fold_in(key, number), 1 - RATE, (tokens, inputs))
        for key in keys
    ]
    return np.stack(drawn).astype("float32")


def test_scale_is_alpha_over_rank_and_none_by_default(tmp_path, models):
    _, _, params = _models("fused", models, tmp_path)
    plain, scaled = add_lora(params, 4, 0), add_lora(params, 4, 0, alpha=4.0)
    assert plain.keys() == scaled.keys() and "lora_scale" not in plain
    eighth = add_lora(params, 4, 0, alpha=0.5)
    assert eighth.keys() - plain.keys() == {"lora_scale"} and float(eighth["lora_scale"]) == 0.125
    ones = {path: jnp.ones_like(value) for path, value in plain.items() if path.endswith("/b")}
    kernel = "blocks/1/mlp/fc1/kernel"
    whole, part = (merge_lora(one | ones) for one in (plain, eighth))
    assert whole.keys() == part.keys() == params.keys()
    # `alpha` is no other draw: the same update, an eighth of it.
    np.testing.assert_allclose(
        part[kernel] - params[kernel], (whole[kernel] - params[kernel]) / 8, atol=1e-6
    )


def test_a_part_of_the_fused_kernel_changes_its_columns_alone(tmp_path, models):
    _, model, params = _models("fused", models, tmp_path)
    width, kernel = model.spec.width, "blocks/0/attention/qkv/kernel"
    for third, part in enumerate(("query", "key", "value")):
        adapted = add_lora(params, 4, 0, targets=(f"attention/{part}",))
        assert set(updates(adapted)) == {f"blocks/{n}/attention/{part}" for n in (0, 1)}
        adapted[f"lora/blocks/0/attention/{part}/b"] += 1
        changed = np.abs(merge_lora(adapted)[kernel] - params[kernel]).max(0) > 0
        assert changed.nonzero()[0].tolist() == list(range(third * width, (third + 1) * width))


def test_a_model_without_the_targets_is_refused(tmp_path, models):
    _, _, params = _models("pointwise", models, tmp_path)
    with pytest.raises(InputError, match=r"attention/query, of which .*among mlp/fc1, mlp/fc2$"):
        add_lora(params, 4, 0, targets=("attention/query",))


@pytest.mark.slow
def test_masks_are_fresh_and_independent_of_the_rest_of_the_batch(tmp_path, models):
    _, model, params = _models("fused", models, tmp_path)
    fill, _ = fillable(model)
    params = add_lora(params, RANK, 0)
    params |= {path: value + 0.3 for path, value in params.items() if path.endswith("/b")}
    images = np.random.default_rng(0).normal(size=(3, 112, 112, 3)).astype("float32")
    images[1] = images[0]
    keys = jax.random.split(jax.random.key(0), 3)

    @jax.jit
    def forward(images, keys):
        return forward_with_dropout(fill, params, images, keys, RATE)[1]["pooled"]

    whole = forward(images, keys)
    assert np.abs(whole[0] - whole[1]).max() > 1e-2  # each image has its own masks
    np.testing.assert_array_equal(whole, forward(images, keys))
    backwards = forward(images[::-1], keys[::-1])[::-1]
    np.testing.assert_allclose(whole, backwards, atol=1e-5)
    others = forward(images, jax.random.split(jax.random.key(1), 3))
    assert np.abs(whole - others).max() > 1e-2
    # Without a share to drop it is the merged model.
    none = forward_with_dropout(fill, params, images, keys, 0.0)[1]["pooled"]
    merged = split(model)[0](merge_lora(params), images)[1]["pooled"]
    np.testing.assert_allclose(none, merged, atol=2e-5 * np.abs(merged).max())
