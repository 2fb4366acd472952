"""The paper's Tables 1, 2 and 3 from the prepared datasets of a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from input_pipeline.labels import PAPER_DATASETS, finding_id
from jaxcxr.errors import InputError
from jaxcxr.study.planning.jobs import Plan
from jaxcxr.terminal import say

if TYPE_CHECKING:
    import pandas as pd

    from input_pipeline.cohort import Cohort


WHOLE = ("paper", "merged_sides")  # label sets of all that is learnt of a dataset


def cohort_tables(plan: Plan) -> dict[str, pd.DataFrame]:
    """Give `table1`, `table2` and `table3`, of the datasets with all their labels."""
    import pandas as pd

    from input_pipeline.against_paper import table1, table2, table3

    makers = {"table1": table1, "table2": table2, "table3": table3}
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in makers}
    sources = {
        experiment.dataset: experiment.data
        for experiment in plan.experiments.values()
        if experiment.label_set in WHOLE and not experiment.variant
    }
    for dataset, data in sources.items():
        if not (Path(data) / "cohort.json").is_file():
            continue
        try:
            cohort = read_cohort(Path(data))
        except InputError as error:
            say(f"left out: the cohort of {dataset}: {error}", error=True)
            continue
        for name, make in makers.items():
            table = make(cohort)
            table.insert(0, "dataset", PAPER_DATASETS[dataset])
            found[name].append(table)
    return {name: pd.concat(tables) for name, tables in found.items() if tables}


def read_cohort(prepared: Path) -> Cohort:
    """Read a prepared dataset's cohort back; images that could not be read are not in it."""
    import pandas as pd

    from input_pipeline.cohort import Cohort
    from input_pipeline.prepared import open_prepared

    opened = open_prepared(prepared)
    described, labels = opened.cohort, opened.labels
    if absent := {"label_rules", "funnel"} - described.keys():
        raise InputError(f"{prepared}: cohort.json lacks {min(absent)}; prepare again")
    every = pd.concat([opened.records(split) for split in opened.splits], ignore_index=True)
    records = every.set_index("image_id", drop=False)
    # The publisher's own split is not kept: only CheXpert has validation images that Table 1
    # counts in neither set, 202 of them.
    return Cohort(
        dataset=described["dataset"],
        label_rules=described["label_rules"],
        labels=labels,
        records=records.assign(official_split=""),
        funnel=described["funnel"],
        findings=records[list(labels)].rename(columns={name: finding_id(name) for name in labels}),
    )
