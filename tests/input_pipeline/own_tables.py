"""A hospital's table that no reader knows, its declaration, and what its cohort has to be."""

import csv
import io

import numpy as np

HEADER = ["Image", "Pat. No", "View", "Age [y]", "Sex", "Findings", "Effusion R", "Effusion L"]
HEADER += ["Score", "Notes"]
DECLARATION = """
confirmed = true
name = "own_cxr"
title = "Our hospital"
[table]
file = "FILE"
FORM
[image]
column = "Image"
folders = ["images"]
suffixes = [".png", ".jpg"]
[patient]
column = "Pat. No"
pattern = '(.*[0-9])[ab]?'
[view]
column = "View"
frontal = ["PA", "AP erect"]
other = ["LAT", ""]
values = { "AP erect" = "AP" }
[age]
column = "Age [y]"
values = { "50+" = "" }
[sex]
column = "Sex"
[[exclude]]
reason = "the score says that it can be read"
column = "Score"
cells = [0]
kept = [3, 4]
[[label]]
name = "Effusion"
side = "right"
column = "Effusion R"
positive = [1]
negative = [0]
unknown = [""]
[[label]]
name = "Effusion"
side = "left"
column = "Effusion L"
positive = ["yes"]
negative = ["no"]
[[terms]]
column = "Findings"
separator = "|"
blank = "unknown"
unknown = ["not readable"]
ignored = ["rib", "old rib"]
[[terms.label]]
finding = "pneumonia"
terms = ["pneumonia", "viral pneumonia"]
[[terms.label]]
name = "COVID-19"
terms = ["COVID-19"]
"""
FINDINGS = ["pneumonia", "viral pneumonia|rib", "COVID-19|pneumonia", "rib", "", "not readable"]
FINDINGS += ["not readable|COVID-19", "old rib|rib"]


def grid(images=120, seed=0):
    """Rows of text, the header first."""
    rng = np.random.default_rng(seed)
    rows = [HEADER]
    for n in range(images):
        rows.append(
            [
                f"IM{n:04}",
                f"{n // 3 + 7:05}{['', 'a', 'b'][n % 3]}",
                str(rng.choice(["PA", "AP erect", "LAT", "PA", ""])),
                str(rng.choice(["58", "7.5", "50+", "", "81"])),
                str(rng.choice(["F", "M", ""])),
                str(rng.choice(FINDINGS)),
                str(rng.choice(["0", "1", "1.0", ""])),
                str(rng.choice(["yes", "no", "No"])),
                str(rng.choice(["0", "3", "4"])),
                str(rng.choice(["", "größer, als; zuvor", 'says "no change"', "two\nlines, here"])),
            ]
        )
    return rows


def truth(rows):
    """For each image of the cohort: patient, view, age, sex, labels; from the rows, by hand."""
    found = {}
    for image, patient, view, age, sex, findings, right, left, score, _ in rows[1:]:
        if view in ("LAT", "") or score == "0":
            continue
        terms = findings.split("|") if findings else []
        pneumonia = any("pneumonia" in term for term in terms)
        covid = "COVID-19" in terms
        blank = -1 if not terms or "not readable" in terms else 0
        found[image] = (
            patient[:5],
            "AP" if view == "AP erect" else view,
            float(age) if age not in ("", "50+") else None,
            sex,
            {"0": 0, "1": 1, "1.0": 1, "": -1}[right],
            int(left == "yes"),
            1 if pneumonia else blank,
            1 if covid else blank,
        )
    return found


def as_text(rows, separator=",", line_end="\n", quoting=csv.QUOTE_MINIMAL):
    """The rows as a spreadsheet saves them."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator, lineterminator=line_end, quoting=quoting).writerows(
        rows
    )
    return buffer.getvalue()


def write(folder, content, name="ours.csv", form="", images=120):
    """A folder with the images (empty), the table and the declaration."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for n in range(images):
        (folder / "images" / f"IM{n:04}{'.jpg' if n % 4 else '.png'}").touch()
    if content is not None:
        (folder / name).write_bytes(content)
    text = DECLARATION.replace("FILE", name).replace("FORM", form)
    (folder / "table.toml").write_text(text, encoding="utf-8")
    return folder


def cohort_of(cohort):
    """A cohort as `truth` gives it."""
    found = {}
    for row in cohort.records.to_dict("records"):
        age = None if row["age"] != row["age"] else row["age"]
        labels = [row[name] for name in cohort.labels]
        found[row["image_id"]] = (row["patient_id"], row["view"], age, row["sex"], *labels)
    return found
