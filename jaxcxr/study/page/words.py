"""Headings and sentences of the page, by the paper that a study stands beside."""

from __future__ import annotations

from jaxcxr.study.planning.definition import FIRST, FOLLOW_UP

PAGE_WORDS = {
    FIRST: {
        "figure": "Figure 3: how the labels spread",
        "tables": "The paper's tables",
        "beside": f"Ours beside what arXiv {FIRST} printed.",
        "curves": "Figure 4: ROC curves",
        "curve": "Figure 4",
        "beyond": "Beyond the paper",
    },
    FOLLOW_UP: {
        "figure": "How the labels spread",
        "tables": "Cohorts, metrics and differences at the first image size",
        "beside": f"Cohorts stand beside those of arXiv {FIRST}, most of which arXiv "
        f"{FOLLOW_UP} took over; the values of its own tables are not at hand.",
        "curves": "ROC curves",
        "curve": "ROC curves",
        "beyond": "Image sizes, equivalence, adaptation, wrong labels, external tests",
    },
}
