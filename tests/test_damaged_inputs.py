"""Every command with every file that it reads, damaged: a result or one sentence, status 2."""

import shutil
import sys
import threading
import traceback
import zlib
from pathlib import Path

import numpy as np
import pytest
from damaged_world import DAMAGES, damage, make_world
from mixed import config_of
from ml_collections import ConfigDict

import convert.__main__
import input_pipeline.__main__
from jaxcxr import embed, evaluate, explain, export, portability, predict, probe, report
from jaxcxr.errors import report_input_errors
from jaxcxr.study import __main__ as study

HOWS = (*DAMAGES, "directory", "missing")
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
PAIRS = [(name, file) for name, (_, files) in COMMANDS.items() for file in files]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """The undamaged files, and the one place where they may lie."""
    folder = tmp_path_factory.mktemp("damaged")
    make_world(folder / "world")
    shutil.copytree(folder / "world", folder / "kept")
    return folder


@pytest.fixture
def world(pristine, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["command"])
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    return pristine / "world"


def restore(world):
    shutil.rmtree(world)
    shutil.copytree(world.parent / "kept", world)


def ended(call, world, out, capsys):
    """Say how a command ended: `result`, `refused`, or what should not be."""
    capsys.readouterr()
    try:
        call(world, out)
        return "result"
    except SystemExit as error:
        said = capsys.readouterr().err
        sentences = [line for line in said.splitlines() if line.startswith("error: ")]
        if error.code == 1 and not sentences:  # `verify` and `compare` say what differs
            return "result"
        last = said.strip().splitlines()[-1:]
        fine = error.code == 2 and sentences == last and "Traceback" not in said
        return "refused" if fine else f"status {error.code}: {said[-600:]}"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} at {where.filename}:{where.lineno}"


@pytest.mark.parametrize("name", COMMANDS)
def test_undamaged_files_give_a_result(world, tmp_path, capsys, name):
    restore(world)
    assert ended(COMMANDS[name][0], world, tmp_path, capsys) == "result"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_damaged_file_ends_in_a_result_or_a_sentence(world, tmp_path, capsys, name):
    """One file and one way of damaging for each; the slow test has them all, at many places."""
    files = COMMANDS[name][1]
    seed = zlib.crc32(name.encode())
    file = files[seed % len(files)]
    wrong = tried(world, tmp_path, capsys, name, file, [HOWS[seed % len(HOWS)]], seed)
    assert wrong == []


# These have no output, or look into a small file first.
LATER = (
    "main again",
    "portability",
    "report --robustness",
    "study",
    "convert inspect",
    "convert verify",
    "prepare",
)
WRITING = [name for name in COMMANDS if name not in LATER and "cohort" not in name]


@pytest.mark.parametrize("name", [name for name in WRITING if name != "compare-rules"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys, name):
    """Even where there is no input to work on."""
    with pytest.raises(SystemExit) as ended:
        COMMANDS[name][0](tmp_path / "absent", Path("/proc/none"))
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "/proc/none" in said and "cannot write there" in said


@pytest.mark.slow
@pytest.mark.parametrize(("name", "file"), PAIRS)
def test_every_damage_at_many_places(world, tmp_path, capsys, name, file):
    seed = zlib.crc32(f"{name} {file}".encode())
    hows = [*HOWS, *["flipped"] * 3, "other_kind"]
    assert tried(world, tmp_path, capsys, name, file, hows, seed) == []


def tried(world, out, capsys, name, file, hows, seed):
    rng, wrong = np.random.default_rng(seed), []
    for number, how in enumerate(hows):
        restore(world)
        damage(world / file, how, rng)
        said = ended(COMMANDS[name][0], world, out / str(number), capsys)
        if said not in ("result", "refused"):
            wrong.append(f"{name}, {file} {how}: {said}")
    return wrong
