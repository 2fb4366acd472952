"""What is counted in a program, by hand and on one that the CPU compiled."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import compiled, large_images, sharded
from jaxcxr import portability
from jaxcxr.targets.chips import CHIPS
from jaxcxr.targets.compiling import account
from jaxcxr.targets.program import Counts, bytes_of, count_program, origin

PROGRAM = """
HloModule jit_step, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%body (p: (s32[], f32[100])) -> (s32[], f32[100]) {
  %p = (s32[], f32[100]{0}) parameter(0)
  %i = s32[] get-tuple-element(%p), index=0
  %x = f32[100]{0} get-tuple-element(%p), index=1
  %next = f32[100]{0} fusion(%x), kind=kLoop, calls=%f, metadata={op_name="jit(s)/jvp()/while/tanh"}
  ROOT %t = (s32[], f32[100]{0}) tuple(%i, %next)
}

ENTRY %main (w: bf16[8,4], x: f32[100]) -> f32[100] {
  %w = bf16[8,4]{1,0:T(8,128)(2,1)} parameter(0)
  %x.1 = f32[100]{0} parameter(1)
  %ahead = (bf16[8,4]{1,0:T(8,128)S(1)}, bf16[8,4]{1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%w)
  %w.1 = bf16[8,4]{1,0:T(8,128)S(1)} copy-done(%ahead)
  %dot = bf16[4,4]{1,0} fusion(%w.1), calls=%g, metadata={op_name="jit(s)/transpose(jvp())/dot"}
  %begun = bf16[4,4]{1,0} all-reduce-start(%dot), to_apply=%add, metadata={op_name="jit(s)/t"}
  %all = bf16[4,4]{1,0} all-reduce-done(%begun)
  %init = (s32[], f32[100]{0}) tuple(%w, %x.1)
  %loop = (s32[], f32[100]{0}) while(%init), body=%body, config={"known_trip_count":{"n":"7"},"x":1}
  ROOT %y = f32[100]{0} get-tuple-element(%loop), index=1
}
"""


def test_kernels_bytes_and_exchanges_of_a_program_counted_by_hand():
    counts = count_program(PROGRAM)
    assert counts.kernels == 1 + 1 + 1 + 7
    assert counts.bytes == {
        "compiler": 8 * 4 * 2,  # read once; it arrives on the chip
        "backward": 4 * 4 * 2,  # its operand is on the chip
        "all-reduce": 2 * 4 * 4 * 2,
        "forward": 7 * 2 * 400,
    }
    assert counts.collectives == {"all-reduce": 4 * 4 * 2}
    assert counts.exchanges == {"all-reduce": 1}


@pytest.mark.parametrize(
    ("shape", "size"),
    [("f32[]", 4), ("bf16[2,3]{1,0}", 12), ("(s32[4], pred[5])", 21), ("u32[]{:S(2)}", 0)],
)
def test_bytes_of_a_shape(shape, size):
    assert bytes_of(shape) == size


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("jit(train_step)/augmentation/vmap(gather)", "augmentation"),
        ("jit(train_step)/jvp()/dot_general", "forward"),
        ("jit(train_step)/transpose(jvp())/dot_general", "backward"),
        ("jit(train_step)/optimizer/mul", "optimizer"),
        ("", "compiler"),
    ],
)
def test_origin_of_an_instruction(name, part):
    assert origin(name) == part


def test_a_program_that_the_cpu_compiled():
    def step(w, x):
        return jnp.tanh(x @ w) @ w

    w, x = np.ones((64, 64), np.float32), np.ones((128, 64), np.float32)
    counts = count_program(jax.jit(step).lower(w, x).compile().as_text())
    # Two products and what stands between them: each reads and writes at least its own arrays.
    assert 3 <= counts.kernels <= 8
    least = 3 * 2 * x.nbytes + 2 * w.nbytes
    assert least <= sum(counts.bytes.values()) <= 3 * least
    assert not counts.collectives


def test_what_is_exchanged_counts_whole_though_its_result_names_what_it_is_given():
    text = """
ENTRY %main (p: f32[8], q: f32[64]) -> f32[64] {
  %p = f32[8]{0} parameter(0)
  %q = f32[64]{0} parameter(1)
  %gather = (f32[8]{0}, f32[64]{0}) all-gather-start(%p), dimensions={0}
  %scatter = f32[8]{0} reduce-scatter(%q), dimensions={0}
  %sum = f32[8]{0} all-reduce-start(%p), to_apply=%add
  ROOT %done = f32[64]{0} all-gather-done(%gather)
}
"""
    sent = {"all-gather": 256, "reduce-scatter": 256, "all-reduce": 32}
    assert count_program(text).collectives == sent


def test_bounds_are_the_makers_peaks_over_what_the_program_needs():
    counts = Counts(kernels=3)
    counts.bytes["forward"] = 3_352_000_000  # a millisecond of an H100's memory
    counts.collectives["all-reduce"] = 900_000_000
    chip, peak, devices = CHIPS["h100"], 989e12, 4
    found = account(counts, 256, 0.5e-3 * peak, 40e9, chip, peak, devices)
    assert found["seconds"]["compute"] == pytest.approx(0.5e-3)
    assert found["seconds"]["memory"] == pytest.approx(1e-3)
    assert found["seconds"]["links"] == pytest.approx(0.75 * 2 * 2e-3)
    assert found["bound_by"] == "links"
    assert found["bound_images_per_second"] == pytest.approx(256 / 3e-3)
    assert found["bound_mfu"] == pytest.approx(0.5 / 3)
    assert found["fits"] and not account(counts, 256, 1, 90e9, chip, peak, 4)["fits"]


@pytest.mark.parametrize(
    ("page", "table", "rows"),
    [
        ("performance", compiled.table, 11),
        ("images", large_images.table, 8),
        ("scaling", sharded.table, 2),
    ],
)
def test_the_table_of_the_docs_is_that_of_the_files(page, table, rows):
    shown = Path(f"docs/{page}.md").read_text()
    kept = table().splitlines()
    assert len(kept) >= rows
    for line in kept:
        assert line in shown


def test_two_compiled_programs_stand_side_by_side(tmp_path, capsys):
    files = [
        Path(f"benchmarks/compiled/{target}-padchest_dinov2-bfloat16.json")
        for target in ("h100", "v5e-4x4")
    ]
    steps = [json.loads(file.read_text())["train_step"] for file in files]
    portability.main(["compare", *map(str, files)])
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:4]]
        for line in reversed(capsys.readouterr().out.splitlines())  # the step's table is the first
        if len(cells := line.split("\u2502")) == 5
    }
    assert rows["kernels"] == [str(step["kernels"]) for step in steps]
    assert rows["traffic, GB"] == [f"{step['traffic_bytes'] / 1e9:.1f}" for step in steps]
    assert rows["memory a device, GB"] == [f"{step['memory_bytes'] / 1e9:.2f}" for step in steps]
    moved = f"{steps[1]['collective_bytes']['all-reduce'] / 1e6:.1f}"
    assert rows["exchanges, MB"] == [
        "",
        f"{steps[1]['collectives']['all-reduce']} all-reduce {moved}",
    ]
    # A program that did not compile says why, in the place of its numbers.
    failed = json.loads(files[0].read_text())
    failed["train_step"] = {"batch": 256, "error": "[out] of memory"}
    (tmp_path / "failed.json").write_text(json.dumps(failed))
    portability.main(["compare", str(files[0]), str(tmp_path / "failed.json")])
    assert "[out] of memory" in capsys.readouterr().out
