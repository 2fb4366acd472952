"""A card is one that Hugging Face's own library reads, and tells nothing that may not leave."""

import json
import re
import shutil
import sys
from pathlib import Path

import cv2
import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import ModelCard
from reporting.conftest import LABELS, NASTY, SECRET, START

from input_pipeline.loader import images_at, open_prepared
from jaxcxr import report
from jaxcxr.errors import InputError
from jaxcxr.model import read_header, read_tensors
from jaxcxr.reporting import hub
from jaxcxr.reporting.card_metadata import metadata_of
from jaxcxr.reporting.hub import packed, public_config, public_provenance, push
from jaxcxr.reporting.licence import licence_of
from jaxcxr.reporting.model_card import card_text
from jaxcxr.reporting.run_record import read_run
from jaxcxr.run.learnt import FINE_TUNED

FILES = ["README.md", "config.json", "model.json", "model.safetensors"]


@pytest.fixture(scope="module")
def record(nasty_run):
    return read_run(nasty_run, alone=True)


def from_(licence, origin="https://github.com/x/y"):
    before = {"source": "file", "licence": licence, "origin": origin}
    once = {"source": FINE_TUNED, "initialization": "pretrained"}
    once |= {"initialized_from": {"sha256": "0", "provenance": before}}
    twice = {"source": FINE_TUNED, "initialization": "pretrained"}
    return twice | {"initialized_from": {"sha256": "0", "provenance": once}}


@pytest.mark.parametrize(
    ("licence", "wanted"),
    [
        ("Apache-2.0", ("apache-2.0", "")),
        ("MIT", ("mit", "")),
        ("CC-BY-NC-4.0", ("cc-by-nc-4.0", "")),
        ("MSRLA", ("other", "msrla")),
        ("MIT (before 2025: MSRLA; read the one you downloaded)", ("other", "mit-before-2025-")),
        ("apache", ("other", "apache")),
        (None, ("unknown", "")),
        ("not stated", ("unknown", "")),
        ("", ("unknown", "")),
    ],
)
def test_the_licence_is_that_of_the_first_weights_and_never_a_guess(licence, wanted):
    found = licence_of(from_(licence))
    assert found.id == wanted[0] and found.name.startswith(wanted[1])
    assert (licence or "not known") in found.sentence or found.id == "unknown"


def test_every_licence_that_our_converters_write_is_understood():
    from convert.checkpoints import CHECKPOINTS

    known = {one.licence: licence_of(from_(one.licence)).id for one in CHECKPOINTS.values()}
    assert known["Apache-2.0"] == "apache-2.0" and known["not stated"] == "unknown"
    assert {id for name, id in known.items() if "DINOv3" in name or "MSRLA" in name} == {"other"}


def test_random_weights_inherit_no_licence():
    random = {"source": FINE_TUNED, "initialization": "random"}
    assert licence_of(random).id == "unknown"
    assert "began at random" in licence_of(random).sentence
    after = {"source": FINE_TUNED, "initialization": "pretrained"}
    after |= {"initialized_from": {"provenance": random}}
    assert "began at random" in licence_of(after).sentence


def test_hugging_face_reads_the_metadata_back(record, nasty_run, tmp_path):
    out = tmp_path / "README.md"
    report.main(["--run", str(nasty_run), "--card", "--out", str(out)])
    card = ModelCard.load(out)
    statistics = json.loads((nasty_run / "statistics.json").read_text())
    told = {one.metric_name: one for one in card.data.eval_results}
    rows = [row for row in statistics["labels"] if row["metrics"]]
    assert len(told) == len(rows) + (statistics["average"]["metrics"] is not None)
    for row in rows:
        auc = row["metrics"]["auc"]
        found = next(one for name, one in told.items() if name.startswith(f"AUC, {row['label']} "))
        assert found.metric_value == pytest.approx(auc["value"], abs=5e-5)
        assert found.metric_type == "roc_auc" and found.dataset_split == "test"
        if auc["low"] is not None:
            assert f"interval {auc['low']:.4f} to {auc['high']:.4f}" in found.metric_name
    assert card.data.license == "other" and card.data.license_name.startswith("own-terms")
    assert re.fullmatch(r"[a-z0-9.-]+", card.data.license_name)
    assert card.data.get("license_link") is None  # javascript: is no address of the web
    assert card.data.datasets == ["padchest"] and card.data.model_name == "run_a"
    assert metadata_of(record).to_dict() == card.data.to_dict()


def test_the_card_says_what_it_must(record):
    text = card_text(record)
    for words in ("not a medical device", "AUTHOR:", "## Limits", "## Licence", "mimic\\_cxr"):
        assert words in text
    assert text.startswith("---\n") and text.count("\n---\n") == 1


def test_a_card_is_the_same_wherever_the_data_lie(record, nasty_run):
    with_data = read_run(nasty_run)
    assert with_data.prepared is not None
    from dataclasses import replace

    assert card_text(replace(with_data, prepared=None)) == card_text(record)


def test_what_would_go_is_just_that_and_tells_nothing(record, nasty_run, nasty_data, capsys):
    with packed(record) as folder:
        assert sorted(path.name for path in folder.iterdir()) == FILES
        content = b"".join(path.read_bytes() for path in folder.iterdir())
        tensors = read_tensors(folder / "model.safetensors")
        header = read_header(folder / "model.safetensors")
    assert not any(name.startswith("extra/") for name in tensors)
    own = read_tensors(nasty_run / "model.safetensors")
    assert any(name.startswith("extra/learnt/") for name in own)  # there was something to leave out
    for name, value in tensors.items():
        np.testing.assert_array_equal(value, own[name])
    assert list(header.provenance["labels"]) == list(LABELS)
    records = open_prepared(nasty_data)
    every = [records.records(split) for split in records.splits]
    for told in (SECRET, "secret", str(nasty_run), str(nasty_data), "surprise", sys.prefix):
        assert told.encode() not in content
    for part in every:
        for name in {*part["image_id"], *part["patient_id"], *part["study_id"]} - {""}:
            assert not re.search(rf"\b{re.escape(name)}\b".encode(), content) or len(name) < 5
    import socket

    assert socket.gethostname().encode() not in content or len(socket.gethostname()) < 4


def test_only_chosen_fields_of_the_provenance_go():
    told = public_provenance({**from_("MIT"), "new": SECRET, "labels": ["a"], "recipe": SECRET})
    assert "new" not in told and told["recipe"] == "weights.safetensors"
    assert told["initialized_from"]["provenance"] == {}
    own = {"source": FINE_TUNED, "initialized_from": {"file": SECRET, "provenance": START}}
    start = public_provenance(own)["initialized_from"]["provenance"]
    assert set(start) == {"checkpoint", "licence", "origin", "pretrained_on"}


def test_the_config_that_goes_has_no_places(record):
    told = public_config(record)
    assert told["data"] == "" and told["model"]["weights"] == "" and told["wandb"] == ""
    assert told["learning_rate"] == record.config["learning_rate"]


def test_the_code_of_the_card_runs(record, nasty_data, tmp_path, monkeypatch, capsys):
    """In a folder with what would be sent; its logits are those of the run."""
    text = card_text(record)
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert NASTY not in code
    with packed(record) as folder:
        shutil.copytree(folder, tmp_path / "sent")
    monkeypatch.chdir(tmp_path / "sent")
    image = images_at(open_prepared(nasty_data), "test", np.array([3]))[0]
    cv2.imwrite("radiograph.png", image)
    seen = {}
    exec(compile(code, "card", "exec"), seen)
    assert set(json.loads(json.dumps(record.labels))) == set(seen["provenance"]["labels"])
    from jaxcxr.inference.image_files import read_images

    (again,) = read_images([Path("radiograph.png")], "paper", 28, [])
    np.testing.assert_array_equal(seen["pixels"][0], again[1])
    from jaxcxr import predict

    out = tmp_path / "p.json"
    predict.main(["--run", str(record.directory), "--images", "radiograph.png", "--out", str(out)])
    rows = json.loads(out.read_text())
    row = (rows["images"] if "images" in rows else rows["predictions"])[0]
    logits = [row[f"logit:{label}"] for label in record.labels]
    np.testing.assert_allclose(seen["logits"][0], logits, atol=1e-5)


class FakeHub:
    """What is called of `HfApi`, without a network."""

    calls: list = []  # noqa: RUF012

    def create_repo(self, name, **options):
        self.calls.append(("create", name, options))

    def upload_folder(self, repo_id, folder_path, **options):
        files = sorted(path.name for path in Path(folder_path).iterdir())
        self.calls.append(("upload", repo_id, files))
        return f"https://huggingface.co/{repo_id}"


@pytest.fixture
def fake_hub(monkeypatch):
    monkeypatch.setattr(FakeHub, "calls", [])
    monkeypatch.setattr(huggingface_hub, "HfApi", FakeHub)
    return FakeHub


def test_a_dry_run_lists_and_sends_nothing(nasty_run, fake_hub, capsys):
    report.main(["--run", str(nasty_run), "--card", "--push", "me/model", "--dry-run"])
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[:4]] == FILES
    assert "nothing was sent" in said and fake_hub.calls == []


def test_what_the_dry_run_lists_is_sent_to_a_private_repository(nasty_run, fake_hub, capsys):
    report.main(["--run", str(nasty_run), "--card", "--push", "me/model"])
    create, upload = fake_hub.calls
    assert create[1] == "me/model" and create[2]["private"] is True
    assert upload == ("upload", "me/model", FILES)
    assert "sent to https://huggingface.co/me/model" in capsys.readouterr().out


def test_a_refusal_of_the_hub_is_one_sentence(tmp_path, fake_hub, monkeypatch):
    def refuse(self, name, **options):
        raise OSError("401 Unauthorized\nfor url")

    monkeypatch.setattr(fake_hub, "create_repo", refuse)
    with pytest.raises(InputError, match=r"^--push me/model: not sent \(401 Unauthorized\)"):
        push(tmp_path, "me/model")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "nothing to do"),
        (("--card",), "--card needs --out"),
        (("--checklist", "claim"), "--checklist needs --out"),
        (("--card", "--out", "a.docx"), "ends in .md"),
        (("--checklist", "claim", "--out", "a.html"), "ends in .md or .docx"),
        (("--card", "--push", "model"), "OWNER/NAME"),
        (("--card", "--push", "../x"), "OWNER/NAME"),
        (("--card", "--out", "a.md", "--dry-run"), "--dry-run lists"),
        (("--robustness", "--push", "a/b"), "--push sends"),
        (("--card", "--out", "a.md", "--data", "d"), "of the run alone"),
    ],
)
def test_options_that_do_not_go_together(options, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        report.main(["--run", "nowhere", *options])
    assert ended.value.code == 2 and words in capsys.readouterr().err


def test_cards_need_an_extra(monkeypatch, capsys, nasty_run, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SystemExit):
        report.main(["--run", str(nasty_run), "--card", "--out", str(tmp_path / "README.md")])
    assert "jaxcxr[hub]" in capsys.readouterr().err
    assert hub.CARD == "README.md"
