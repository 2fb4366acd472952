"""Strictness, recognition and provenance of an import."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convert.importing import import_checkpoint
from convert.sources import Source, Tensor, open_source
from jaxcxr.errors import InputError
from jaxcxr.model import load, write_weights


def _source(tmp_path, arrays):
    tensors = {
        name: Tensor(array.shape, array.dtype.name, lambda array=array: array)
        for name, array in arrays.items()
    }
    return Source(tmp_path / "w.pth", "0" * 64, tensors)


def _arrays(checkpoint_file, family):
    with open_source(checkpoint_file(family)) as source:
        return {name: np.array(tensor.read()) for name, tensor in source.tensors.items()}


def _import(tmp_path, arrays, **options):
    return import_checkpoint(_source(tmp_path, arrays), name="w.pth", **options)


SETTINGS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["timm_layer_scale", "hf_dinov2_registers", "dinov3"])
def test_any_damage_gives_the_full_list(tmp_path, checkpoint_file, family):
    whole = _arrays(checkpoint_file, family)
    optional = {name for name in whole if re.search("mask|periods|^head", name)}
    # What tells the model's size in the first place is damaged elsewhere, one at a time.
    names = sorted(set(whole) - optional)
    anchors = {
        name
        for name in names
        if re.search(r"(blocks|layer)\.1\.(norm|mlp)|(register|storage)_tokens", name)
    }

    @SETTINGS
    @given(
        st.dictionaries(
            st.sampled_from(sorted(set(names) - anchors)),
            st.sampled_from(["removed", "renamed", "reshaped", "nan", "infinite", "integers"]),
            min_size=1,
            max_size=8,
        )
    )
    def check(damage):
        arrays = dict(whole)
        expected = {"missing": set(), "extra": set(), "misshapen": set(), "NaN or infinite": set()}
        for name, kind in damage.items():
            array = arrays.pop(name)
            if kind == "removed":
                expected["missing"].add(name)
            elif kind == "renamed":
                arrays[f"{name}_old"] = array
                expected["missing"].add(name)
                expected["extra"].add(f"{name}_old")
            elif kind == "reshaped":
                arrays[name] = array[None, None, ..., None, None]
                expected["misshapen"].add(name)
            elif kind == "integers":
                arrays[name] = array.astype(np.int32)
                expected["misshapen"].add(name)
            else:
                spoiled = array.copy()
                spoiled.flat[-1] = np.nan if kind == "nan" else -np.inf
                arrays[name] = spoiled
                expected["NaN or infinite"].add(name)
        with pytest.raises(InputError) as error:
            _import(tmp_path, arrays)
        message = str(error.value)
        for problem, listed in expected.items():
            found = re.search(rf"{problem}: ([^;]*)", message)
            is_not = r" is (\([^)]*\)|int32), not (\([^)]*\)|floating point)"
            text = re.sub(is_not, "", found[1]) if found else ""
            assert {part for part in text.split(", ") if part} == listed, message

    check()


@pytest.mark.parametrize(
    "name",
    [
        "patch_embed.proj.weight",
        "patch_embed.proj.bias",
        "pos_embed",
        "cls_token",
        "norm.weight",
        "blocks.1.norm1.weight",
        "blocks.1.mlp.fc1.bias",
        "blocks.1.ls1.gamma",
    ],
)
@pytest.mark.parametrize("kind", ["removed", "reshaped"])
def test_what_tells_the_size_may_itself_be_damaged(tmp_path, checkpoint_file, name, kind):
    arrays = _arrays(checkpoint_file, "timm_layer_scale")
    array = arrays.pop(name)
    if kind == "reshaped":
        arrays[name] = array.reshape(-1, 1, 1, 1, 1)
    problem = "missing: " if kind == "removed" else r"misshapen: "
    with pytest.raises(InputError, match=f"{problem}{re.escape(name)}"):
        _import(tmp_path, arrays)


def test_prefixes_and_chunks_are_undone(tmp_path, checkpoint_file):
    arrays = _arrays(checkpoint_file, "dinov2")
    plain = _import(tmp_path, arrays)
    chunked = {
        "teacher.backbone." + re.sub(r"^blocks\.(\d+)", r"blocks.\1.\1", name): array
        for name, array in arrays.items()
    }
    chunked["teacher.dino_head.last_layer.weight"] = np.zeros((3, 3), np.float32)
    training = _import(tmp_path, chunked)
    assert training.tensors.keys() == plain.tensors.keys()
    for name, tensor in plain.tensors.items():
        np.testing.assert_array_equal(training.tensors[name], tensor)
    assert training.provenance["left_out"] == ["teacher.dino_head.last_layer.weight"]
    assert any("left out: teacher.dino_head" in note for note in training.notes)


def test_two_keys_of_one_meaning_are_refused(tmp_path, checkpoint_file):
    arrays = _arrays(checkpoint_file, "timm")
    arrays["module.norm.bias"] = arrays["norm.bias"]
    with pytest.raises(InputError, match=r"two keys mean one parameter: norm\.bias and module"):
        _import(tmp_path, arrays)


@pytest.mark.parametrize("family", ["hf_dinov2", "hf_vit"])
def test_names_of_live_modules_are_understood(tmp_path, checkpoint_file, models, family):
    kind = {"hf_dinov2": "Dinov2", "hf_vit": "ViT"}[family]
    state = {k: v.numpy() for k, v in models["hf_model"](kind).state_dict().items()}
    of_file = _import(tmp_path, _arrays(checkpoint_file, family))
    live = _import(tmp_path, state)
    assert live.provenance["layout"] == family
    assert live.tensors.keys() == of_file.tensors.keys()
    for name, tensor in of_file.tensors.items():
        np.testing.assert_array_equal(live.tensors[name], tensor)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_kept_and_loads(tmp_path, checkpoint_file, dtype):
    arrays = {k: v.astype(dtype) for k, v in _arrays(checkpoint_file, "dinov2").items()}
    imported = _import(tmp_path, arrays, image_size=56)
    assert imported.provenance["source_dtypes"] == [dtype]
    assert imported.tensors["norm/scale"].dtype == np.dtype(dtype)
    assert imported.tensors["position_table"].dtype == np.float32
    write_weights(tmp_path / "w.safetensors", imported.spec, imported.tensors, imported.provenance)
    model = load(tmp_path / "w.safetensors", image_size=56)
    np.testing.assert_array_equal(model.norm.scale[...], arrays["norm.weight"].astype(np.float32))


def test_a_head_is_left_out_unless_kept(tmp_path, models):
    arrays = {k: v.numpy() for k, v in models["timm_vit"](labels=7).state_dict().items()}
    without = _import(tmp_path, arrays)
    assert not any(name.startswith("head/") for name in without.tensors)
    assert without.provenance["left_out"] == ["head.bias", "head.weight"]
    kept = _import(tmp_path, arrays, keep_head=True, labels="study:chestxray14")
    np.testing.assert_array_equal(kept.tensors["head/kernel"], arrays["head.weight"].T)
    assert kept.provenance["labels"][:2] == ["cardiomegaly", "pleural_effusion"]
    assert _import(tmp_path, arrays, keep_head=True, labels="a,b,c,d,e,f,g").provenance[
        "labels"
    ] == list("abcdefg")
    for options, message in (
        ({"keep_head": True, "labels": "a,b"}, "must give 7 different names"),
        ({"keep_head": True, "labels": "study:vindr_cxr"}, "no list of the study"),
        ({"labels": "a"}, "add --keep-head"),
    ):
        with pytest.raises(InputError, match=message):
            _import(tmp_path, arrays, **options)


def test_heads_that_read_something_else_are_refused(tmp_path, checkpoint_file, models):
    arrays = {k: v.numpy() for k, v in models["hf_model"]("Dinov2", 5).state_dict().items()}
    with pytest.raises(InputError, match="also reads the mean of the patch tokens"):
        _import(tmp_path, arrays, keep_head=True)
    google = _arrays(checkpoint_file, "google_old")
    google["pre_logits/kernel"] = np.zeros((128, 128), np.float32)
    google["pre_logits/bias"] = np.zeros(128, np.float32)
    with pytest.raises(InputError, match="its head reads pre_logits"):
        _import(tmp_path, google, keep_head=True)
    assert "extra/pre_logits/kernel" in _import(tmp_path, google).tensors
    timm = {k: v.numpy() for k, v in models["timm_vit"]().state_dict().items()}
    timm |= {f"fc_norm.{k}": timm.pop(f"norm.{k}") for k in ("weight", "bias")}
    with pytest.raises(InputError, match="it pools the mean of the patch tokens"):
        _import(tmp_path, timm)
    with pytest.raises(InputError, match="no head in it to keep"):
        _import(tmp_path, _arrays(checkpoint_file, "timm"), keep_head=True)


def _base(labels=None, **extra):
    """Shapes of a ViT-B/16 in timm keys, without the memory."""
    shapes = {"cls_token": (1, 1, 768), "pos_embed": (1, 197, 768)}
    shapes |= {"patch_embed.proj.weight": (768, 3, 16, 16), "patch_embed.proj.bias": (768,)}
    for n in range(12):
        for norm in ("norm1", "norm2"):
            shapes |= {f"blocks.{n}.{norm}.{k}": (768,) for k in ("weight", "bias")}
        for name, outputs, inputs in (
            ("attn.qkv", 2304, 768),
            ("attn.proj", 768, 768),
            ("mlp.fc1", 3072, 768),
            ("mlp.fc2", 768, 3072),
        ):
            shapes[f"blocks.{n}.{name}.weight"] = (outputs, inputs)
            shapes[f"blocks.{n}.{name}.bias"] = (outputs,)
    shapes |= {"norm.weight": (768,), "norm.bias": (768,)} | extra
    if labels:
        shapes |= {"head.weight": (labels, 768), "head.bias": (labels,)}
    return {k: np.broadcast_to(np.float32(0.5), shape) for k, shape in shapes.items()}


@pytest.mark.parametrize(
    ("arrays", "options", "checkpoint", "mean", "noted"),
    [
        (_base(), {}, [], 0.5, "say which it is with --checkpoint NAME"),
        # Sizes and keys, however special, make a candidate and prove no identity.
        (_base(21843), {}, ["vit_base_patch16_224.augreg_in21k"], 0.5, "the study's ViT"),
        (
            _base(),
            {"checkpoint": "vit_base_patch16_224.mae"},
            "vit_base_patch16_224.mae",
            0.485,
            "",
        ),
        (
            _base(decoder_pos_embed=(1, 197, 512), mask_token=(1, 1, 512)),
            {},
            ["medical_mae_vit_base", "vit_base_patch16_224.mae"],
            0.5056,
            "left out: decoder_pos_embed, mask_token",
        ),
        (
            _base(17),
            {"checkpoint": "study_vit_base_patch16", "keep_head": True, "labels": "study:padchest"},
            "study_vit_base_patch16",
            0.0,
            "fine-tuned on pixels",
        ),
        (_base(), {"fields": {"pixel_mean": (0.1, 0.1, 0.1)}}, [], 0.1, "--checkpoint"),
    ],
)
def test_facts_come_from_the_table_and_doubt_is_said(
    tmp_path, arrays, options, checkpoint, mean, noted
):
    imported = _import(tmp_path, arrays, **options)
    named = checkpoint if isinstance(checkpoint, str) else None
    assert imported.provenance["checkpoint"] == named
    assert imported.spec.pixel_mean[0] == mean
    assert imported.spec.heads == 12
    assert noted in " ".join(imported.notes)
    # Radiographs that it may have learnt from, where the file may be that of a model that did.
    seen = "chestxray14" in imported.provenance["pretrained_on"]
    may_be = [named] if named else imported.provenance["candidates"]
    assert seen == ("medical_mae_vit_base" in may_be)
    if named is None:
        listed = checkpoint or ["vit_base_patch16_224.orig_in21k"]
        assert set(listed) <= set(imported.provenance["candidates"])
        assert not checkpoint or checkpoint == imported.provenance["candidates"]
    assert (imported.provenance["licence"] is None) == (named is None)


def test_lost_registers_are_missed_where_the_checkpoint_is_named(tmp_path, checkpoint_file):
    arrays = _arrays(checkpoint_file, "dinov2_registers")
    del arrays["register_tokens"]
    with pytest.raises(InputError, match=r"missing: [^;]*register_tokens"):
        _import(tmp_path, arrays, checkpoint="dinov2_vits14_reg4")


def test_names_that_are_not_known(tmp_path):
    with pytest.raises(InputError, match="'nonsense' is not in the table; one of dinov2_vits14"):
        _import(tmp_path, _base(), checkpoint="nonsense")
    odd = {"norm.weight": np.ones(100, np.float32), "norm.bias": np.ones(100, np.float32)}
    with pytest.raises(InputError, match="state it with --set heads=N"):
        _import(tmp_path, odd)
