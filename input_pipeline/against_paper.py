"""Tables 1, 2 and 3 for one cohort: our numbers beside the paper's, and why they differ."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from input_pipeline import paper
from input_pipeline.cohort import Cohort
from input_pipeline.labels import NAMES, PAPER_DATASETS, TABLE2_NAMES

# Rows of each whole release's tables; a folder with fewer is a sample or a phantom.
RELEASE_ROWS = {
    "vindr_cxr": 18_000,
    "chestxray14": 112_120,
    "chexpert": 223_414,
    "mimic_cxr": 377_110,
    "uka_cxr": 193_361,
    "padchest": 160_861,
}
# The rows of Table 1 that label files can tell, and where the paper's lines stand.
TABLE1_ROWS = {
    "Radiographs": "Number of Radiographs (Total) [n]",
    "Radiographs, training": "Number of Radiographs (Training set) [n]",
    "Radiographs, test": "Number of Radiographs (Test set) [n]",
    "Patients": "Number of Patients [n]",
    "Age, median [years]": "Median",
    "Age, mean ± sd [years]": "Mean ± Standard Deviation",
    "Age, range [years]": "Range (minimum, maximum)",
    "Female / male, training [%]": "Females / Males [%]",
    "Female / male, test [%]": "(training set, test set)",
    "Anteroposterior [%]": "anteroposterior",
    "Posteroanterior [%]": "posteroanterior",
}
COLUMNS = ("row", "ours", "paper", "explanation")


def whole_release(cohort: Cohort) -> bool:
    """Whether the folder holds (nearly) the whole release, so that the paper's numbers apply."""
    return cohort.funnel[0]["images"] >= 0.99 * RELEASE_ROWS[cohort.dataset]


def table1(cohort: Cohort) -> pd.DataFrame:
    """Cohort sizes, age, sex and projections; columns `row`, `ours`, `paper`, `explanation`.

    The paper's training set holds the patients that are carved out for validation here.
    """
    theirs = paper.table("table1_cohorts")
    theirs = theirs[theirs["dataset"].eq(PAPER_DATASETS[cohort.dataset])]
    by_row = dict(zip(theirs["characteristic"], theirs["value"], strict=True))
    explain = _explanations(cohort)
    rows = []
    for row, characteristic in TABLE1_ROWS.items():
        ours = _table1_value(cohort, row)
        value = by_row[characteristic]
        rows.append((row, ours, value, "" if ours == value else explain(row, _apart(ours, value))))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def table2(cohort: Cohort) -> pd.DataFrame:
    """Positives of every finding counted in the paper or labelled here, and their share [%]."""
    theirs = paper.table("table2_counts")
    theirs = theirs[theirs["dataset"].eq(PAPER_DATASETS[cohort.dataset])]
    counts = {name: int(n) for name, n in zip(theirs["label"], theirs["positives"], strict=True)}
    explain = _explanations(cohort)
    rows = []
    for finding in NAMES:
        name = TABLE2_NAMES.get(finding, NAMES[finding])
        if finding not in cohort.findings and name not in counts:
            continue
        ours = int(cohort.findings[finding].eq(1).sum()) if finding in cohort.findings else None
        value = counts.get(name)
        difference = None if ours is None or value is None else ours - value
        share = None if ours is None else round(100 * ours / len(cohort.findings), 1)
        why = explain("*", difference) if difference else ""
        rows.append((finding, name, ours, share, value, difference, why))
    columns = ["finding", "label", "ours", "percent", "paper", "difference", "explanation"]
    return pd.DataFrame(rows, columns=columns).astype(
        {"ours": "Int64", "paper": "Int64", "difference": "Int64"}
    )


def table3(cohort: Cohort) -> pd.DataFrame:
    """The label set: ours in the study's order, and whether the paper's Table 3 has the label."""
    theirs = paper.table("table3_labels")
    listed = set(theirs.loc[theirs["dataset"].eq(PAPER_DATASETS[cohort.dataset]), "label"])
    names = [*cohort.labels, *sorted(listed - set(cohort.labels))]
    rows = [(name, name in cohort.labels, name in listed) for name in names]
    return pd.DataFrame(rows, columns=["label", "ours", "paper"])


def _explanations(cohort: Cohort) -> Callable[[str, int | None], str]:
    """For a row that differs (`*`: any count of Table 2) and by how much: why, if it is known.

    A known reason accounts for `at_most` so many images; a larger difference is not explained.
    """
    held, whole = cohort.funnel[0]["images"], RELEASE_ROWS[cohort.dataset]
    known = paper.table("differences")
    known = known[known["dataset"].eq(cohort.dataset)].set_index("row")

    def explain(row: str, difference: int | None) -> str:
        if not whole_release(cohort):
            return f"this folder's tables hold {held:,} of the release's {whole:,} rows"
        if cohort.label_rules == "curated" and row.startswith(("*", "Radiographs", "Patients")):
            return "the curated rule; see compare-rules"
        if row not in known.index:
            return "not explained"
        at_most, reason = (str(known.loc[row, name]) for name in ("at_most", "explanation"))
        explained = not at_most or (difference is not None and abs(difference) <= int(at_most))
        return reason if explained else "not explained"

    return explain


def _apart(ours: str, theirs: str) -> int | None:
    """The difference of two counts such as `110,554`, None where they are none."""
    counts = [cell.replace(",", "") for cell in (ours, theirs)]
    if not all(count.isdigit() for count in counts):
        return None
    return int(counts[0]) - int(counts[1])


def _table1_value(cohort: Cohort, row: str) -> str:
    records = cohort.records
    test = records["split"].eq("test")
    # The publisher's validation images belong to neither set of the study.
    training = ~test & records["official_split"].ne("validation")
    ages = records["age"].dropna()
    if row.startswith("Age") and ages.empty:
        return "N/A"
    match row:
        case "Radiographs":
            return f"{len(records):,}"
        case "Radiographs, training":
            return f"{int(training.sum()):,}"
        case "Radiographs, test":
            return f"{int(test.sum()):,}"
        case "Patients":
            named = records["patient_id"][records["patient_id"].ne("")]
            return "N/A" if named.empty else f"{named.nunique():,}"
        case "Age, median [years]":
            return f"{ages.median():.0f}"
        case "Age, mean ± sd [years]":
            return f"{ages.mean():.0f} ± {ages.std():.0f}"
        case "Age, range [years]":
            return f"({ages.min():.0f}, {ages.max():.0f})"
        case "Female / male, training [%]":
            return _sexes(records.loc[training, "sex"])
        case "Female / male, test [%]":
            return _sexes(records.loc[test, "sex"])
        case "Anteroposterior [%]":
            return f"{100 * records['view'].str.startswith('AP').mean():.1f}"
        case _:
            return f"{100 * records['view'].eq('PA').mean():.1f}"


def _sexes(sex: pd.Series) -> str:
    known = sex[sex.ne("")]
    if known.empty:
        return "N/A"
    women = 100 * known.eq("F").mean()
    return f"{women:.1f} / {100 - women:.1f}"
