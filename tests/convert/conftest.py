"""Checkpoints of every family with random weights, written as their own libraries write them."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest

from convert.torch_pair import prepare_torch

_operators = prepare_torch()

import timm  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from timm.models.convnext import ConvNeXt  # noqa: E402
from timm.models.eva import Eva  # noqa: E402
from timm.models.vision_transformer import VisionTransformer  # noqa: E402

WIDTH, DEPTH, HEADS, MLP = 128, 2, 2, 384
SIZES = {"embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS, "mlp_ratio": MLP / WIDTH}


def randomise(model, seed=0):
    """Give every parameter a size at which it matters, biases and scales included."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=random)
            near_one = "norm" in name and name.endswith("weight")
            p.copy_(1 + 0.2 * noise if near_one else noise * (0.5 if p.ndim < 2 else 0.08))
    return model.eval()


def timm_vit(patch=16, size=112, labels=0, layer_scale=False, registers=0, **options):
    return randomise(
        VisionTransformer(
            img_size=size,
            patch_size=patch,
            num_classes=labels,
            init_values=1e-5 if layer_scale else None,
            reg_tokens=registers,
            no_embed_class=bool(registers),
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            **SIZES,
            **options,
        )
    )


def timm_dinov3(qkv_bias, size=64):
    return randomise(
        Eva(
            img_size=size,
            patch_size=16,
            num_classes=0,
            global_pool="token",
            qkv_bias=qkv_bias,
            init_values=1e-5,
            rope_type="dinov3",
            rope_temperature=100,
            rope_rotate_half=True,
            use_rot_pos_emb=True,
            use_abs_pos_emb=False,
            num_reg_tokens=4,
            use_fc_norm=False,
            dynamic_img_size=True,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-5),
            **SIZES,
        )
    )


def repository_state(registers):
    """The keys of a DINOv2 release: the class token has a position, registers have none."""
    state = timm_vit(14, 98, layer_scale=True, registers=0).state_dict()
    random = torch.Generator().manual_seed(1)
    state["mask_token"] = torch.randn(1, WIDTH, generator=random)
    if registers:
        state["register_tokens"] = torch.randn(1, registers, WIDTH, generator=random)
    return state


def dinov3_state():
    """The keys of a DINOv3 release: a masked key bias that is not zero, rounded periods."""
    state = {}
    random = torch.Generator().manual_seed(2)
    for key, value in timm_dinov3(qkv_bias=True).state_dict().items():
        if key.endswith("v_bias"):
            continue
        key = key.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
        if key.endswith("q_bias"):
            key = key.replace("q_bias", "qkv.bias")
            value = torch.randn(3 * WIDTH, generator=random)
            mask = torch.ones(3 * WIDTH)
            mask[WIDTH : 2 * WIDTH] = 0
            state[key + "_mask"] = mask
        state[key.replace("reg_token", "storage_tokens")] = value
    state["mask_token"] = torch.randn(1, WIDTH, generator=random)
    periods = 100.0 ** (torch.arange(16) / 16)
    state["rope_embed.periods"] = periods.to(torch.bfloat16).to(torch.float32)
    return state


def hf_model(kind, labels=None):
    sizes = {
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "image_size": 112 if kind == "ViT" else 98 if "Dinov2" in kind else 64,
        "patch_size": 14 if "Dinov2" in kind else 16,
    }
    if "Dinov2" in kind:
        sizes["mlp_ratio"] = MLP // WIDTH
        sizes["layer_norm_eps"] = 1e-6
    else:
        sizes["intermediate_size"] = MLP
    if kind == "ViT":
        sizes["layer_norm_eps"] = 1e-6
    if kind in ("Dinov2WithRegisters", "DINOv3ViT"):
        sizes["num_register_tokens"] = 4
    if labels is not None:
        sizes["num_labels"] = labels
    config = getattr(transformers, f"{kind}Config")(**sizes)
    suffix = "Model" if labels is None else "ForImageClassification"
    return randomise(getattr(transformers, kind + suffix)(config))


STAGES = {"dims": (16, 24, 32, 40), "depths": (1, 2, 3, 1)}


def timm_convnext(labels=0, **options):
    return randomise(ConvNeXt(num_classes=labels, **STAGES | options))


def facebook_convnext(labels=0, again=False):
    """The keys of ConvNeXt's releases; of DINOv3's, which holds its last norm `again`."""
    state = {}
    for key, value in timm_convnext(labels).state_dict().items():
        for pattern, name in (
            (r"^stem\.", "downsample_layers.0."),
            (r"^stages\.(\d)\.downsample\.", r"downsample_layers.\1."),
            (r"^stages\.(\d)\.blocks\.", r"stages.\1."),
            (r"conv_dw", "dwconv"),
            (r"mlp\.fc", "pwconv"),
            (r"^head\.norm", "norm"),
            (r"^head\.fc", "head"),
        ):
            key = re.sub(pattern, name, key)
        state[key] = value
    if again:
        state |= {f"norms.3.{part}": state[f"norm.{part}"].clone() for part in ("weight", "bias")}
    return state


def hf_convnext(kind, labels=None):
    config = getattr(transformers, f"{kind}Config")(
        hidden_sizes=list(STAGES["dims"]), depths=list(STAGES["depths"]), num_labels=labels or 2
    )
    suffix = "Model" if labels is None else "ForImageClassification"
    return randomise(getattr(transformers, kind + suffix)(config))


def google_arrays(generation):
    """A timm ViT in the arrays of Google's files, of the `old` or the `new` (stacked) names."""
    state = {k: v.numpy() for k, v in timm_vit(16, 112, labels=3).state_dict().items()}
    old = generation == "old"
    norms, attention, mlp = (
        (("LayerNorm_0", "LayerNorm_2"), "MultiHeadDotProductAttention_1", "MlpBlock_3")
        if old
        else (("LayerNorm_0", "LayerNorm_1"), "MultiHeadDotProductAttention_0", "MlpBlock_0")
    )
    arrays = {
        "embedding/kernel": state["patch_embed.proj.weight"].transpose(2, 3, 1, 0),
        "embedding/bias": state["patch_embed.proj.bias"],
        "cls": state["cls_token"],
        "Transformer/posembed_input/pos_embedding" if old else "pos_embedding": state["pos_embed"],
        "Transformer/encoder_norm/scale": state["norm.weight"],
        "Transformer/encoder_norm/bias": state["norm.bias"],
        "head/kernel": state["head.weight"].T,
        "head/bias": state["head.bias"],
    }
    blocks = []
    for n in range(DEPTH):
        b = f"blocks.{n}."
        block = {}
        for norm, name in zip(("norm1", "norm2"), norms, strict=True):
            block[f"{name}/scale"] = state[f"{b}{norm}.weight"]
            block[f"{name}/bias"] = state[f"{b}{norm}.bias"]
        for i, part in enumerate(("query", "key", "value")):
            rows = slice(i * WIDTH, (i + 1) * WIDTH)
            kernel = state[f"{b}attn.qkv.weight"][rows].T.reshape(WIDTH, HEADS, -1)
            block[f"{attention}/{part}/kernel"] = kernel
            block[f"{attention}/{part}/bias"] = state[f"{b}attn.qkv.bias"][rows].reshape(HEADS, -1)
        block[f"{attention}/out/kernel"] = state[f"{b}attn.proj.weight"].T.reshape(HEADS, -1, WIDTH)
        block[f"{attention}/out/bias"] = state[f"{b}attn.proj.bias"]
        for i in range(2):
            block[f"{mlp}/Dense_{i}/kernel"] = state[f"{b}mlp.fc{i + 1}.weight"].T
            block[f"{mlp}/Dense_{i}/bias"] = state[f"{b}mlp.fc{i + 1}.bias"]
        blocks.append(block)
    if old:
        for n, block in enumerate(blocks):
            arrays |= {f"Transformer/encoderblock_{n}/{k}": v for k, v in block.items()}
        return arrays
    arrays |= {
        f"Transformer/encoderblock/{k}": np.stack([block[k] for block in blocks]) for k in blocks[0]
    }
    return {f"params/{k}": v for k, v in arrays.items()}


FAMILIES = {
    "timm": lambda: timm_vit().state_dict(),
    "timm_layer_scale": lambda: timm_vit(14, 98, layer_scale=True).state_dict(),
    "timm_registers": lambda: timm_vit(14, 98, layer_scale=True, registers=4).state_dict(),
    "dinov2": lambda: repository_state(0),
    "dinov2_registers": lambda: repository_state(4),
    "hf_dinov2": lambda: hf_model("Dinov2"),
    "hf_dinov2_registers": lambda: hf_model("Dinov2WithRegisters"),
    "hf_vit": lambda: hf_model("ViT"),
    "hf_dinov3": lambda: hf_model("DINOv3ViT"),
    "timm_dinov3": lambda: timm_dinov3(qkv_bias=False).state_dict(),
    "timm_dinov3_qkvb": lambda: timm_dinov3(qkv_bias=True).state_dict(),
    "dinov3": dinov3_state,
    "timm_convnext": lambda: timm_convnext().state_dict(),
    "convnext": facebook_convnext,
    "convnext_dinov3": lambda: facebook_convnext(again=True),
    "hf_convnext": lambda: hf_convnext("ConvNext"),
    "hf_dinov3_convnext": lambda: hf_convnext("DINOv3ConvNext"),
    "google_old": lambda: google_arrays("old"),
    "google_new": lambda: google_arrays("new"),
}


@pytest.fixture(scope="session")
def checkpoint_file(tmp_path_factory):
    """Return a function from a family to a file of it."""
    folder = tmp_path_factory.mktemp("checkpoints")
    files = {}

    def make(family):
        if family in files:
            return files[family]
        content = FAMILIES[family]()
        if family.startswith("hf_"):
            content.save_pretrained(folder / family)
            files[family] = folder / family / "model.safetensors"
        elif family.startswith("google"):
            files[family] = folder / f"{family}.npz"
            np.savez(files[family], **content)
        elif family.startswith(("dinov", "convnext")):
            files[family] = folder / f"{family}.pth"
            torch.save(content, files[family])
        else:
            files[family] = folder / f"{family}.safetensors"
            save_file(content, files[family])
        return files[family]

    return make


@pytest.fixture(scope="session")
def models():
    """The builders of random models, for tests that change what they build."""
    return {
        "timm_vit": timm_vit,
        "timm_dinov3": timm_dinov3,
        "hf_model": hf_model,
        "timm_convnext": timm_convnext,
        "hf_convnext": hf_convnext,
        "facebook_convnext": facebook_convnext,
        "repository_state": repository_state,
        "dinov3_state": dinov3_state,
        "families": tuple(FAMILIES),
        "timm_version": timm.__version__,
    }
