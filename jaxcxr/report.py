"""Write what is published about a finished run: `python -m jaxcxr.report --run DIR --out FILE`.

--card --out README.md               a model card, in Hugging Face's form
--checklist claim --out FILE.md      a reporting checklist, filled from the files (.md or .docx)
--robustness                         first measure AUC on disturbed test images
--card --push OWNER/NAME             send model and card to Hugging Face (--dry-run lists them)
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jaxcxr.errors import InputError, report_input_errors
from jaxcxr.files import check_writable
from jaxcxr.terminal import say

if TYPE_CHECKING:
    from jaxcxr.reporting.run_record import RunRecord

_CHECKLISTS = ("claim", "tripod-ai")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parser().parse_args(arguments)
    with report_input_errors():
        _check(options)
        if options.card:
            from jaxcxr.reporting.card_metadata import check_hub

            check_hub()
        if options.out is not None and options.out.suffix == ".docx":
            from jaxcxr.reporting.word import check_word

            check_word()
        runs = _read(options)
        if options.robustness:
            runs = [_measure(run, options.data) for run in runs]
        if options.card:
            _card(options, runs[0])
        elif options.checklist:
            _checklist(options, runs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jaxcxr.report",
        description="A model card or a reporting checklist, from the files of a finished run.",
    )
    of = parser.add_mutually_exclusive_group(required=True)
    of.add_argument("--run", type=Path, help="directory of a finished run")
    of.add_argument("--study", type=Path, help="directory of a study, all of whose runs count")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--card", action="store_true", help="a model card, of a run")
    what.add_argument("--checklist", choices=_CHECKLISTS, help="a reporting guideline, filled")
    parser.add_argument("--out", type=Path, help="FILE.md, of a checklist also FILE.docx")
    parser.add_argument(
        "--data", type=Path, help="prepared data of the run (where its config says)"
    )
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="measure AUC under noise, blur, gamma, JPEG and rotation, and keep it with the run",
    )
    parser.add_argument("--push", metavar="OWNER/NAME", help="send model and card there (private)")
    parser.add_argument("--dry-run", action="store_true", help="list what --push would send")
    return parser


def _check(options: argparse.Namespace) -> None:
    """Stop before any work where the options do not go together."""
    wrong = ""
    if not (options.card or options.checklist or options.robustness):
        wrong = "nothing to do: give --card, --checklist or --robustness"
    elif options.card and options.run is None:
        wrong = "--card is of one run: give --run"
    elif options.data is not None and options.run is None:
        wrong = "--data is of one run: give --run"
    elif options.data is not None and options.card and not options.robustness:
        wrong = "--card is of the run alone: leave out --data"
    elif options.push and not options.card:
        wrong = "--push sends a model with its card: give --card"
    elif options.dry_run and not options.push:
        wrong = "--dry-run lists what --push would send: give --push OWNER/NAME"
    elif options.checklist and options.out is None:
        wrong = "--checklist needs --out FILE.md or FILE.docx"
    elif options.card and options.out is None and not options.push:
        wrong = "--card needs --out README.md, or --push OWNER/NAME"
    if wrong:
        raise InputError(wrong)
    if options.out is not None:
        allowed = (".md", ".docx") if options.checklist else (".md",)
        if options.out.suffix not in allowed:
            raise InputError(
                f"--out {options.out}: give a name that ends in {' or '.join(allowed)}"
            )
        check_writable(options.out, "--out")
    if options.push:
        from jaxcxr.reporting.hub import check_repository

        check_repository(options.push)


def _read(options: argparse.Namespace) -> list[RunRecord]:
    from jaxcxr.reporting.run_record import read_run, runs_of_study

    if options.run is not None:
        alone = options.card and not options.robustness
        return [read_run(options.run, options.data, alone=alone)]
    return [read_run(directory) for directory in runs_of_study(options.study)]


def _measure(run: RunRecord, data: Path | None) -> RunRecord:
    """Measure and keep a run's robustness; return the run with it."""
    from jaxcxr.reporting.robustness import measure_robustness
    from jaxcxr.reporting.robustness_file import ROBUSTNESS, write_robustness
    from jaxcxr.reporting.run_record import read_run

    check_writable(run.directory / ROBUSTNESS, "--run")
    found = measure_robustness(run, lambda name: say(f"{run.name}: {name}"))
    write_robustness(run.directory, found)
    say(f"wrote {run.directory / ROBUSTNESS}")
    return read_run(run.directory, data)


def _card(options: argparse.Namespace, run: RunRecord) -> None:
    from jaxcxr.reporting.hub import listing, packed, push
    from jaxcxr.reporting.model_card import write_card

    run = replace(run, prepared=None)  # a card is of the run alone
    if options.out is not None:
        write_card(options.out, run)
        say(f"wrote {options.out}")
    if options.push:
        with packed(run) as folder:
            for name, size, digest in listing(folder):
                say(f"{name:24}  {size:13,} bytes  sha256 {digest}...")
            if options.dry_run:
                say(f"these files would go to {options.push}; nothing was sent")
            else:
                say(f"sent to {push(folder, options.push)}")


def _checklist(options: argparse.Namespace, runs: Sequence[RunRecord]) -> None:
    from jaxcxr.reporting.checklist import checklist, study_question
    from jaxcxr.reporting.flow import write_flows
    from jaxcxr.reporting.guideline import read_guideline
    from jaxcxr.reporting.markdown import write_markdown
    from jaxcxr.reporting.word import write_word

    question = study_question(options.study)
    figures = write_flows(runs, options.out)
    blocks = checklist(read_guideline(options.checklist), runs, question, figures)
    (write_word if options.out.suffix == ".docx" else write_markdown)(options.out, blocks)
    for figure in figures:
        say(f"wrote {figure.stem}.svg and .png")
    say(f"wrote {options.out}")


if __name__ == "__main__":
    main()
