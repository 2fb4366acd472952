"""What stands beside weights is held to by PyTorch: `verify` believes neither file."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from convert.importing import import_checkpoint
from convert.sources import open_source
from convert.verifying import TOLERANCE, verify
from jaxcxr.files import sha256
from jaxcxr.model import load, read_header, read_tensors, write_weights


def _write(folder, source_file, **options):
    with open_source(source_file) as source:
        found = import_checkpoint(source, name=source_file.name, **options)
    write_weights(folder / "w.safetensors", found.spec, found.tensors, found.provenance)
    return folder / "w.safetensors"


@pytest.fixture(scope="module")
def four_heads(tmp_path_factory, models):
    """A model of transformers with 4 heads of 32, where its width suggests 2 of 64."""
    import transformers

    sizes = {"hidden_size": 128, "num_hidden_layers": 2, "mlp_ratio": 3, "layer_norm_eps": 1e-6}
    config = transformers.Dinov2Config(
        num_attention_heads=4, hidden_act="gelu_new", image_size=56, patch_size=14, **sizes
    )
    folder = tmp_path_factory.mktemp("four")
    torch.manual_seed(0)
    model = transformers.Dinov2Model(config).eval()
    model.save_pretrained(folder)
    return folder / "model.safetensors", model


def test_heads_and_gelu_beside_give_the_class_token_of_transformers(tmp_path, four_heads):
    file, theirs = four_heads
    out = _write(tmp_path, file)
    assert (read_header(out).spec.heads, read_header(out).spec.gelu) == (4, "tanh")
    images = np.random.default_rng(0).normal(size=(1, 56, 56, 3)).astype(np.float32)
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(images).permute(0, 3, 1, 2)).last_hidden_state.numpy()
    got = np.asarray(load(out, image_size=56)(images)[1]["tokens"])
    assert np.abs(got - wanted).max() < TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("field", "value"), [("heads", 2), ("gelu", "erf"), ("pixel_mean", (0,) * 3)]
)
def test_verify_does_not_believe_the_file_it_verifies(tmp_path, four_heads, field, value):
    """Whoever wrote a wrong fact into a weights file also gave it to the reference, once."""
    file, _ = four_heads
    beside_file = file.with_name("preprocessor_config.json")
    beside_file.write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    out = _write(tmp_path, file)
    header = read_header(out)
    wrong = type(header.spec).from_dict(header.spec.to_dict() | {field: value})
    write_weights(out, wrong, read_tensors(out), header.provenance)
    with open_source(file) as source:
        parity = verify(out, source, name=file.name, image_size=56)
    assert not parity.passed
    assert any(c.startswith(f"{field} is ") for c in parity.contradictions)
    assert field == "pixel_mean" or parity.first_failure is not None


@pytest.mark.slow
def test_verify_leaves_the_weights_file_as_it_is(tmp_path, checkpoint_file):
    file = checkpoint_file("timm")
    out = _write(tmp_path, file)
    before, digest = out.read_bytes(), sha256(out)

    def run(*arguments):
        command = [sys.executable, "-m", "convert", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    said = run("verify", out, file)
    assert out.read_bytes() == before
    assert "not proved: heads, layernorm_epsilon, gelu" in said
    parity = json.loads(out.with_suffix(".json").read_text())["provenance"]["parity"]
    assert parity["passed"]
    assert parity["weights_sha256"] == digest
    assert '"passed": true' in run("inspect", out)
    # Another file under that name does not inherit it.
    header, tensors = read_header(out), read_tensors(out)
    note = out.with_suffix(".json").read_text()
    write_weights(out, header.spec, {**tensors, "norm/bias": tensors["norm/bias"] + 1}, {})
    out.with_suffix(".json").write_text(note)
    assert '"parity": null' in run("inspect", out)


def test_files_of_earlier_versions_are_verified_too(tmp_path, checkpoint_file):
    file = checkpoint_file("timm_layer_scale")
    new = ("named", "stated", "beside", "recognised", "unproved", "state_dict")
    for fields, passed in (({"resample_rule": "dinov2"}, True), ({"gelu": "tanh"}, False)):
        out = _write(tmp_path, file, fields=fields)
        header = read_header(out)
        older = {key: value for key, value in header.provenance.items() if key not in new}
        write_weights(out, header.spec, read_tensors(out), older)
        with open_source(file) as source:
            parity = verify(out, source, name=file.name, image_size=56)
        assert parity.passed == passed
    assert parity.contradictions == ("gelu is tanh, in the source erf",)
