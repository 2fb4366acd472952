"""What each command does, and what it prints."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from convert.checkpoints import CHECKPOINTS
from jaxcxr.errors import InputError
from jaxcxr.files import check_writable, write_json
from jaxcxr.model import ConvNeXtSpec, ModelSpec, ViTSpec
from jaxcxr.terminal import say


def import_(arguments: argparse.Namespace) -> None:
    """Convert a checkpoint to a weights file."""
    from convert.beside import CONFIG, PREPROCESSOR
    from convert.downloads import locate
    from convert.importing import import_checkpoint
    from convert.sources import open_source
    from jaxcxr.model.weights import check_weights_name, write_weights

    check_weights_name(arguments.out)
    check_writable(arguments.out, "--out")
    path, known = locate(arguments.source)
    read = (path, *(path.resolve().with_name(name) for name in (CONFIG, PREPROCESSOR)))
    for written in (arguments.out, arguments.out.with_suffix(".json")):
        check_writable(written, "--out", reads=read)
    with open_source(path, arguments.state_dict) as source:
        imported = import_checkpoint(
            source,
            name=arguments.source,
            checkpoint=arguments.checkpoint or known,
            rule=arguments.resample,
            image_size=arguments.image_size,
            keep_head=arguments.keep_head,
            labels=arguments.labels,
            fields=_fields(arguments.set),
            state_dict=arguments.state_dict,
        )
    write_weights(arguments.out, imported.spec, imported.tensors, imported.provenance)
    for note in imported.notes:
        say(f"note: {note}")
    rule = imported.provenance["resample_rule"]
    positions = f", position rule {rule}" if rule else ""
    say(f"{imported.provenance['layout']} names, {len(imported.tensors)} tensors{positions}")
    say(f"wrote {arguments.out} and {arguments.out.with_suffix('.json').name}")


def _fields(assignments: list[str]) -> dict[str, object]:
    """Read `FIELD=VALUE`: a number, numbers separated by commas, or a word."""
    fields: dict[str, object] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"--set {assignment}: write FIELD=VALUE, such as heads=6")
        fields[key] = tuple(map(_value, text.split(","))) if "," in text else _value(text)
    return fields


def _value(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def verify(arguments: argparse.Namespace) -> None:
    """Compare with PyTorch; end with status 1 where a difference is beyond tolerance."""
    from convert.downloads import locate
    from convert.parity_note import note_parity
    from convert.sources import open_source
    from convert.verifying import GRADIENT_TOLERANCE, TOLERANCE, verify
    from jaxcxr.model import read_header

    provenance = read_header(arguments.file).provenance
    table = arguments.out or arguments.file.with_suffix(".parity.json")
    path, _ = locate(arguments.source)
    beside = arguments.file.with_suffix(".json")
    check_writable(table, "--out", reads=(arguments.file, beside, path))
    with open_source(path, provenance.get("state_dict")) as source:
        parity = verify(
            arguments.file, source, name=arguments.source, image_size=arguments.image_size
        )
    positions = (
        f"; positions by rule {parity.resample_rule}, resampled at {parity.resample_at}"
        if parity.resample_rule
        else ""
    )
    say(f"{parity.reference}, images of {parity.image_size} pixels, float32{positions}")
    say(f"{'':44}{'max absolute':>14}{'max relative':>14}{'rms relative':>14}")
    worst = sorted(parity.gradients, key=lambda d: -d.relative)[:5]
    for row in (*parity.forward, *worst):
        say(f"{row.place:44}{row.absolute:14.2e}{row.relative:14.2e}{row.rms:14.2e}")
    say(f"{'':44}(the 5 worst of {len(parity.gradients)} gradients; all are in the table)")
    write_json(table, asdict(parity) | {"passed": parity.passed})
    beside = note_parity(arguments.file, parity.summary())
    say(f"wrote {table}; the summary is in {beside} too")
    if parity.unproved:
        say(
            f"not proved: {', '.join(parity.unproved)}; nothing in or beside the source tells "
            "them: both models have them from the table of checkpoints, or as stated at import"
        )
    failure = parity.first_failure
    for contradiction in parity.contradictions:
        say(f"FAILED: {contradiction}", error=True)
    if parity.contradictions and "stated" not in provenance:
        say(
            "it was imported by an earlier version, which kept no note of what --set stated; if "
            "that is the difference, import it again",
            error=True,
        )
    if failure is not None:
        say(
            f"FAILED: beyond tolerance first at {failure.place}: relative {failure.relative:.2e}",
            error=True,
        )
    if not parity.passed:
        sys.exit(1)
    say(f"passed: every layer within {TOLERANCE:g}, every gradient within {GRADIENT_TOLERANCE:g}")


def export(arguments: argparse.Namespace) -> None:
    """Convert a weights file for another library."""
    from convert.exporting import export

    read = (arguments.file, arguments.file.with_suffix(".json"))
    check_writable(arguments.out, "--out", reads=read)
    layout, notes = export(
        arguments.file, arguments.layout, arguments.out, with_head=not arguments.backbone
    )
    for note in notes:
        say(f"note: {note}")
    say(f"wrote {arguments.out} in {layout} names")


def package(arguments: argparse.Namespace) -> None:
    """Convert a whole model for another library, and keep what it says of images there."""
    import numpy as np

    from convert.packaging import package
    from jaxcxr.files import atomic_path
    from jaxcxr.interrupts import end_with_caller

    if arguments.caller is not None:
        end_with_caller(arguments.caller)
    given = (arguments.file, arguments.kind, arguments.out, arguments.around, arguments.images)
    logits, probabilities = package(*given)
    with atomic_path(arguments.scores) as temporary:
        np.savez(temporary, logits=logits, probabilities=probabilities)


def inspect(arguments: argparse.Namespace) -> None:
    """Print what a weights file says of itself."""
    from convert.parity_note import read_parity
    from jaxcxr.model import read_header

    header = read_header(arguments.file)
    header.provenance["parity"] = read_parity(arguments.file)
    numbers = {path: _size(shape) for path, shape in header.shapes.items()}
    told = {"spec": header.spec.to_dict(), "provenance": header.provenance}
    for line in json.dumps(told, indent=2).splitlines():
        say(line)
    say(f"{len(numbers)} tensors, {sum(numbers.values()):,} parameters")
    for path, shape in sorted(header.shapes.items()):
        if not path.startswith("blocks/") or path.startswith("blocks/0/"):
            say(f"  {path:40} {'x'.join(map(str, shape))}")


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def list_(arguments: argparse.Namespace) -> None:
    """Print the table of known checkpoints."""
    del arguments
    lines = []
    for row in CHECKPOINTS.values():
        spec = row.spec
        specs = {family: row.spec_of(family) for family in row.names}
        rules = {
            family: theirs.resample_rule
            for family, theirs in specs.items()
            if isinstance(theirs, ViTSpec) and theirs.table_rows
        }
        lines.append(row.name)
        lines.append(f"  {_sizes(spec)}")
        lines.append(
            f"  mean {_short(spec.pixel_mean)}, std {_short(spec.pixel_std)}, pools {row.pooling}"
        )
        for family, name in row.names.items():
            rule = f"  (positions: {rules[family]})" if rules else ""
            lines.append(f"  {family}:{name}{rule}")
        lines.append(f"  licence {row.licence}; {row.source}")
        if row.note:
            lines.append(f"  {row.note}")
        if row.pretrained_on:
            lines.append(f"  has learnt from radiographs of {', '.join(row.pretrained_on)}")
    for line in lines:
        say(line)


def _sizes(spec: ModelSpec) -> str:
    """The facts of a model's making, in one line."""
    scale = ", LayerScale" if spec.layer_scale else ""
    rest = (
        f"{scale}, {spec.native_image_size} pixels, LayerNorm epsilon "
        f"{spec.layernorm_epsilon:g}, {spec.gelu} GELU"
    )
    if isinstance(spec, ConvNeXtSpec):
        widths, depths = ("/".join(map(str, values)) for values in (spec.widths, spec.depths))
        return f"ConvNeXt, patch {spec.patch_size}, widths {widths}, depths {depths}{rest}"
    registers = f", {spec.register_tokens} registers" if spec.register_tokens else ""
    positions = "rotary positions" if spec.rope_periods else f"position rows: {spec.position_table}"
    return (
        f"patch {spec.patch_size}, width {spec.width}, depth {spec.depth}, {spec.heads} heads"
        f"{registers}{rest}, {positions}"
    )


def _short(values: tuple[float, ...]) -> str:
    same = len(set(values)) == 1
    return f"{values[0]:g}" if same else "/".join(f"{value:g}" for value in values)
