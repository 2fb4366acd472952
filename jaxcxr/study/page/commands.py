"""Commands as the page prints them: for a shell in which OUT is the study's directory."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path


def below_out(text: str, out: Path) -> str:
    """Write a path in a text with `$OUT` for the study's directory."""
    return text.replace(str(out.resolve()), "$OUT")


def printed(command: Sequence[str], out: Path) -> str:
    """Write a command for a POSIX shell, with `"$OUT"` for the study's directory.

    The page says nothing of where on whose disk the study lies.
    """
    words = ["python" if word == sys.executable else word for word in command]
    return " ".join(_quoted(word, str(out.resolve())) for word in words)


def _quoted(word: str, out: str) -> str:
    if out not in word and "'" not in word:
        return shlex.quote(word)
    return '"' + "$OUT".join(map(_escaped, word.split(out))) + '"'


def _escaped(text: str) -> str:
    """Keep what a shell would take for its own between double quotes."""
    return "".join(f"\\{one}" if one in '\\"$`' else one for one in text)


def run_path(experiment: str, name: str) -> str:
    """Name a file of a run below the study's directory."""
    return f"$OUT/runs/{experiment}/{name}"


def evaluate_command(experiment: str, resamples: int, against: str = "") -> str:
    """Recompute a run's numbers, or its differences to another run, into `$OUT/check`."""
    folder = f"{experiment}-against-{against}" if against else experiment
    other = f' --against "{run_path(against, "predictions.parquet")}"' if against else ""
    return (
        f'python -m jaxcxr.evaluate "{run_path(experiment, "predictions.parquet")}"{other} '
        f'--resamples {resamples} --out "$OUT/check/{folder}"'
    )
