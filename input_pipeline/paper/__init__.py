"""The numbers of the paper's tables (arXiv 2308.07688), shipped with the package.

`table1_cohorts`, `table2_counts`, `table3_labels`, `table4_averages`, `table5_auc` and `per_label`
(supplementary tables S1 to S6) are the paper's; `differences` says why our cohorts differ.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TABLES = (
    "table1_cohorts",
    "table2_counts",
    "table3_labels",
    "table4_averages",
    "table5_auc",
    "per_label",
    "differences",
)


def table(name: str) -> pd.DataFrame:
    """One of `TABLES`, all cells as text."""
    import pandas as pd

    if name not in TABLES:
        raise ValueError(f"no table {name!r}; the paper's are {', '.join(TABLES)}")
    with resources.files(__name__).joinpath(f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype=str, keep_default_na=False)
