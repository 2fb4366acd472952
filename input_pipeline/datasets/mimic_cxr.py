"""MIMIC-CXR-JPG 2.0.0 and 2.1.0: 377,110 radiographs, labels by study.

Layout: `mimic-cxr-2.x.0-{metadata,chexpert,split}.csv[.gz]` beside
`files/p10/p10000032/s50414267/<dicom_id>.jpg`. Neither age nor sex is in these tables; both are
taken from MIMIC-IV where its `patients.csv.gz` lies beside them.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from input_pipeline.datasets import chexpert_labels
from input_pipeline.datasets.mimic_patients import patients
from input_pipeline.datasets.release import Release
from input_pipeline.label_rule import LabelRule
from input_pipeline.tables import codes, joins, raw_tables
from jaxcxr.errors import reading

VERSIONS = ("2.1.0", "2.0.0")
IDS = ("dicom_id", "subject_id", "study_id")
FRONTAL = ("PA", "AP")
FILES = ("IMAGE_FILENAMES", "IMAGE_FILENAMES.txt")
SPLITS = {"train": "train", "validate": "validation", "test": "test"}
# Read in the authors' code; the size of the study's cohort agrees with it.
DROPPED_BY_STUDY = (
    "enlarged_cardiomediastinum",
    "consolidation",
    "pleural_effusion",
    "pneumothorax",
    "atelectasis",
)


def read(raw_dir: Path, rule: LabelRule) -> Release:
    """Read the release in `raw_dir`."""
    metadata_path = _part(raw_dir, "metadata")
    metadata = _identified(metadata_path, raw_tables.read(metadata_path, [*IDS, "ViewPosition"]))
    marks, labels = _marks(raw_dir, metadata, str(metadata_path))
    official, split = _official(raw_dir, metadata, str(metadata_path))
    known = patients(raw_dir, metadata, metadata_path)
    rows = _rows(raw_dir, metadata_path, metadata).assign(
        age=known.age, sex=known.sex, official_split=official
    )
    steps = [(f"frontal (ViewPosition {' or '.join(FRONTAL)})", rows["view"].isin(FRONTAL))]
    if rule.name == "curated":
        steps.append(("the study has labels", pd.Series(labels.matched, index=rows.index)))
    if (step := chexpert_labels.certain(marks, rule, DROPPED_BY_STUDY)) is not None:
        steps.append(step)
    return Release(
        rows=rows,
        findings=chexpert_labels.findings(marks, rule),
        steps=steps,
        evidence=lambda finding: chexpert_labels.evidence(marks, finding),
        sources=(
            *(metadata_path, _part(raw_dir, "chexpert")),
            *filter(None, [_split(raw_dir), known.path]),
        ),
        lists="mimic-cxr-2.x.0-split.csv",
        joins=(labels, *split, *_named(raw_dir, rows), *known.joined),
        notes=(*_unknown_views(rows["view"]), *known.notes),
    )


def _part(raw_dir: Path, part: str) -> Path:
    return raw_tables.require(raw_dir, [f"mimic-cxr-{version}-{part}.csv" for version in VERSIONS])


def _split(raw_dir: Path) -> Path | None:
    return raw_tables.find(raw_dir, [f"mimic-cxr-{version}-split.csv" for version in VERSIONS])


def _identified(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table with its identifiers checked, those of patients named by their image."""
    checked = {}
    for column in table.columns.intersection(list(IDS)):
        images = table["dicom_id"] if "dicom_id" in table else table["study_id"]
        private = None if column in ("dicom_id", "study_id") else images
        cells = raw_tables.identifiers(path, column, table[column], images=private)
        form = r"[0-9A-Za-z-]+" if column == "dicom_id" else r"\d+"
        odd = ~cells.str.fullmatch(form)
        raw_tables.refuse(
            path, column, cells if private is None else images, odd, f"{column} as MIMIC-CXR's"
        )
        checked[column] = cells
    return table.assign(**checked)


def _marks(raw_dir: Path, metadata: pd.DataFrame, where: str) -> tuple[pd.DataFrame, joins.Joined]:
    """Each image's marks, those of its study."""
    path = _part(raw_dir, "chexpert")
    table = raw_tables.read(path, ["subject_id", "study_id", *chexpert_labels.COLUMNS])
    table = _identified(path, table)
    joined = joins.join(
        joins.Side(metadata["study_id"], f"{where} column study_id"),
        joins.Side(table["study_id"], f"{path} column study_id"),
        "studies and labels",
    )
    images = metadata["dicom_id"]
    joins.refuse_others(joined, metadata["subject_id"], table["subject_id"], images, "subject_id")
    by_study = chexpert_labels.marks(path, table)
    marks = by_study.apply(lambda cells: joined.take(cells, float("nan"), metadata.index))
    return marks.set_index(metadata.index), joined


def _rows(raw_dir: Path, path: Path, metadata: pd.DataFrame) -> pd.DataFrame:
    patients, studies, images = (metadata[c] for c in ("subject_id", "study_id", "dicom_id"))
    base = raw_tables.prefix(raw_dir, path.parent)
    folders = base + "files/p" + patients.str[:2] + "/p" + patients + "/s" + studies
    return pd.DataFrame(
        {
            "image_id": images,
            "image_path": folders + "/" + images + ".jpg",
            "patient_id": patients,
            "study_id": studies,
            "view": codes.views(metadata["ViewPosition"]),
            "age": float("nan"),
            "sex": "",
            "official_split": "",
        }
    )


def _official(
    raw_dir: Path, metadata: pd.DataFrame, where: str
) -> tuple[pd.Series, tuple[joins.Joined, ...]]:
    path = _split(raw_dir)
    if path is None:
        return pd.Series("", index=metadata.index), ()
    others = ("subject_id", "study_id")
    table = _identified(path, raw_tables.read(path, ["dicom_id", "split"], others))
    split = codes.translate(table["split"], SPLITS)
    known = split.where(split.ne(""), None)
    codes.refuse_unknown(table["split"], known, str(path), "split", " or ".join(SPLITS))
    joined = joins.join(
        joins.Side(metadata["dicom_id"], f"{where} column dicom_id"),
        joins.Side(table["dicom_id"], f"{path} column dicom_id"),
        "images and official split",
    )
    for column in table.columns.intersection(list(others)):
        joins.refuse_others(
            joined, metadata[column], table[column], metadata["dicom_id"], str(column)
        )
    return joined.take(split, "", metadata.index), (joined,)


def _named(raw_dir: Path, rows: pd.DataFrame) -> tuple[joins.Joined, ...]:
    """Hold the subject and study of each image against the publisher's list of files, if there."""
    path = next((raw_dir / name for name in FILES if (raw_dir / name).is_file()), None)
    if path is None:
        return ()
    with reading(path, "the publisher's list of files", "copy it again, or leave it out"):
        lines = pd.Series(path.read_text(encoding="utf-8").split(), dtype=object)
    inside = lines.str.extract(r"(?:^|/)p(\d+)/s(\d+)/([^/]+)\.(?:jpg|dcm)$").fillna("")
    joined = joins.join(
        joins.Side(rows["image_id"], "the metadata"),
        joins.Side(inside[2], str(path), row=1),
        "images and their files",
    )
    for number, column in enumerate(("patient_id", "study_id")):
        joins.refuse_others(joined, rows[column], inside[number], rows["image_id"], column)
    return (joined,)


def _unknown_views(views: pd.Series) -> tuple[str, ...]:
    """Words that are no view in the release: said, and not taken for frontal."""
    odd = views[~views.isin(codes.VIEWS.values()) & views.ne("")].value_counts()
    return tuple(
        f"{count:,} images have the ViewPosition {str(name)[:40]!r}, which is not known and not "
        "taken as frontal"
        for name, count in odd.head(5).items()
    )
