"""Large files, whole; and `one(number, folder)`, which reads a damaged one."""

import io
import json
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from fuzz_mutations import changed, damaged, flip, generator, hostile_json, inside_png
from fuzz_small import PROVENANCE, SPEC


def weights():
    """Weights files: their metadata, their header, their tensors."""
    from convert.exporting import export
    from jaxcxr.model import ViTSpec, load_parts, read_header
    from jaxcxr.model.shapes import expected_shapes
    from jaxcxr.model.weights import write_weights
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
            _keep_outputs(load_parts(path, image_size=14)[1], str(path), ("A",))
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
    from jaxcxr.model.shapes import expected_shapes

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

    from input_pipeline.decoding.recipe_hash import _files
    from input_pipeline.decoding.recipes import RECIPES

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
    """Label tables and predictions as CSV, a table in JSON, and a release of tables."""
    import csv
    import gzip
    import json

    from input_pipeline.cohort import load_cohort
    from input_pipeline.phantom.release import write_release
    from input_pipeline.tables.text_table import read_text
    from jaxcxr.results.predictions import read_predictions

    release = Path(tempfile.mkdtemp()) / "uka"
    write_release("uka_cxr", release, images=40, size=64, workers=1)
    labels = (release / "uka_cxr.csv").read_bytes()
    objects = list(csv.DictReader(labels.decode().splitlines()))
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
        elif number % 6 == 2:
            form = json.dumps(objects) if number % 4 else "\n".join(map(json.dumps, objects))
            (folder / "t.json").write_bytes(damaged(form.encode(), rng))
            read_text(folder / "t.json")
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
    from jaxcxr.use.maps_file import read_maps, write_maps

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
    made_by = dict.fromkeys(("weights_sha256", "picture", "jaxcxr"), "0") | {"steps": 2}
    made_by |= {"methods": ["rollout", "gradients"], "attributed": ["A"]}
    arrays = {"image_id": np.array("i"), "prepared": np.zeros((8, 8), np.uint8)}
    arrays |= {
        "labels": np.array(["A"]),
        "logits": np.zeros(1, "f4"),
        "rollout": rng.random((2, 2)),
    }
    arrays |= {"gradients": rng.random((1, 8, 8)), "attributed": np.array(["A"]), "gaps": [0.0]}
    write_maps(made / "maps.npz", arrays, made_by)
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
        ((made / "maps.npz").read_bytes(), "maps.npz", read_maps),
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
