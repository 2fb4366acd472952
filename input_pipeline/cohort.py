"""From a release's label files to a cohort: who is in, with which labels, in which split.

No image is opened: everything here comes from the publisher's tables.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from input_pipeline import splits
from input_pipeline.datasets import declared
from input_pipeline.datasets.release import ROW_COLUMNS, Release
from input_pipeline.declared.declaration import DECLARATION, read_declaration
from input_pipeline.label_rule import UNKNOWN, LabelRule
from input_pipeline.labels import DATASETS, NAMES, label_set
from input_pipeline.sides import merge_sides
from input_pipeline.tables import ids
from jaxcxr.errors import InputError
from jaxcxr.files import sha256

TABLE = "table"  # the dataset that a declaration describes
# What the study did: the publisher's lists for these, 80/20 by patient for the others.
STUDY_SPLIT = dict.fromkeys(("vindr_cxr", "chestxray14", "uka_cxr", "vindr_pcxr"), "official")


@dataclass(frozen=True)
class Cohort:
    """The images of one experiment, labelled and split.

    Attributes:
        dataset: one of `input_pipeline.labels.DATASETS`, or the name in a table's declaration.
        label_rules: `paper` or `curated`; `declared` of a table.
        labels: the paper's names (Table 3), in the study's order.
        records: sorted by `image_id` (unique); `image_path` (POSIX, relative to the raw folder),
            `patient_id` (blank where the release names no patients), `study_id`, `view`, `age`
            (years, NaN unknown), `sex` (`F`, `M`, empty), `official_split`, `split`, then one int8
            column a label: 1, 0, or -1 for unknown.
        funnel: `{"step", "images", "patients"}` from the first table to the cohort.
        settings: what else decided: label files and their hashes, split rule, shares, seed, list,
            policy for uncertain labels; how the tables' identifiers matched (`joins`), and what
            was taken for unknown (`notes`).
        findings: every finding the publisher's labels give, by finding id, on `records`' index.
    """

    dataset: str
    label_rules: str
    labels: tuple[str, ...]
    records: pd.DataFrame
    funnel: list[dict[str, Any]]
    settings: dict[str, Any] = field(default_factory=dict)
    findings: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_release(dataset: str, raw_dir: str | Path, rule: LabelRule) -> Release:
    """Read a release's label tables with the dataset's reader, and refuse repeated images.

    Raises:
        InputError: if a table is damaged, an image is in twice, or an identifier spelled in two
            ways.
    """
    if dataset not in DATASETS:
        raise InputError(f"unknown dataset {dataset!r}; known: {', '.join(DATASETS)}")
    reader = importlib.import_module(f"input_pipeline.datasets.{dataset}")
    release: Release = reader.read(Path(raw_dir), rule)
    _check_identifiers(release.rows, raw_dir)
    return release


def read_table(raw_dir: Path, path: Path, rule: LabelRule) -> tuple[str, Release]:
    """Read a table by its declaration; returns the declared name of the dataset, and the release.

    Raises:
        InputError: as `read_release`; or another rule is asked for than the declaration's.
    """
    if rule != LabelRule():
        raise InputError(
            f"{path}: the declaration alone says what a label is; leave out --label-rules and "
            "--uncertain"
        )
    table = read_declaration(path)
    release = declared.read(raw_dir, table, path)
    _check_identifiers(release.rows, raw_dir)
    return table.name, release


def _check_identifiers(rows: pd.DataFrame, raw_dir: str | Path) -> None:
    splits.guard(rows)
    for column in ("image_id", "patient_id", "study_id"):
        # Tables that are each sound may spell one thing in two ways.
        where = f"{raw_dir}, {column} over all tables"
        ids.refuse_alike(rows[column], where, named=rows["image_id"], row=None)


def load_cohort(
    dataset: str,
    raw_dir: str | Path,
    *,
    label_rules: str = "paper",
    split: str | None = None,
    uncertain: str = "ignore",
    findings: str = "paper",
    test_share: float = 0.2,
    validation_share: float = 0.1,
    seed: int = 0,
    split_list: str | Path | None = None,
    declaration: str | Path | None = None,
) -> Cohort:
    """Build the cohort of a release: read, select, label, split, guard.

    Args:
        dataset: one of `input_pipeline.labels.DATASETS`, or `table` for one that is declared.
        raw_dir: the release as its publisher ships it.
        label_rules: `paper` (exactly the study's) or `curated`.
        split: `official` (the publisher's lists; where it publishes none, by patient), `patient`,
            or None for what the study did.
        uncertain: what an uncertain label becomes under `curated`: `ignore`, `zeros`, `ones`,
            `drop`. The study's rule is fixed and takes no notice.
        findings: the label set, see `input_pipeline.labels.label_set`.
        test_share: share of patients tested on, with `patient`.
        validation_share: share of training patients kept for validation.
        seed: of the split by patient.
        split_list: a table `image_id,split`, as `cohort --splits` writes it, that decides instead.
        declaration: of a table; None for `table.toml` in `raw_dir`.

    Raises:
        InputError: if a table is damaged, an image is in twice, a patient is in two splits, or a
            split would be empty.
    """
    rule = LabelRule(label_rules, uncertain)
    if dataset == TABLE:
        path = Path(declaration or Path(raw_dir) / DECLARATION)
        dataset, release = read_table(Path(raw_dir), path, rule)
        label_rules, split = "declared", split or ("official" if release.lists else "patient")
    elif declaration:
        raise InputError(f"--declaration is of the dataset {TABLE}, and this is {dataset}")
    else:
        release = read_release(dataset, raw_dir, rule)
    kept = release.kept()
    order = release.rows.loc[kept, "image_id"].sort_values(kind="stable").index
    records = release.rows.loc[order].reset_index(drop=True)
    records = records.astype({column: "str" for column in ROW_COLUMNS if column != "age"})
    labelled = release.findings.loc[order].reset_index(drop=True)
    if records.empty:
        raise InputError(f"no image of {raw_dir} is left; the funnel is {_funnel(release)}")
    chosen = "list" if split_list else split or STUDY_SPLIT.get(dataset, "patient")
    if chosen == "official" and not release.lists:
        chosen = "patient"
    joined = release.joins
    if split_list:
        records["split"], listed = splits.from_list(records, Path(split_list))
        joined = (*joined, listed)
    else:
        records["split"] = splits.assign(
            records,
            chosen,
            test_share=test_share,
            validation_share=validation_share,
            seed=seed,
            held_out=release.held_out,
        )
    splits.guard(records)
    splits.guard_held_out(records, release.held_out)
    splits.guard_studies(records)
    _refuse_empty_splits(records, chosen, validation_share)
    wanted = label_set(dataset, findings)
    for finding in wanted:
        known = finding in labelled
        records[NAMES[finding]] = labelled[finding] if known else merge_sides(labelled, finding)
    settings = {
        "tables": _hashes(Path(raw_dir), release),
        "split": chosen,
        "test_share": test_share if chosen == "patient" else None,
        "validation_share": validation_share if not split_list else None,
        "seed": seed if not split_list else None,
        "split_list": sha256(Path(split_list)) if split_list else None,
        "uncertain": uncertain if label_rules == "curated" else None,
        "label_set": findings,
        "joins": [one.counts() for one in joined],
        "notes": list(release.notes),
    }
    labels = tuple(NAMES[finding] for finding in wanted)
    return Cohort(dataset, label_rules, labels, records, _funnel(release), settings, labelled)


def cohort_json(cohort: Cohort) -> dict[str, Any]:
    """The cohort as plain data: funnel, then images, patients and positives a split."""
    named = cohort.records[cohort.records["patient_id"].ne("")]
    patients = named.groupby("split")["patient_id"].nunique().to_dict()
    unknown = _counts(cohort, UNKNOWN)
    return {
        "dataset": cohort.dataset,
        "label_rules": cohort.label_rules,
        "settings": cohort.settings,
        "funnel": cohort.funnel,
        "images": _by_split(cohort.records["split"].value_counts().to_dict()),
        "patients": _by_split(patients),
        "positives": _counts(cohort, 1),
        "unknown": {label: counts for label, counts in unknown.items() if counts["total"]},
    }


def _counts(cohort: Cohort, value: int) -> dict[str, dict[str, int]]:
    """For each label, how many images of each split carry `value`, with their total."""
    split = cohort.records["split"]
    table = {}
    for label in cohort.labels:
        counts = _by_split(cohort.records[label].eq(value).groupby(split).sum().to_dict())
        table[label] = {**counts, "total": sum(counts.values())}
    return table


def _by_split(counts: dict[Any, Any]) -> dict[str, int]:
    return {name: int(counts[name]) for name in splits.SPLITS if name in counts}


def _hashes(raw_dir: Path, release: Release) -> dict[str, str]:
    """SHA-256 of every label file read, so that a cohort names the edition it came from."""
    return {
        path.relative_to(raw_dir).as_posix() if path.is_relative_to(raw_dir) else path.name: sha256(
            path
        )
        for path in release.sources
    }


def _funnel(release: Release) -> list[dict[str, Any]]:
    kept = pd.Series(True, index=release.rows.index)
    funnel = [_step("rows in the publisher's tables", release.rows)]
    for reason, passes in release.steps:
        kept &= passes
        funnel.append(_step(reason, release.rows[kept]))
    return funnel


def _step(reason: str, rows: pd.DataFrame) -> dict[str, Any]:
    patients = rows["patient_id"][rows["patient_id"].ne("")]
    return {
        "step": reason,
        "images": len(rows),
        "patients": int(patients.nunique()) if len(patients) or rows.empty else None,
    }


def _refuse_empty_splits(records: pd.DataFrame, rule: str, validation_share: float) -> None:
    wanted = [name for name in splits.SPLITS if name != "validation" or validation_share > 0]
    absent = [name for name in wanted if not records["split"].eq(name).any()]
    if absent:
        way_out = {
            "official": "split with --split patient",
            "patient": "choose another --split-seed, or larger shares",
            "list": "complete the list",
        }
        raise InputError(
            f"no image falls into {' and '.join(absent)} of {_units(records)}; {way_out[rule]}"
        )


def _units(records: pd.DataFrame) -> str:
    """What a split by patient deals out: patients, or images where the release names none."""
    units = ids.units(records["patient_id"], records["image_id"]).nunique()
    return f"{units:,} {'patients' if records['patient_id'].ne('').any() else 'images'}"
