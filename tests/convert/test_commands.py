"""The commands, as a user runs them."""

import json
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from convert.__main__ import main
from convert.checkpoints import CHECKPOINTS, find_checkpoint
from convert.downloads import locate
from jaxcxr.errors import InputError
from jaxcxr.model import ConvNeXtSpec, ViTSpec


def _run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "convert", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_import_verify_inspect_export(tmp_path, checkpoint_file):
    file, out = checkpoint_file("hf_dinov2"), tmp_path / "w.safetensors"
    run = _run("import", file, "--out", out)
    assert run.returncode == 0, run.stderr
    assert "of no known checkpoint; assumed" in run.stdout

    run = _run("verify", out, file, "--image-size", "56")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "passed: every layer within 1e-05" in run.stdout
    table = json.loads((tmp_path / "w.parity.json").read_text())
    assert table["passed"]
    assert table["image_size"] == 56
    assert [row["place"] for row in table["forward"]][-1] == "logits"
    header = json.loads((tmp_path / "w.json").read_text())
    assert header["provenance"]["parity"]["passed"] is True

    run = _run("inspect", out)
    assert '"layout": "hf_dinov2"' in run.stdout
    assert "patch_embedding/kernel" in run.stdout

    run = _run("export", out, "--layout", "hf", "--out", tmp_path / "back.safetensors")
    assert run.returncode == 0, run.stderr
    before, after = load_file(file), load_file(tmp_path / "back.safetensors")
    assert before.keys() == after.keys()


@pytest.mark.slow
def test_verify_fails_with_the_layer(tmp_path, checkpoint_file):
    file, out = checkpoint_file("timm"), tmp_path / "w.safetensors"
    assert _run("import", file, "--out", out, "--set", "gelu=tanh").returncode == 0
    # The reference follows the facts of the weights file, so a fact is wrong for both; a weight
    # that is wrong is wrong for one.
    from jaxcxr.model import read_header, read_tensors, write_weights

    header, tensors = read_header(out), read_tensors(out)
    tensors["blocks/0/norm1/bias"] = tensors["blocks/0/norm1/bias"] + 0.01
    write_weights(out, header.spec, tensors, header.provenance)
    run = _run("verify", out, file)
    assert run.returncode == 1
    assert "FAILED: beyond tolerance first at block00" in run.stderr
    assert json.loads((tmp_path / "w.parity.json").read_text())["passed"] is False


def test_list_names_every_checkpoint_and_its_licence():
    run = _run("list")
    for row in CHECKPOINTS.values():
        assert row.name in run.stdout
        assert row.licence in run.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--resample", "cubic"), "resample_rule is 'cubic'; choose one of"),
        (("--set", "heads"), "write FIELD=VALUE"),
        (("--set", "colour=3"), "unknown fields ['colour']"),
        (("--image-size", "50"), "50 is not a multiple of the patch size 16"),
        (("--checkpoint", "resnet"), "'resnet' is not in the table"),
    ],
)
def test_mistakes_end_in_a_sentence(
    tmp_path, checkpoint_file, arguments, message, monkeypatch, capsys
):
    out = tmp_path / "w.safetensors"
    words = ("import", checkpoint_file("timm"), "--out", out, *arguments)
    monkeypatch.setattr(sys, "argv", ["convert", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in said
    assert said.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "checkpoint"),
    [
        ("vit_base_patch14_dinov2.lvd142m", "dinov2_vitb14"),
        ("vit_base_patch14_dinov2", "dinov2_vitb14"),
        ("vit_small_patch16_dinov3_qkvb.lvd1689m", "dinov3_vits16"),
        ("vit_base_patch16_224_in21k", "vit_base_patch16_224.augreg_in21k"),
        ("facebook/dinov2-with-registers-large", "dinov2_vitl14_reg4"),
        ("microsoft/rad-dino", "rad_dino"),
        ("resnet50", None),
    ],
)
def test_names_of_libraries_find_their_row(name, checkpoint):
    row = find_checkpoint(name)
    assert (row.name if row else None) == checkpoint


def test_a_path_is_a_path_and_a_gated_name_is_explained(tmp_path):
    assert locate(str(tmp_path / "x.pth")) == (tmp_path / "x.pth", None)
    with pytest.raises(InputError, match="DINOv3 is gated"):
        locate("dinov2:dinov3_vitb16")


def test_facts_of_timm_and_of_the_table_agree():
    """timm's own configuration of each model against our row."""
    import timm
    import torch

    for row in CHECKPOINTS.values():
        name = row.names.get("timm")
        if name is None or name not in timm.list_models(pretrained=True):
            continue
        config = timm.get_pretrained_cfg(name)
        spec = row.spec_of("timm")
        assert config.mean == spec.pixel_mean, name
        assert config.std == spec.pixel_std, name
        assert config.input_size == (3, spec.native_image_size, spec.native_image_size), name
        sized = "dinov3" not in name and isinstance(spec, ViTSpec)
        options = {"img_size": spec.native_image_size} if sized else {}
        with torch.device("meta"):  # its shapes; no time goes into numbers
            model = timm.create_model(name.split(".")[0], num_classes=0, **options)
        if isinstance(spec, ConvNeXtSpec):
            assert tuple(len(stage.blocks) for stage in model.stages) == spec.depths
            assert tuple(each["num_chs"] for each in model.feature_info) == spec.widths
            assert model.stem[1].eps == model.stages[0].blocks[0].norm.eps == spec.layernorm_epsilon
            assert model.head.norm.eps == spec.final_layernorm_epsilon
            continue
        assert len(model.blocks) == spec.depth
        assert model.embed_dim == spec.width
        assert model.blocks[0].attn.num_heads == spec.heads
        assert model.patch_embed.patch_size == (spec.patch_size, spec.patch_size)
        assert model.blocks[0].norm1.eps == spec.layernorm_epsilon
        assert model.num_prefix_tokens == spec.prefix_tokens
        rows = 0 if model.pos_embed is None else model.pos_embed.shape[1]
        assert rows == spec.table_rows, name


def test_facts_of_transformers_and_of_the_table_agree():
    """The configurations that transformers has as defaults, where it has one of the table."""
    import transformers

    dinov3 = transformers.DINOv3ViTConfig()
    spec = CHECKPOINTS["dinov3_vits16"].spec
    assert (dinov3.hidden_size, dinov3.num_hidden_layers) == (spec.width, spec.depth)
    assert (dinov3.layer_norm_eps, dinov3.rope_theta) == (spec.layernorm_epsilon, 100.0)
    assert dinov3.key_bias is False
    dinov2 = transformers.Dinov2Config()
    spec = CHECKPOINTS["dinov2_vitb14"].spec
    assert (dinov2.hidden_size, dinov2.layer_norm_eps) == (spec.width, spec.layernorm_epsilon)
    assert dinov2.mlp_ratio * dinov2.hidden_size == spec.mlp_width
