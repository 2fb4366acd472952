"""Compiling for chips that are not here: `make test-targets` brings the compilers."""

import importlib.util
import json

import pytest

from jaxcxr.config import study_config
from jaxcxr.errors import InputError
from jaxcxr.model import ViTSpec
from jaxcxr.portability import main
from jaxcxr.run.mesh import process_by_process
from jaxcxr.targets.chips import CHIPS, absent_devices, find_target
from jaxcxr.targets.compiling import compile_step
from jaxcxr.training.flops import peak_flops

TINY = "tests/jaxcxr/tiny.py"
H100 = "--target", "h100"


@pytest.mark.parametrize("name", ["h101", "h100-2x2", "v5e", "v5e-4", "v5e-4y4", "", "v5e-0x4x"])
def test_an_unknown_target_is_refused_with_those_that_are_known(name):
    with pytest.raises(InputError, match="v5e-4x4"):
        find_target(name, None)


def test_the_number_of_devices():
    assert find_target("h100", 8)[1:] == ("1x1x8", 8)
    assert find_target("v5p-2x2x4", None)[1:] == ("v5p:2x2x4", 16)
    with pytest.raises(InputError, match="has 16"):
        find_target("v5e-4x4", 8)
    with pytest.raises(InputError, match="--devices 0"):
        find_target("a100", 0)


@pytest.mark.parametrize("chip", CHIPS.values(), ids=str)
def test_the_peak_of_every_chip_is_known(chip):
    assert peak_flops(chip.kind, "bfloat16")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--target", "v9"], "--target v9 is not known"),
        (["--target", "h100"], "x: no such directory, and the number of labels"),
        (["--target", "h100", "--labels", "0"], "--labels 0"),
        (["--target", "h100", "--config.lerning_rate=1"], "learning_rate"),
    ],
)
def test_what_cannot_be_compiled_is_said_in_a_sentence(more, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compile", f"--config={TINY}", "--config.data=x", *more])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def _installed(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip("a target's compiler is not installed; run make test-targets")


@pytest.mark.targets
@pytest.mark.parametrize(
    ("target", "module"),
    [(name, "jax_cuda12_plugin") for name in ("h100", "a100", "l4")] + [("v5e-2x2", "libtpu")],
)
def test_a_step_and_a_prediction_compile(target, module, tmp_path, capsys):
    _installed(module)
    out = tmp_path / "compiled.json"
    arguments = [f"--config={TINY}", "--config.data=x", "--labels", "3", "--target", target]
    more = ["--largest-batch"] if target == "h100" else []
    main(["compile", *arguments, *more, "--out", str(out)])
    assert "bound, images/s" in capsys.readouterr().out
    found = json.loads(out.read_text())
    if more:
        # An image needs more memory than its pixels, and 16 fit into a hundredth of the chip's.
        assert 1600 < found["largest_batch"] < CHIPS[target].memory / 28**2
    for program in (found["train_step"], found["prediction"]):
        assert "error" not in program
        assert program["fits"] and program["kernels"] > 10 and program["memory_bytes"] > 0
        assert set(program["traffic_by_origin"]) >= {"forward"}
    assert {"backward", "optimizer"} <= set(found["train_step"]["traffic_by_origin"])
    # Gradients of every parameter are summed over the devices of a slice; on one there is no other.
    assert bool(found["train_step"]["collectives"]) == (found["devices"] > 1)
    main(["compare", str(out), str(out)])
    assert capsys.readouterr().out.count(f"{target} x") == 4


@pytest.mark.targets
def test_the_kernel_of_attention_keeps_its_probabilities_out_of_memory(tmp_path):
    _installed("jax_cuda12_plugin")
    found = {}
    for attention in ("auto", "plain"):
        out = tmp_path / f"{attention}.json"
        asked = ["--config.dtype=bfloat16", f"--config.attention={attention}", "--devices", "2"]
        # 257 tokens an image: probabilities of 34 MB, where the arrays between layers have 2 MB.
        asked += ["--config.image_size=112", "--config.batch_size=256", "--labels", "3"]
        main(["compile", f"--config={TINY}", "--config.data=x", *asked, *H100, "--out", str(out)])
        found[attention] = json.loads(out.read_text())
    for program in ("train_step", "prediction"):
        auto, plain = (found[attention][program] for attention in ("auto", "plain"))
        assert auto["memory_bytes"] < 0.7 * plain["memory_bytes"], program
        assert auto["traffic_bytes"] < 0.7 * plain["traffic_bytes"], program


@pytest.mark.targets
def test_a_state_that_does_not_fit_whole_fits_split():
    _installed("jax_cuda12_plugin")
    chip, topology, _ = find_target("l4", 8)
    spec = ViTSpec(14, 1536, 8, 24, 6144, 28)  # 230 million parameters
    config = study_config()
    config.dtype, config.image_size, config.batch_size = "bfloat16", 28, 64
    needs = {}
    for fsdp in (1, 8):
        config.mesh.data, config.mesh.fsdp = -1, fsdp
        devices = absent_devices(chip, topology)
        needs[fsdp] = compile_step(config, spec, ("A", "B"), chip, devices)
    held = needs[1]["state_bytes"] - needs[8]["state_bytes"]
    assert needs[8]["state_bytes"] < 0.13 * needs[1]["state_bytes"]
    assert needs[1]["memory_bytes"] - needs[8]["memory_bytes"] > 0.8 * held
    # Parameters are gathered and gradients scattered, some of them together; no activations are.
    sent = needs[8]["collective_bytes"]
    parameters = needs[1]["state_bytes"] / 3
    assert 0.4 * parameters < sent["all-gather"] < 1.1 * parameters
    assert sent.get("all-reduce", 0) < 0.01 * sent["reduce-scatter"]


@pytest.mark.targets
@pytest.mark.parametrize("target", ["v5e-4x4", "v5p-2x2x4", "v6e-4x4"])
def test_processes_of_a_slice_stand_side_by_side(target):
    _installed("libtpu")
    chip, topology, count = find_target(target, None)
    ordered = [d.process_index for d in process_by_process(absent_devices(chip, topology))]
    assert len(ordered) == count and ordered == sorted(ordered)
