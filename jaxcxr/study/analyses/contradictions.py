"""Where the paper (arXiv 2308.07688) contradicts itself, its data or its authors' code."""

from __future__ import annotations

from dataclasses import dataclass

from jaxcxr.study.planning.definition import FIRST


@dataclass(frozen=True)
class Contradiction:
    """One of them.

    Attributes:
      tables: files of the report that it concerns; empty for all.
      topic: what it is about.
      paper: what the paper says.
      fact: what else it says, or what its data or code show.
    """

    tables: tuple[str, ...]
    topic: str
    paper: str
    fact: str


CONTRADICTIONS = (
    Contradiction(
        ("table1", "table2", "table_s3", "table_s4"),
        "uncertain labels",
        "uncertain becomes negative",
        "CheXpert and MIMIC-CXR images with one of five uncertain labels were left out",
    ),
    Contradiction((), "rotation", "0 to 8 degrees", "the code rotates by -7 to 7 degrees"),
    Contradiction(
        ("table4", "table5", "table_s3", "figure3", "figure4"),
        "CheXpert test images",
        "29,320 in Table 1",
        "captions say 39,824, which is the number of UKA-CXR",
    ),
    Contradiction(
        ("table1",),
        "CheXpert radiographs",
        "157,878",
        "157,676 were used; 202 are the publisher's validation images",
    ),
    Contradiction(
        ("table1",),
        "CheXpert patients",
        "65,240",
        "that is the whole release; the cohort has 57,672 training patients",
    ),
    Contradiction((), "ViT", "the original ViT-B", "the code loads the AugReg ViT-B/16"),
    Contradiction(
        ("table5",),
        "MIMIC-CXR pre-training",
        "trained on MIMIC-CXR, 210,625 images",
        "it started from ImageNet-21K; elsewhere the paper counts 213,921 images",
    ),
    Contradiction(
        ("table5",),
        "headings of Table 5",
        "columns MIMIC-CXR and UKA-CXR",
        "they are UKA-CXR and PadChest, as the averages in the text show; so they stand here",
    ),
    Contradiction(
        ("table4", "table_s4"),
        "MIMIC-CXR, sensitivity and specificity from DINOv2",
        "74.87 and 72.25 in Table 4",
        "the Average row of Table S4 has them swapped; the mean of its ten sensitivities is 74.87",
    ),
    Contradiction(
        ("table5",),
        "conclusion",
        "MIMIC-CXR weights help where data are few",
        "they win on VinDr-CXR, ChestX-ray14 and PadChest, and lose on CheXpert and UKA-CXR",
    ),
    Contradiction(
        ("table4", "table5", "table_s3"),
        "CheXpert, average AUC from DINOv2",
        "80.02 in Table 4",
        "80.03 in Table 5",
    ),
    Contradiction(
        ("comparisons", "figure3"),
        "p-values",
        "adjusted by false discovery rate",
        "one-sided, adjusted one at a time and so not at all, and 0 of 1000 printed as 0.001",
    ),
    Contradiction(
        ("table2", "table3"),
        "Fibrosis on PadChest, Infiltrates on ChestX-ray14 and VinDr-CXR",
        "counted in Table 2",
        "not trained on",
    ),
    Contradiction(
        ("table2", "table3", "table_s6"),
        "Pneumothorax on PadChest",
        "not counted in Table 2",
        "trained on, in Tables 3 and S6",
    ),
)


def notes_on(table: str, paper: str = FIRST) -> list[str]:
    """Sentences for below a table or figure that stands beside a paper."""
    if paper != FIRST:
        return []
    return [
        f"The paper contradicts itself, {one.topic}: {one.paper}; but {one.fact}."
        for one in CONTRADICTIONS
        if table in one.tables
    ]
