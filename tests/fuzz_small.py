"""Small files and configs, whole; and `one(number, folder)`, which reads a damaged one."""

import json

from fuzz_mutations import changed, generator, hostile_json, word

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

ENDS = {"value": 0.5, "low": 0.4, "high": None}
ROW = {"label": "A", "positives": 3, "negatives": 4, "unknown": 0, "metrics": {"auc": ENDS}}
REPORTED = {"predictions_sha256": "e3b0c442", "split": "test", "images": 7, "patients": None}
REPORTED |= {"bootstrap": {"unit": "image", "resamples": 9, "seed": 0, "interval": "delong"}}
REPORTED["bootstrap"] |= {"level": 0.95}
REPORTED |= {"labels": [ROW], "average": {"labels": ["A"], "metrics": None}, "subgroups": []}
UNDER = {"name": "gamma 0.7", "labels": [{"label": "A", "auc": ENDS, "difference": ENDS}]}
ROBUSTNESS = {"weights_sha256": "0", "split": "test", "images": 7, "unit": "image", "level": 0.95}
ROBUSTNESS |= {"disturbances": [UNDER]}


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
    from jaxcxr.reporting.robustness_file import read_robustness
    from jaxcxr.reporting.statistics_shape import read_reported
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

    def reported(path):
        (path.parent / "predictions.parquet").write_bytes(b"")
        read_reported(path.parent)

    config = json.loads(study_config_text())
    lines = {"step": 3, "steps": 9, "loss": 0.5}
    readers = [
        ("cohort.json", COHORT, cohort),
        ("start.json", START, lambda path: read_start(path.parent)),
        ("environment.json", MACHINE, environment),
        ("statistics.json", STATISTICS, lambda path: read_statistics(path.parent)),
        ("statistics.json", REPORTED, reported),
        ("robustness.json", ROBUSTNESS, lambda path: read_robustness(path.parent, "0")),
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
                tuples = {name: tuple(fields.get(name, ())) for name in ("labels", "lora_targets")}
                config = ConfigDict({**fields, **tuples})
            except (TypeError, ValueError, AttributeError):
                return  # no config file can make it
            check_config(config)

    return one
