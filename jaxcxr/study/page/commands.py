"""Commands as the page prints them: for a shell in which OUT is the study's directory."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcxr.stats import LEAST_UNITS


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


def evaluate_command(
    runs: Sequence[str], resamples: int, against: Sequence[str] = (), *, least_patients: int
) -> str:
    """Recompute the numbers of a model, or its differences to another, into `$OUT/check`.

    Args:
      runs: ids of the model's trainings.
      resamples: of every number.
      against: ids of the other's trainings.
      least_patients: of labels that averages and tests count.
    """

    def files(experiments: Sequence[str]) -> str:
        return " ".join(f'"{run_path(one, "predictions.parquet")}"' for one in experiments)

    folder = f"{runs[0]}-against-{against[0]}" if against else runs[0]
    if len(runs) > 1:
        folder += "-all"
    other = f" --against {files(against)}" if against else ""
    least = "" if least_patients == LEAST_UNITS else f" --least-patients {least_patients}"
    return (
        f"python -m jaxcxr.evaluate {files(runs)}{other} --resamples {resamples}{least} "
        f'--out "$OUT/check/{folder}"'
    )
