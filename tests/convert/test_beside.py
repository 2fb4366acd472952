"""What lies beside weights, or is packed with them, counts: it is used, or contradicts aloud."""

import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from convert.checkpoints import CHECKPOINTS, find_checkpoint
from convert.importing import import_checkpoint
from convert.sources import Source, Tensor, open_source
from jaxcxr.errors import InputError


def _source(folder, arrays, name="model.safetensors", digest="0" * 64):
    tensors = {
        key: Tensor(array.shape, array.dtype.name, lambda array=array: array)
        for key, array in arrays.items()
    }
    return Source(folder / name, digest, tensors)


def dinov2(width, depth, *, dinov3=False, patch=14, layers=True):
    """Shapes of a DINOv2 or DINOv3 in the keys of its repository, without the memory."""
    shapes = {"cls_token": (1, 1, width), "mask_token": (1, width)}
    shapes |= {"patch_embed.proj.weight": (width, 3, patch, patch), "norm.weight": (width,)}
    shapes |= {"patch_embed.proj.bias": (width,), "norm.bias": (width,)}
    shapes["storage_tokens" if dinov3 else "pos_embed"] = (1, 4 if dinov3 else 1370, width)
    for n in range(depth):
        block = f"blocks.{n}."
        for norm in ("norm1", "norm2"):
            shapes |= {f"{block}{norm}.{k}": (width,) for k in ("weight", "bias")}
        shapes |= {f"{block}ls1.gamma": (width,), f"{block}ls2.gamma": (width,)}
        for name, outputs, inputs in (
            ("attn.qkv", 3 * width, width),
            ("attn.proj", width, width),
            ("mlp.fc1", 4 * width, width),
            ("mlp.fc2", width, 4 * width),
        ):
            shapes[f"{block}{name}.weight"] = (outputs, inputs)
            shapes[f"{block}{name}.bias"] = (outputs,)
        if dinov3:
            shapes[f"{block}attn.qkv.bias_mask"] = (3 * width,)
    arrays = {k: np.broadcast_to(np.float32(0.5), shape) for k, shape in shapes.items()}
    if dinov3:
        arrays["rope_embed.periods"] = np.float32(100.0) ** (np.arange(16, dtype=np.float32) / 16)
    return arrays


SMALL = dinov2(384, 12)


def beside(folder, name="config.json", **content):
    (folder / name).write_text(json.dumps(content))


def imported(folder, arrays=SMALL, **options):
    source = _source(folder, arrays)
    return import_checkpoint(source, name=options.pop("name", "w.pth"), **options)


def test_sizes_alone_make_a_candidate_and_claim_no_licence(tmp_path):
    """12 blocks of width 384 are a DINOv2-S in size, as are the weights of whoever tuned it."""
    found = imported(tmp_path)
    assert found.provenance["candidates"] == ["dinov2_vits14"]
    for claim in ("checkpoint", "licence", "origin", "recognised"):
        assert found.provenance[claim] is None
    assert any("a candidate and no more" in note for note in found.notes)
    assert set(found.provenance["unproved"]) >= {"heads", "gelu", "layernorm_epsilon"}


def test_a_name_or_the_bytes_make_an_identity(tmp_path):
    named = imported(tmp_path, checkpoint="dinov2_vits14").provenance
    assert (named["checkpoint"], named["recognised"]) == ("dinov2_vits14", "name")
    digest = CHECKPOINTS["dinov2_vits14"].sha256[0]
    by_bytes = import_checkpoint(_source(tmp_path, SMALL, digest=digest), name="any.pth").provenance
    assert (by_bytes["checkpoint"], by_bytes["recognised"]) == ("dinov2_vits14", "sha256")
    assert named["licence"] == by_bytes["licence"] == "Apache-2.0"
    assert named["unproved"] == []


def test_other_heads_beside_are_used_and_no_longer_that_checkpoint(tmp_path):
    beside(tmp_path, model_type="dinov2", hidden_size=384, num_attention_heads=12)
    found = imported(tmp_path)
    assert found.spec.heads == 12
    assert found.provenance["checkpoint"] is None
    assert found.provenance["candidates"] == []
    with pytest.raises(InputError, match=r"config\.json beside it says 12 heads where dinov2_vits"):
        imported(tmp_path, checkpoint="dinov2_vits14")
    stated = imported(tmp_path, fields={"heads": 6})
    assert stated.spec.heads == 6
    assert "heads" in stated.provenance["unproved"]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"hidden_act": "relu"}, "hidden_act is 'relu'; a model here has GELU"),
        ({"hidden_act": "quick_gelu"}, "a model here has GELU and cannot be it"),
        ({"use_swiglu_ffn": True}, "use_swiglu_ffn is on"),
        ({"use_gated_mlp": True}, "use_gated_mlp is on"),
        ({"num_hidden_layers": 24}, "depth 24 where its tensors have 12"),
        ({"hidden_size": 768}, "width 768 where its tensors have 384"),
        ({"intermediate_size": 1024}, "mlp_width 1024 where its tensors have 1536"),
        ({"hidden_size": 384, "mlp_ratio": 2}, "mlp_width 768 where its tensors have 1536"),
        ({"patch_size": 16}, "patch_size 16 where its tensors have 14"),
        ({"image_size": 224}, "native_image_size 224 where its tensors have 518"),
        ({"num_register_tokens": 4}, "register_tokens 4 where its tensors have 0"),
        ({"num_attention_heads": "six"}, "num_attention_heads is 'six', which is no size"),
        ({"num_attention_heads": 7}, "width 384 is not a multiple of its 7 heads"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, config, reason):
    beside(tmp_path, model_type="dinov2", **config)
    with pytest.raises(InputError, match=reason):
        imported(tmp_path)


def test_a_damaged_file_beside_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "dino')
    with pytest.raises(InputError, match=r"config.json: damaged \(EOF .*move the weights"):
        imported(tmp_path)
    beside(tmp_path, "preprocessor_config.json", image_mean=[0.5, 0.5], image_std=[1, 1])
    (tmp_path / "config.json").unlink()
    with pytest.raises(InputError, match="image_mean is not a number for each of three channels"):
        imported(tmp_path)


def test_facts_beside_go_before_the_table_aloud(tmp_path):
    beside(tmp_path, model_type="dinov2", layer_norm_eps=1e-5, hidden_act="gelu")
    beside(tmp_path, "preprocessor_config.json", image_mean=[0.1] * 3, image_std=[0.2] * 3)
    found = imported(tmp_path, checkpoint="dinov2_vits14")
    assert (found.spec.layernorm_epsilon, found.spec.pixel_mean) == (1e-5, (0.1,) * 3)
    said = " ".join(found.notes)
    assert "config.json beside it says layernorm_epsilon 1e-05, which is used; the table" in said
    assert "preprocessor_config.json beside it says pixel_std 0.2/0.2/0.2, which is used" in said
    stated = imported(tmp_path, fields={"layernorm_epsilon": 1e-6})
    assert stated.spec.layernorm_epsilon == 1e-6
    assert "says layernorm_epsilon 1e-05; 1e-06 is used, as stated" in " ".join(stated.notes)


@pytest.mark.parametrize(
    "scale", [{}, {"rescale_factor": 1 / 255}, {"rescale_factor": 1 / 127.5}, {"do_rescale": False}]
)
def test_the_scale_of_a_preprocessor_is_brought_to_ours(tmp_path, scale):
    """Theirs: (pixel * factor - mean) / std; ours: (pixel / 255 - mean) / std."""
    mean, std = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
    beside(tmp_path, "preprocessor_config.json", image_mean=mean, image_std=std, **scale)
    spec = imported(tmp_path).spec
    factor = 1.0 if scale.get("do_rescale") is False else scale.get("rescale_factor", 1 / 255)
    for pixel in (0, 100, 255):
        theirs = (pixel * factor - np.array(mean)) / std
        ours = (pixel / 255 - np.array(spec.pixel_mean)) / spec.pixel_std
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_pixels_beside_tell_rad_dino_from_dinov2(tmp_path):
    beside(tmp_path, "preprocessor_config.json", image_mean=[0.5307] * 3, image_std=[0.2583] * 3)
    found = imported(tmp_path, dinov2(768, 12))
    assert found.provenance["candidates"] == ["rad_dino"]
    assert found.spec.pixel_std == (0.2583,) * 3


def test_timms_own_file_says_which_model_it_is(tmp_path, models):
    arrays = {k: v.numpy() for k, v in models["timm_vit"]().state_dict().items()}
    config = {"architecture": "vit_tiny_patch16_112", "num_features": 128}
    pretrained = {"tag": "mine", "mean": [0.1] * 3, "std": [0.3] * 3, "input_size": [3, 112, 112]}
    beside(tmp_path, **config, pretrained_cfg=pretrained, model_args={"num_heads": 4})
    found = imported(tmp_path, arrays)
    assert (found.spec.heads, found.spec.pixel_mean) == (4, (0.1,) * 3)
    beside(tmp_path, **config, model_args={"act_layer": "relu"})
    with pytest.raises(InputError, match="act_layer is 'relu'"):
        imported(tmp_path, arrays)


@pytest.mark.slow
def test_satellite_and_web_dinov3_are_two_checkpoints(tmp_path):
    import timm

    for name in ("vit_large_patch16_dinov3.sat493m", "vit_large_patch16_dinov3_qkvb.sat493m"):
        row = find_checkpoint(name)
        assert row.name == "dinov3_vitl16_sat493m"
        config = timm.get_pretrained_cfg(name)
        assert (row.spec.pixel_mean, row.spec.pixel_std) == (config.mean, config.std)
    assert find_checkpoint("vit_large_patch16_dinov3").name == "dinov3_vitl16"
    for unknown in ("vit_large_patch16_dinov3.mine", "vit_base_patch14_dinov2.lvd1689m"):
        assert find_checkpoint(unknown) is None
    arrays = dinov2(1024, 24, dinov3=True, patch=16)
    both = imported(tmp_path, arrays)
    assert both.provenance["candidates"] == ["dinov3_vitl16", "dinov3_vitl16_sat493m"]
    assert {"pixel_mean", "pixel_std"} <= both.provenance["assumed"].keys()
    name = "dinov3_vitl16_pretrain_sat493m-eadcf0ff.pth"
    by_name = imported(tmp_path, arrays, name=f"/downloads/{name}")
    assert by_name.provenance["candidates"] == ["dinov3_vitl16_sat493m"]
    assert by_name.spec.pixel_mean == (0.430, 0.411, 0.296)
    assert by_name.provenance["licence"] is None
    content = _source(tmp_path, arrays, digest="eadcf0ff" + "0" * 56)
    assert import_checkpoint(content, name=name).provenance["checkpoint"] == "dinov3_vitl16_sat493m"


def read(path, state_dict=None):
    with open_source(path, state_dict) as source:
        return {name: tensor.read().copy() for name, tensor in source.tensors.items()}


def average(state):
    return OrderedDict((key, value + 1) for key, value in state.items())


RAW = OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.ones(4))
PACKED = {
    "model_ema": {"model": RAW, "model_ema": average(RAW), "epoch": 3},
    "state_dict_ema": {"state_dict": RAW, "state_dict_ema": average(RAW)},
    "teacher": {"student": RAW, "teacher": average(RAW)},
    "ema.module": {"net": RAW, "ema": {"decay": 0.9, "module": average(RAW)}},
    "averages": {**RAW, "averages": average(RAW)},
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", PACKED)
def test_weights_beside_weights_are_a_question(tmp_path, name, zipped):
    torch.save(PACKED[name], tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"several sets of weights.*--state-dict") as error:
        read(tmp_path / "w.pth")
    assert name in str(error.value) or name == "teacher"
    chosen = read(tmp_path / "w.pth", name)
    np.testing.assert_array_equal(chosen["b"], average(RAW)["b"].numpy())
    with pytest.raises(InputError, match="no set of weights in it is called that"):
        read(tmp_path / "w.pth", "absent")


def test_a_list_of_averages_is_seen_too(tmp_path):
    shadow = {"decay": 0.9, "shadow_params": list(average(RAW).values())}
    torch.save({"model": RAW, "ema": shadow}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"ema\.shadow_params \(2 tensors\)"):
        read(tmp_path / "w.pth")
    np.testing.assert_array_equal(read(tmp_path / "w.pth", "model")["b"], RAW["b"].numpy())


def test_what_is_no_second_set_of_weights_is_no_question(tmp_path):
    moments = {n: {"exp_avg": value.clone()} for n, value in enumerate(RAW.values())}
    saved = {"model": RAW, "teacher": RAW, "optimizer": {"state": moments}, "lr": {"x": 0.1}}
    torch.save(saved, tmp_path / "w.pth")
    np.testing.assert_array_equal(read(tmp_path / "w.pth")["a"], RAW["a"].numpy())


def test_two_sets_under_prefixes_of_one_file(tmp_path):
    state = {
        f"{who}.{k}": v + n for n, who in enumerate(("student", "teacher")) for k, v in RAW.items()
    }
    save_file(state, tmp_path / "w.safetensors")
    assert read(tmp_path / "w.safetensors", "teacher")["b"].tolist() == [2.0] * 4
    with pytest.raises(InputError, match="no set of weights in it is called that"):
        read(tmp_path / "w.safetensors", "ema")


def test_a_folder_with_an_average_beside_is_a_question(tmp_path):
    for name in ("model.safetensors", "model_ema.safetensors"):
        save_file(dict(RAW), tmp_path / name)
    with pytest.raises(InputError, match=r"beside it model_ema\.safetensors, by its name an aver"):
        read(tmp_path)
    assert read(tmp_path / "model.safetensors").keys() == RAW.keys()
