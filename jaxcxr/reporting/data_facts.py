"""What the files say of the data: source, cohort, labels, partitions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from input_pipeline.decoding.recipes import STEPS
from input_pipeline.labels import PAPER_DATASETS
from jaxcxr.reporting.fact import Answer, Fact, Missing, counted
from jaxcxr.reporting.run_record import RunRecord
from jaxcxr.reporting.words import listed
from jaxcxr.run.learnt_labels import LABEL_NOISE, describe_noise

COHORT_FILE = "cohort.json of the prepared data"
_NOT_AT_HAND = "the prepared data of this run are not at hand"
_GIVE_DATA = "give their place with --data DIR"

_RULES = {
    "paper": "labels as the study of arXiv 2308.07688 made them from the publisher's",
    "curated": "labels as the publisher defines them",
    "declared": "labels as the declaration of the table says",
}


def dataset_name(run: RunRecord) -> str:
    """Name a run's dataset as its publisher does, where it is one of the study's."""
    name = str(run.provenance.get("dataset") or "a dataset that is not named")
    return PAPER_DATASETS.get(name, name)


def _source(run: RunRecord) -> Answer:
    text = f"The images and labels are those of {dataset_name(run)}."
    if run.prepared is None:
        return Fact(text, "model.safetensors: provenance.dataset")
    tables = run.prepared.cohort.get("settings", {}).get("tables", {})
    if tables:
        named = "; ".join(f"{name} (sha256 {digest[:16]}...)" for name, digest in tables.items())
        text += f" Tables read: {named}."
    return Fact(text, f"{COHORT_FILE}: dataset, settings.tables")


def _funnel(run: RunRecord) -> Answer:
    if run.prepared is None:
        return Missing(f"who was included and excluded: {_NOT_AT_HAND}", _GIVE_DATA)
    steps = run.prepared.cohort.get("funnel")
    if not steps:
        return Missing(
            "who was included and excluded: cohort.json has no funnel",
            "prepare the data with this version of input_pipeline",
        )
    words = [f"{one['step']}: {_left(one)}" for one in steps]
    text = "Steps, with what was left after each: " + "; ".join(words) + "."
    rejected = run.prepared.cohort.get("rejected")
    if rejected is not None:
        text += f" Of these {counted(rejected, 'image')} could not be read and were left out."
    return Fact(text, f"{COHORT_FILE}: funnel, rejected")


def _left(step: dict[str, Any]) -> str:
    images = counted(step["images"], "image")
    return images if step["patients"] is None else f"{images} of {_patients(step['patients'])}"


def _patients(number: int) -> str:
    return counted(number, "patient")


def _preprocessing(run: RunRecord) -> Answer:
    recipe = str(run.provenance.get("recipe"))
    side = run.config["image_size"]
    pixels = {
        "study": "gray levels are scaled to 0 to 1",
        "weights": f"levels are normalised by the mean {_numbers(run.spec.pixel_mean)} and the "
        f"standard deviation {_numbers(run.spec.pixel_std)} of the pre-training",
    }[run.config["normalization"]]
    steps = "; ".join(STEPS[recipe]) if recipe in STEPS else "its steps are not known here"
    text = (
        f"Each image is made {side} x {side} pixels of 8 bits by the recipe '{recipe}' (hash "
        f"{run.provenance.get('recipe_hash')}): {steps}. For the model {pixels}, the same on three "
        "channels."
    )
    return Fact(
        text, "model.safetensors: provenance.recipe; config.json: image_size, normalization"
    )


def _numbers(values: Any) -> str:
    return ", ".join(f"{value:g}" for value in dict.fromkeys(values))


def _subset(run: RunRecord) -> Answer:
    on = run.provenance.get("trained_on") or {}
    share = run.config["train_patients"]
    images = f"{on['images']:,} training images" if "images" in on else "training images"
    patients = f" of {on['patients']:,} patients" if on.get("patients") else ""
    part = (
        "all of the training partition"
        if share == 1
        else f"{100 * share:g} % of the training patients, drawn with seed {run.config['seed']}"
    )
    text = f"The model learnt from {images}{patients}: {part}."
    if noise := on.get(LABEL_NOISE):
        text += (
            f" Their labels were made wrong on purpose: {describe_noise(noise)}. All tables count "
            "them as they were; validation and test labels were not touched."
        )
    return Fact(text, "config.json: train_patients, seed; model.safetensors: provenance.trained_on")


def _missing_data(run: RunRecord) -> Answer:
    unknown = {
        label: sum(int((part[label] == -1).sum()) for part in run.partitions().values())
        for label in run.labels
    }
    with_some = [f"{label} {count:,}" for label, count in unknown.items() if count]
    text = (
        "An image whose label is unknown is kept; loss and statistics leave that label of it out. "
        + (f"Unknown: {'; '.join(with_some)}." if with_some else "No label is unknown.")
    )
    absent = _unknown_facts(run)
    text += f" Facts of images that are unknown: {absent}." if absent else ""
    source = "predictions.parquet: labels, age, sex, view"
    return Fact(text, source if run.prepared is None else f"{source}; records.parquet of the data")


def _unknown_facts(run: RunRecord) -> str:
    parts = list(run.partitions().values())
    counts = {
        "age": sum(int(part["age"].isna().sum()) for part in parts),
        **{
            name: sum(int((part[name].fillna("") == "").sum()) for part in parts)
            for name in ("sex", "view")
        },
    }
    return ", ".join(f"{name} of {counted(n, 'image')}" for name, n in counts.items() if n)


def _views(run: RunRecord) -> Answer:
    views = sorted(
        {str(one) for part in run.partitions().values() for one in part["view"].dropna() if one}
    )
    if not views:
        return Missing("views: no image's is known", "a column of views in the publisher's table")
    return Fact(f"Views among the images: {listed(views)}.", "predictions.parquet: view")


def _reference(run: RunRecord) -> Answer:
    rules = str(run.provenance.get("label_rules"))
    known = _RULES.get(rules, "a rule that this version does not know")
    text = f"The reference standard is the dataset's own labels under the rule '{rules}': {known}."
    uncertain = run.prepared and run.prepared.cohort.get("settings", {}).get("uncertain")
    if uncertain:
        text += f" Labels that the publisher calls uncertain: {uncertain}."
    text += f" Findings: {listed(run.labels)}."
    return Fact(text, "model.safetensors: provenance.label_rules, provenance.labels")


def _test_labels(run: RunRecord) -> Answer:
    rules = str(run.provenance.get("label_rules"))
    return Fact(
        f"The images of all partitions have labels by one rule, '{rules}'; no other reading of the "
        "test images is in the files.",
        "model.safetensors: provenance.label_rules",
    )


def _assignment(run: RunRecord) -> Answer:
    if run.prepared is None:
        return Missing(f"how images were assigned to partitions: {_NOT_AT_HAND}", _GIVE_DATA)
    settings = run.prepared.cohort.get("settings", {})
    if "split" not in settings:
        return Missing("how images were assigned to partitions", "prepare the data again")
    shares = [100 * (settings.get(f"{name}_share") or 0) for name in ("validation", "test")]
    share = f"{shares[0]:g} % of the training patients"
    seed = f"drawn with seed {settings.get('seed')}"
    if settings.get("split_list"):
        digest = str(settings["split_list"])[:16]
        text = f"The partitions are those of a list that was given (sha256 {digest}...)."
    elif settings["split"] == "patient":
        test = f"{shares[1]:g} % of the patients are tested on"
        text = f"Patients were assigned at random: about {test}; about {share} validate, {seed}."
    else:
        text = (
            "The partitions are those of the publisher's own lists; where these name no validation "
            f"images, about {share} validate, {seed}."
        )
    return Fact(text, f"{COHORT_FILE}: settings")


def _disjoint(run: RunRecord) -> Answer:
    parts = run.partitions()
    patients = {
        name: set(part["patient_id"].fillna("").astype(str)) for name, part in parts.items()
    }
    source = "predictions.parquet: patient_id"
    if run.prepared is not None:
        source = "records.parquet of the prepared data: patient_id"
    if any("" in one for one in patients.values()):
        return Missing(
            "whether partitions share patients: not all images name theirs",
            "a column of patients in the publisher's table",
        )
    shared = [
        f"{a} and {b} share {_patients(len(patients[a] & patients[b]))}"
        for a, b in itertools.combinations(patients, 2)
        if patients[a] & patients[b]
    ]
    named = listed(list(patients))
    if shared:
        return Fact(f"By patient the partitions are not disjoint: {'; '.join(shared)}.", source)
    return Fact(f"By patient: no patient is in two of the partitions {named}.", source)


def _partitions(run: RunRecord) -> Answer:
    words = []
    for name, part in run.partitions().items():
        named = part["patient_id"].fillna("").astype(str)
        of = f" of {_patients(named.nunique())}" if len(named) and (named != "").all() else ""
        words.append(f"{name}: {counted(len(part), 'image')}{of}")
    text = f"{'; '.join(words)}. Positives of each finding: see the table of findings."
    if run.prepared is None:
        on = run.provenance.get("trained_on") or {}
        text = f"learnt from: {counted(int(on.get('images') or 0), 'image')}; {text}"
    return Fact(text, "predictions.parquet; model.safetensors: provenance.trained_on")


def _demographics(run: RunRecord) -> Answer:
    text = "See the tables of demographics and of findings by partition."
    if run.prepared is None:
        text += " They lack the training images, whose records are not at hand (--data)."
        return Fact(text, "predictions.parquet: age, sex, view, labels")
    return Fact(text, "records.parquet of the prepared data: age, sex, view, labels")


def _flow(run: RunRecord) -> Answer:
    funnel = _funnel(run)
    if isinstance(funnel, Missing):
        return funnel
    return Fact("See the figure of the participants' flow.", funnel.source)


def _clusters(run: RunRecord) -> Answer:
    return Missing(
        "performance by hospital, device or country: no file names where an image was taken",
        "a dataset of each site, predicted with --data and evaluated alone",
    )


def _bad_input(run: RunRecord) -> Answer:
    text = (
        "python -m jaxcxr.predict lists with its reason what cannot be read, and flags DICOM files "
        "that are no chest radiograph, lateral, or of a child where the training had none."
    )
    source = "the software, docs/using_a_run.md"
    rejected = None if run.prepared is None else run.prepared.cohort.get("rejected")
    if rejected is None:
        return Fact(text, source)
    text += f" In the preparation {counted(rejected, 'image')} could not be read."
    return Fact(text, f"{COHORT_FILE}: rejected; {source}")


FACTS: dict[str, Callable[[RunRecord], Answer]] = {
    "source": _source,
    "eligibility": _funnel,
    "preprocessing": _preprocessing,
    "subset": _subset,
    "missing_data": _missing_data,
    "views": _views,
    "reference": _reference,
    "test_labels": _test_labels,
    "assignment": _assignment,
    "disjoint": _disjoint,
    "partitions": _partitions,
    "demographics": _demographics,
    "flow": _flow,
    "clusters": _clusters,
    "bad_input": _bad_input,
}
