"""The readers of everything that comes from outside, and damaged input for each, made from whole.

Run as a program in a process of its own, with limits: `python tests/fuzz_readers.py KIND FIRST
COUNT SECONDS`. It prints, as JSON a line, what did not end in a result or in one sentence.
"""

import io
import json
import resource
import signal
import sys
import tempfile
import time
import traceback
from functools import partial
from pathlib import Path

import numpy as np
from fuzz_mutations import changed, damaged, flip, generator, hostile_json, inside_png, word

from jaxcxr.errors import InputError

BYTES = 2 << 30  # on top of what the process has once everything is imported
SPEC = {"patch_size": 7, "width": 8, "depth": 1, "heads": 2, "mlp_width": 16}
SPEC |= {"native_image_size": 14}
PROVENANCE = {
    "source": "fine-tuned by jaxcxr",
    "labels": ["A", "B"],
    "pretrained_on": ["padchest"],
    "learnt": {"images": 3},
    "config": {"data": "d", "model": {"weights": "w"}},
    "initialized_from": {"sha256": "0", "provenance": {"source": "x", "pretrained_on": None}},
    "test_read_before": {"epochs": 1, "patience": 2},
    "data": {"cohort": "0"},
}
COHORT = {"dataset": "uka_cxr", "labels": ["A"], "image_size": 32, "label_rules": "paper"}
COHORT |= {"images": {"train": 3}, "settings": {"tables": {"a": "b"}}, "identity": {"cohort": "0"}}
COHORT |= {"funnel": [{"step": "a", "images": 1, "patients": None}], "rejected": 0}
BESIDE = {"model_type": "dinov2", "hidden_size": 8, "num_attention_heads": 2, "hidden_act": "gelu"}
BESIDE |= {"mlp_ratio": 2, "rope_parameters": {"rope_theta": 100.0}, "id2label": {"0": "A"}}
TIMM = {"architecture": "vit", "num_features": 8, "model_args": {"depth": 1, "act_layer": "gelu"}}
TIMM |= {"pretrained_cfg": {"tag": "x", "mean": [0.5] * 3, "std": [0.5] * 3}}
PIXELS = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 0.004}
NUMBER = {"value": 0.5, "low": 0.1, "high": 0.9}
CALIBRATION = {"brier": NUMBER, "ece": NUMBER, "slope_of_truth": NUMBER}
CALIBRATION |= {"temperature": {"brier": NUMBER, "ece": NUMBER, "slope": 1.0}}
STATISTICS = {"predictions_sha256": "0", "labels": [{"label": "A", "calibration": CALIBRATION}]}
START = {"data": {"cohort": "0"}, "run": "0", "weights_sha256": None, "labels": ["A"]}
MACHINE = {"git_commit": "c", "python": "3", "packages": {"jax": "1"}, "devices": ["1 x cpu"]}
MADE = {"loss": [1.0], "gradient_norm": [1.0], "logits": [[1.0]], "images_per_second": 2.0}
RECORDING = {"environment": {"backend": "cpu", "devices": ["1 x cpu"]}}
RECORDING |= {"trained": dict.fromkeys(("float32 highest", "float32", "bfloat16"), MADE)}
FLOOR = {"validation_auc": 0.5, "labels": {"A": 0.5}, "strength": 1.0, "chosen_on": "validation"}
FLOOR |= {"images": {"train": 3}, "start": {"A": None}, "kept": {"epoch": 1, "validation_auc": 0.6}}


# ---- Kinds: each gives `one(number, folder)`, which reads one damaged input ----------------------


def json_files():
    """Every small file."""
    from convert.beside import read_beside
    from convert.parity_note import read_parity
    from convert.sources import open_source
    from input_pipeline.cohort_file import read_cohort
    from input_pipeline.datasets.uka_cxr import _severities
    from input_pipeline.prepare import _compare
    from jaxcxr.portability import _print, _read, compare
    from jaxcxr.probing.floor import read_floor
    from jaxcxr.run.directory import read_config
    from jaxcxr.run.run_files import read_environment, read_start, read_statistics
    from jaxcxr.study.page.provenance import _cohort_facts, _machine
    from jaxcxr.training.monitor import _truncate
    from jaxcxr.training.seal import broken_seal

    def cohort(path):
        list(_cohort_facts(read_cohort(path.parent)))

    def environment(path):
        _machine(read_environment(path.parent))

    def floor(path):
        found = read_floor(path)
        return found and (found.verdict(), found.beside)

    def recording(path):
        read = _read(path)
        _print(read, read, compare(read, read))

    def index(path):
        with open_source(path):
            pass

    config = json.loads(study_config_text())
    lines = {"step": 3, "steps": 9, "loss": 0.5}
    readers = [
        ("cohort.json", COHORT, cohort),
        ("start.json", START, lambda path: read_start(path.parent)),
        ("environment.json", MACHINE, environment),
        ("statistics.json", STATISTICS, lambda path: read_statistics(path.parent)),
        ("config.json", config, lambda path: read_config(path.parent)),
        ("floor.json", FLOOR, floor),
        ("severities.json", {"positive": [3, 4], "unknown": [0]}, _severities),
        ("settings.json", {"recipe": "paper", "image_size": 3}, lambda p: _compare(p, {"a": 1})),
        ("recording.json", RECORDING, recording),
        ("config.json", BESIDE, lambda path: read_beside(path.with_name("w.safetensors"))),
        ("config.json", TIMM, lambda path: read_beside(path.with_name("w.safetensors"))),
        ("preprocessor_config.json", PIXELS, lambda p: read_beside(p.with_name("w.safetensors"))),
        ("w.safetensors.index.json", {"weight_map": {"a": "w.safetensors"}}, index),
        ("w.json", {"format": 1, "spec": SPEC, "provenance": PROVENANCE}, read_parity),
        ("digests.json", {"a": "0"}, lambda path: broken_seal(path.parent)),
        ("metrics.jsonl", lines, lambda path: _truncate(path, 5)),
    ]

    def one(number, folder):
        name, whole, read = readers[number % len(readers)]
        rng = generator("json", number)
        path = folder / name
        path.write_bytes(hostile_json(whole, rng))
        read(path)

    return one


def study_config_text():
    from jaxcxr.config import study_config

    return study_config().to_json()


def configs():
    """Configs, from a file or a command line, and models that they describe."""
    from ml_collections import ConfigDict

    from jaxcxr.config import check_config, stored_config
    from jaxcxr.model import ViTSpec

    whole = json.loads(study_config_text())
    whole["data"] = "d"

    def one(number, folder):
        rng = generator("config", number)
        fields = changed(whole, rng)
        if number % 4 == 0:
            ViTSpec.from_dict({**SPEC, rng.choice([*SPEC, "pixel_std", "gelu"]): word(rng)})
        elif number % 4 == 1:
            stored_config(fields if isinstance(fields, dict) else {}, "config.json")
        else:
            try:
                config = ConfigDict({**fields, "labels": tuple(fields.get("labels", ()))})
            except (TypeError, ValueError, AttributeError):
                return  # no config file can make it
            check_config(config)

    return one


def weights():
    """Weights files: their metadata, their header, their tensors."""
    from convert.exporting import export
    from jaxcxr.model import ViTSpec, load, read_header
    from jaxcxr.model.weights import expected_shapes, write_weights
    from jaxcxr.run.inputs import _keep_outputs
    from jaxcxr.run.learnt import read_learnt, unlisted_by

    spec, rng = ViTSpec.from_dict(SPEC), np.random.default_rng(0)
    shapes = expected_shapes(spec, 2)
    tensors = {path: rng.standard_normal(shape).astype("f4") for path, shape in shapes.items()}
    tensors["extra/learnt/images"] = np.arange(3, dtype=np.uint64)
    made = Path(tempfile.mkdtemp()) / "w.safetensors"
    write_weights(made, spec, tensors, PROVENANCE)
    whole = made.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    described = json.loads(header["__metadata__"]["jaxcxr"])

    def content(rng):
        if rng.random() < 0.3:
            return damaged(whole, rng)
        told = hostile_json(described, rng).decode("utf-8", "replace")
        changed_header = header | {"__metadata__": {"jaxcxr": told}}
        if rng.random() < 0.3:
            changed_header = changed(header, rng)
        text = json.dumps(changed_header).encode()
        return len(text).to_bytes(8, "little") + text + whole[8 + size :]

    def one(number, folder):
        path = folder / "w.safetensors"
        path.write_bytes(content(generator("weights", number)))
        read_header(path)
        read_learnt(path)
        unlisted_by(str(path))
        if number % 8 == 0:
            _keep_outputs(load(path, image_size=14), str(path), ("A",))
        if number % 8 == 1:
            export(path, "timm", folder / "timm.safetensors", with_head=True)

    return one


def checkpoints():
    """Checkpoints of other libraries."""
    import torch
    from safetensors.numpy import save_file

    from convert.exporting import export
    from convert.importing import import_checkpoint
    from convert.sources import open_source
    from jaxcxr.model import ViTSpec, write_weights
    from jaxcxr.model.weights import expected_shapes

    made = Path(tempfile.mkdtemp())
    spec, rng = ViTSpec.from_dict(SPEC), np.random.default_rng(0)
    shapes = expected_shapes(spec, None)
    tensors = {path: rng.standard_normal(shape).astype("f4") for path, shape in shapes.items()}
    write_weights(made / "w.safetensors", spec, tensors, {})
    export(made / "w.safetensors", "timm", made / "timm.safetensors", with_head=False)
    from safetensors.numpy import load_file

    named = load_file(made / "timm.safetensors")
    pairs = {name: torch.tensor(value) for name, value in named.items()}
    torch.save(pairs, made / "new.pth")
    torch.save({"model": pairs, "epoch": 3}, made / "old.pth", _use_new_zipfile_serialization=False)
    np.savez(made / "timm.npz", **named)
    np.savez_compressed(made / "small.npz", **named)
    save_file(named, made / "plain.safetensors")
    wholes = [made / name for name in ("new.pth", "old.pth", "timm.npz", "small.npz")]
    wholes = [path.read_bytes() for path in [*wholes, made / "plain.safetensors"]]

    def one(number, folder):
        path = folder / "w.pth"
        path.write_bytes(damaged(wholes[number % len(wholes)], generator("checkpoint", number)))
        with open_source(path) as source:
            import_checkpoint(source, name="w.pth", fields={"heads": 2})

    return one


def pictures(dicom=False):
    """PNG, JPEG and DICOM; of DICOM, values of elements too."""
    from dicom_files import save
    from pydicom import dcmread
    from pydicom.uid import JPEG2000Lossless, RLELossless

    from input_pipeline.recipe_hash import _files
    from input_pipeline.recipes import RECIPES

    files = list(_files())
    wholes = files[3:] if dicom else files[:3]
    if dicom:
        wholes += [save(), save(syntax=RLELossless), save(syntax=JPEG2000Lossless)]

    def content(number):
        rng = generator("dicom" if dicom else "picture", number)
        whole = wholes[number % len(wholes)]
        if not dicom and rng.random() < 0.5:
            return inside_png(whole, rng) if whole.startswith(b"\x89PNG") else flip(whole, rng)
        if not dicom or rng.random() < 0.5:
            return damaged(whole, rng)
        data = dcmread(io.BytesIO(whole))
        element = list(data)[int(rng.integers(len(list(data))))]
        number_of_it = int(rng.choice([0, -1, 1, 2**16 - 1, 2**31 - 1, 10**6, 7]))
        try:
            element.value = number_of_it if element.VR != "OW" else rng.bytes(30)
            written = io.BytesIO()
            data.save_as(written)
        except Exception:  # pydicom writes no such file; damage it otherwise
            return damaged(whole, rng)
        return written.getvalue()

    def one(number, folder):
        RECIPES[("paper", "faithful")[number % 2]](content(number), 32)

    return one


def tables():
    """Label tables and predictions as CSV, and a release of tables."""
    import gzip

    from input_pipeline.cohort import load_cohort
    from input_pipeline.phantom.release import write_release
    from input_pipeline.text_table import read_text
    from jaxcxr.results.predictions import read_predictions

    release = Path(tempfile.mkdtemp()) / "uka"
    write_release("uka_cxr", release, images=40, size=64, workers=1)
    labels = (release / "uka_cxr.csv").read_bytes()
    rows = "".join(f"i{n},p{n // 2},test,PA,{n % 2},0.{n}\n" for n in range(30))
    scores = f"image_id,patient_id,split,view,label:A,score:A\n{rows}".encode()

    def one(number, folder):
        rng = generator("table", number)
        content = _damaged_cells(labels if number % 3 else scores, rng)
        if number % 3 == 0:
            (folder / "p.csv").write_bytes(content)
            read_predictions(folder / "p.csv")
        elif number % 3 == 1:
            (folder / "uka_cxr.csv").write_bytes(content)
            load_cohort("uka_cxr", folder)
        else:
            packed = gzip.compress(content)
            packed = damaged(packed, rng) if rng.random() < 0.5 else packed
            (folder / "t.csv.gz").write_bytes(packed)
            read_text(folder / "t.csv.gz")

    return one


def _damaged_cells(content, rng):
    if rng.random() < 0.5:
        return damaged(content, rng)
    lines = content.decode().split("\n")
    line = int(rng.integers(len(lines) - 1)) if rng.random() < 0.7 else 0
    cells = lines[line].split(",")
    hostile = ('"', '"a\nb"', "", "NaN", "1e999", "=cmd()", "\0", "x" * 4000, ",", "\r", "-1", "é")
    cells[int(rng.integers(len(cells)))] = hostile[int(rng.integers(len(hostile)))]
    lines[line] = ",".join(cells)
    return "\n".join(lines).encode()


def parquet():
    """Predictions, embeddings, maps and records of a prepared dataset."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from input_pipeline.prepared import read_records
    from jaxcxr.inference.embeddings_file import Embeddings, read_embeddings, write_embeddings
    from jaxcxr.inference.rollout import read_rollout
    from jaxcxr.provenance import origin_of
    from jaxcxr.results.predictions import read_predictions

    made, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)
    texts = {"image_id": [f"i{n}" for n in range(9)], "split": "test", "view": "PA", "sex": "F"}
    texts |= {"patient_id": "p", "study_id": "s", "age": 50.0}
    predicted = pd.DataFrame(texts | {"label:A": np.arange(9) % 2, "logit:A": rng.random(9)})
    table = pa.Table.from_pandas(predicted, preserve_index=False)
    records = made / "records.parquet"
    pd.DataFrame(texts | {"A": np.arange(9) % 2}).to_parquet(records, index=False)
    values = rng.random((9, 4)).astype("f4")
    names, digests = np.array(texts["image_id"]), np.arange(9, dtype=np.uint64)
    for name in ("e.npz", "e.parquet"):
        write_embeddings(made / name, Embeddings(names, digests, values, values, {"format": 1}))
    maps = {"image": np.zeros((9, 8, 8), np.uint8), "rollout": rng.random((9, 2, 2))}
    np.savez(made / "m.npz", image_id=names, origin='{"weights_sha256": "0"}', **maps)

    def origin(text, path):
        pq.write_table(table.replace_schema_metadata({b"jaxcxr": text}), path)
        return path.read_bytes()

    whole = origin(json.dumps(PROVENANCE).encode(), made / "p.parquet")
    readers = [
        (whole, "p.parquet", read_predictions),
        (records.read_bytes(), "r.parquet", partial(read_records, labels=("A",))),
        ((made / "e.parquet").read_bytes(), "e.parquet", read_embeddings),
        ((made / "e.npz").read_bytes(), "e.npz", read_embeddings),
        ((made / "m.npz").read_bytes(), "m.npz", read_rollout),
        (whole, "p.parquet", origin_of),
    ]

    def one(number, folder):
        content, name, read = readers[number % len(readers)]
        rng, path = generator("parquet", number), folder / name
        if read in (origin_of, read_predictions) and rng.random() < 0.5:
            origin(hostile_json(PROVENANCE, rng), path)
        else:
            path.write_bytes(damaged(content, rng))
        read(path)

    return one


def shards():
    """Shards of prepared images."""
    import shutil

    from mixed import prepared_data

    from input_pipeline.loader import eval_batches, open_prepared

    data = prepared_data(Path(tempfile.mkdtemp()) / "data")
    shard = data / "padchest-test.array_record-00000-of-00001"
    whole = shard.read_bytes()

    def one(number, folder):
        shutil.copytree(data, folder / "data")
        content = damaged(whole, generator("shard", number))
        (folder / "data" / shard.name).write_bytes(content)
        list(eval_batches(open_prepared(folder / "data"), split="test", labels=None, batch_size=8))

    return one


KINDS = {
    "checkpoints": checkpoints,
    "configs": configs,
    "dicom": partial(pictures, dicom=True),
    "json": json_files,
    "parquet": parquet,
    "pictures": pictures,
    "shards": shards,
    "tables": tables,
    "weights": weights,
}


# ---- The process ---------------------------------------------------------------------------------


class TooSlowError(BaseException):
    """An input took too long."""


def _too_slow(signum, frame):
    raise TooSlowError


def attempt(one, number):
    """Read one input; say `result`, `refused`, or what was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            one(number, Path(folder))
        except InputError as error:
            said = str(error)
            return "refused" if said and "\n" not in said else f"not one sentence: {said[:200]!r}"
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = type(error).__name__
            if kind == "UnreadableImageError":
                return "refused"
            return f"{kind}: {str(error)[:200]!r} at {where.filename}:{where.lineno}"
    return "result"


def main(kind, first, count, seconds):
    one = KINDS[kind]()
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + BYTES, held + BYTES))
    signal.signal(signal.SIGALRM, _too_slow)
    slowest, ends = 0.0, {"result": 0, "refused": 0}
    for number in range(first, first + count):
        print(json.dumps({"trying": number}), flush=True)
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, seconds)
        ended = attempt(one, number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        slowest = max(slowest, time.monotonic() - began)
        if ended in ends:
            ends[ended] += 1
        else:
            print(json.dumps({"number": number, "wrong": ended}), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"done": count, "slowest": slowest, "peak": peak} | ends), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
