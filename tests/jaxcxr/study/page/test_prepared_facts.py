"""What the page says of prepared data, from what their file says."""

from jaxcxr.study.page.provenance import _cohort_facts, _start

DESCRIBED = {
    "dataset": "padchest",
    "prepared": {"train": 1200, "validation": 90},
    "patients": {"train": 800},
    "recipe": "paper",
    "recipe_hash": "abc",
    "label_rules": "curated",
    "cohort": "def",
    "rejected": 2,
    "funnel": [{"step": "frontal", "images": 1292}, {"step": "adults", "images": 1290}],
    "settings": {"notes": ["ages above 100 are unknown"], "tables": {"labels.csv": "012"}},
}


def test_all_that_the_file_tells_is_said():
    said = dict(_cohort_facts(DESCRIBED))
    assert said["Dataset"] == "PadChest"
    assert said["Images"] == "train 1,200 of 800 patients, validation 90"
    assert said["Recipe"] == "paper, hash abc" and said["Label rules"] == "curated"
    assert said["Cohort, hash"] == "def" and said["Left out as unreadable"] == "2 images"
    assert said["Who is in"] == "frontal: 1,292 images; adults: 1,290 images"
    assert said["Taken so"] == "ages above 100 are unknown."
    assert said["labels.csv, sha256"] == "012"


def test_what_an_old_file_does_not_tell_is_unknown():
    said = dict(_cohort_facts({"dataset": "elsewhere"}))
    assert said["Dataset"] == "elsewhere" and said["Recipe"] == "unknown, hash unknown"
    assert "Who is in" not in said and "Left out as unreadable" not in said


def test_a_run_that_starts_from_another_names_it():
    origin = {"initialized_from": {"sha256": "d" * 64, "name": "w.safetensors"}}
    assert "run first-s0" in _start(origin, {"d" * 64: "first-s0"})
    assert "run " not in _start(origin, {})
