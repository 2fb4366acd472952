"""Run a study: every experiment of its grid that is missing, then tables, figures and page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import check_writable
from jaxcxr.terminal import console, say

if TYPE_CHECKING:
    from jaxcxr.study.planning.definition import Study
    from jaxcxr.study.planning.jobs import Plan


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; exit status 1 if an experiment failed."""
    parser = argparse.ArgumentParser(prog="python -m jaxcxr.study", description=__doc__)
    parser.add_argument("--study", type=Path, required=True, help="such as configs/study/paper.py")
    parser.add_argument("--out", type=Path, required=True, help="directory of all that it makes")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the grid and its expected cost, run nothing"
    )
    parser.add_argument(
        "--only", metavar="PATTERN", help="experiments by name, such as 'padchest-*'"
    )
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="every N-th experiment from the I-th, such as 2/4 of a Slurm array",
    )
    parser.add_argument(
        "--no-images", action="store_true", help="a page without radiographs, whatever the study"
    )
    options = parser.parse_args(arguments)
    with report_input_errors():
        if not _study(options):
            sys.exit(1)


def _study(options: argparse.Namespace) -> bool:
    from jaxcxr.study.planning.definition import read_study
    from jaxcxr.study.planning.grid import plan_study
    from jaxcxr.study.planning.runner import Runner

    study = read_study(options.study)
    if not options.dry_run:
        check_writable(options.out, "--out", folder=True)
    if options.no_images:
        study = replace(study, examples=())
    plan = plan_study(study, options.out)
    names = _chosen(plan, options)
    if options.dry_run:
        _print_grid(study, plan, names)
        return True
    for name in names:
        if not Path(plan.experiments[name].config).is_file():
            raise InputError(
                f"{name}: no config {plan.experiments[name].config} below {Path.cwd()}; run from "
                "the repository"
            )
    runner = Runner(plan.jobs, options.out)
    runner.run(names)
    # Whichever of several shards ends last finds all experiments done, and makes what they leave.
    runner.run(plan.ready())
    failed = {name: found for name, found in runner.outcomes.items() if found.state != "done"}
    ran = sum(found.ran for name, found in runner.outcomes.items() if name in plan.experiments)
    jobs = plan.jobs
    done = sum(jobs[name].is_done for name in plan.experiments)
    say(f"{done} of the study's {len(plan.experiments)} experiments are done; {ran} ran now")
    from jaxcxr.study.analyses.averages import average_aucs
    from jaxcxr.study.page.build import PAGE
    from jaxcxr.study.report import REPORT, write_report

    missing = write_report(study, plan, options.out)
    for name, why in plan.left_out().items():
        say(f"left out: {name}: {why}", error=True)
    if missing:
        say(f"not in the report yet: {', '.join(missing)}")
    for line in average_aucs(options.out / REPORT):
        say(line)
    say(f"tables and figures are in {options.out / REPORT}")
    page = options.out / REPORT / PAGE
    if page.is_file():
        say(f"the page is {page}")
    for name, found in failed.items():
        say(f"{found.state}: {name}: {found.reason}", error=True)
    if failed:
        say("the same command tries these again and skips what is done", error=True)
    return not failed


def _chosen(plan: Plan, options: argparse.Namespace) -> list[str]:
    from jaxcxr.study.planning.runner import shard

    names = list(plan.experiments)
    if options.only is not None:
        names = [name for name in names if fnmatchcase(name, options.only)]
        if not names:
            raise InputError(
                f"--only={options.only}: no such experiment; they are named as "
                f"{next(iter(plan.experiments))}"
            )
    if options.shard is not None:
        try:
            names = shard(names, options.shard)
        except ValueError:
            raise InputError(
                f"--shard={options.shard}: give I/N with I from 1 to N, such as 2/4"
            ) from None
    return names


def _print_grid(study: Study, plan: Plan, names: list[str]) -> None:
    from rich.table import Table

    from jaxcxr.study.planning.cost import expected_cost

    jobs = plan.jobs
    missing = [job.id for job in plan.data.values() if not job.is_done]
    table = Table(box=None)
    for heading in ("experiment", "state", "config", "needs"):
        table.add_column(heading, overflow="fold")
    for heading in ("images", "epochs", "PFLOP", "H100 hours"):
        table.add_column(heading, justify="right")
    total = 0.0
    for name in names:
        experiment = plan.experiments[name]
        cost = expected_cost(study, experiment)
        state = (
            "done"
            if jobs[name].is_done
            else "begun"
            if experiment.directory.is_dir()
            else "missing"
        )
        total += 0.0 if jobs[name].is_done or cost.hours is None else cost.hours
        flops = "?" if cost.flops is None else f"{cost.flops / 1e15:,.3g}"
        hours = "?" if cost.hours is None else f"{cost.hours:.2g}"
        needs = ", ".join(needed for needed in experiment.needs if needed in plan.experiments)
        table.add_row(
            name,
            state,
            experiment.config,
            needs,
            f"{cost.images:,}",
            str(cost.epochs),
            flops,
            hours,
        )
    shown = console() if sys.stdout.isatty() else console(width=260)
    shown.print(table, highlight=False)
    say(
        f"{len(names)} experiments, {len(missing)} releases and preparations to make; what is "
        "missing: "
        f"at most {total:.2g} hours of an H100 at 40 % of its bfloat16 peak (all epochs, no early "
        "stop, forward and backward passes only)"
    )


if __name__ == "__main__":
    main()
