"""The commands that read files, how each is called, and the files of `damaged_world` it reads."""

import sys

from mixed import config_of
from ml_collections import ConfigDict

import convert.__main__
import input_pipeline.__main__
from jaxcxr import embed, evaluate, explain, export, portability, predict, probe, report
from jaxcxr.errors import report_input_errors
from jaxcxr.study import __main__ as study

RUN = ("run/config.json", "run/start.json", "run/model.safetensors")
REPORTED = ("run/predictions.parquet", "run/statistics.json")
DATA = ("data/cohort.json", "data/records.parquet", "data/padchest-{}.array_record-00000-of-00001")


def data(*splits):
    return (*DATA[:2], *(DATA[2].format(split) for split in splits))


def main(world, out):
    with report_input_errors():
        from jaxcxr.main import run_experiment

        config = config_of(world / "data")
        config.model.weights, config.model.init = str(world / "weights.safetensors"), "pretrained"
        config.model.spec = ConfigDict()
        config.epochs, config.floor, config.bootstrap_resamples = 1, False, 2
        run_experiment(config, out / "run")


def resume(world, out):
    with report_input_errors():
        from jaxcxr.main import run_experiment

        run_experiment(config_of(world / "data"), world / "run")


def argued(command, *arguments):
    def call(world, out):
        command([one.format(w=world, o=out) for one in arguments])

    return call


def converted(*arguments):
    def call(world, out):
        sys.argv = ["convert", *(one.format(w=world, o=out) for one in arguments)]
        convert.__main__.main()

    return call


pipeline = input_pipeline.__main__.main
PREPARE = ("--raw-dir={w}/uka", "--out-dir={o}/p", "--image-size=32", "--workers=1")
TIMM = ("timm/model.safetensors", "timm/config.json")
UKA = ("uka/uka_cxr.csv", "uka/severities.json")
# Each command, and the files that it reads.
COMMANDS = {
    "main": (main, (*data("train", "validation", "test"), "weights.safetensors")),
    "main again": (
        resume,
        (*RUN, "run/environment.json", "run/metrics.jsonl", "run/floor.json", *data("train")),
    ),
    "predict": (
        argued(predict.main, "--run={w}/run", "--out={o}/p.parquet"),
        (*RUN, *data("test")),
    ),
    "predict --data": (
        argued(predict.main, "--run={w}/run", "--data={w}/data", "--out={o}/p.parquet"),
        (*RUN, *data("test")),
    ),
    "predict --images": (
        argued(predict.main, "--run={w}/run", "--images={w}/pictures", "--out={o}/p.parquet"),
        (*RUN, "pictures/a.png", "pictures/b.jpg"),
    ),
    "predict --neighbours": (
        argued(
            predict.main,
            *("--run={w}/run", "--images={w}/pictures", "--out={o}/p.json", "--neighbours=2"),
        ),
        (*RUN, "run/training_embeddings.npz", *data("train")),
    ),
    "evaluate": (
        argued(
            evaluate.main,
            *("{w}/run/predictions.parquet", "--out={o}/e", "--resamples=3", "--no-plots"),
        ),
        ("run/predictions.parquet",),
    ),
    "explain": (
        argued(
            explain.main,
            *("--run={w}/run", "--out={o}/m.npz", "--labels", "Cardiomegaly", "--count=1"),
        ),
        (*RUN, "run/predictions.parquet", *data("test")),
    ),
    "explain into a folder": (
        argued(
            explain.main,
            *("--run={w}/run", "--out={o}/m", "--labels", "Cardiomegaly", "--count=1"),
            "--steps=2",
        ),
        (*RUN, "run/predictions.parquet", *data("test")),
    ),
    "explain --images": (
        argued(
            explain.main,
            *("--run={w}/run", "--out={o}/m", "--images={w}/pictures", "--steps=2"),
        ),
        (*RUN, "pictures/a.png", "pictures/b.jpg"),
    ),
    "report": (
        argued(report.main, "--run={w}/run", "--checklist=claim", "--out={o}/c.md"),
        (*RUN, *REPORTED, "run/environment.json", "run/robustness.json", *DATA[:2]),
    ),
    "report --card": (
        argued(report.main, "--run={w}/run", "--card", "--out={o}/README.md"),
        (*RUN, *REPORTED, "run/robustness.json"),
    ),
    "report --robustness": (
        argued(report.main, "--run={w}/run", "--robustness"),
        (*RUN, *REPORTED, *data("test")),
    ),
    "embed": (
        argued(
            embed.main, "--weights={w}/weights.safetensors", "--data={w}/data", "--out={o}/f.npz"
        ),
        ("weights.safetensors", *data("train")),
    ),
    "embed --run": (
        argued(embed.main, "--run={w}/run", "--images={w}/pictures", "--out={o}/f.parquet"),
        (*RUN, "pictures/a.png"),
    ),
    "probe": (
        argued(
            probe.main,
            *("--embeddings={w}/features.npz", "--data={w}/data", "--out={o}/p", "--resamples=3"),
        ),
        ("features.npz", *data("validation")),
    ),
    "probe of parquet": (
        argued(
            probe.main,
            *("--embeddings={w}/features.parquet", "--data={w}/data", "--out={o}/p"),
            "--resamples=3",
        ),
        ("features.parquet",),
    ),
    "portability": (
        argued(portability.main, "compare", "{w}/recording.json", "{w}/recording.json"),
        ("recording.json",),
    ),
    "study": (
        argued(study.main, "--study={w}/study.py", "--out={o}/s", "--dry-run"),
        ("study.py",),
    ),
    "export": (
        argued(export.main, "--run={w}/run", "--out={o}/m.stablehlo"),
        (*RUN, "run/predictions.parquet", *data("validation")),
    ),
    "describe": (
        argued(pipeline, "describe", "{w}/uka/uka_cxr.csv", "--images={w}/uka", "--out={o}/t.toml"),
        UKA[:1],
    ),
    "cohort": (
        argued(pipeline, "cohort", "uka_cxr", "--raw-dir={w}/uka", "--label-rules=curated"),
        UKA,
    ),
    "cohort of gzipped tables": (
        argued(pipeline, "cohort", "mimic_cxr", "--raw-dir={w}/mimic"),
        (
            "mimic/mimic-cxr-2.0.0-metadata.csv.gz",
            "mimic/mimic-cxr-2.0.0-chexpert.csv.gz",
            "mimic/mimic-cxr-2.0.0-split.csv.gz",
        ),
    ),
    "compare-rules": (argued(pipeline, "compare-rules", "uka_cxr", "--raw-dir={w}/uka"), UKA),
    "prepare": (argued(pipeline, "prepare", "uka_cxr", *PREPARE), UKA[:1]),
    "convert import": (
        converted(
            "import", "{w}/timm/model.safetensors", "--out={o}/w.safetensors", "--set=heads=2"
        ),
        TIMM,
    ),
    "convert import of npz": (
        converted("import", "{w}/model.npz", "--out={o}/w.safetensors", "--set=heads=2"),
        ("model.npz",),
    ),
    "convert import of pth": (
        converted("import", "{w}/model.pth", "--out={o}/w.safetensors", "--set=heads=2"),
        ("model.pth",),
    ),
    "convert export": (
        converted("export", "{w}/weights.safetensors", "--layout=hf", "--out={o}/hf.safetensors"),
        ("weights.safetensors",),
    ),
    "convert inspect": (
        converted("inspect", "{w}/weights.safetensors"),
        ("weights.safetensors", "weights.json"),
    ),
    "convert verify": (
        converted(
            "verify", "{w}/imported.safetensors", "{w}/timm/model.safetensors", "--out={o}/v.json"
        ),
        ("imported.safetensors", *TIMM),
    ),
}
