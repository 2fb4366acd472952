"""How many small faults the tests notice, module by module.

    python -m benchmarks.mutation                         # every module of the table below
    python -m benchmarks.mutation jaxcxr.stats.resample   # one, with what survived

Each fault of `benchmarks.mutants` is put into a copy of the repository, alone, and the module's own
test files run there until one fails. Of a module with more than `--most` faults as many are drawn,
with a fixed seed. Faults that change nothing stand in `equivalent_mutants.csv` with the reason, and
are left out of both numbers. A row there that is no fault any more is an error.

The copy's third-party imports are made once, and each fault has a fork of that process. JAX must
not have started there: its threads do not survive a fork.
"""

from __future__ import annotations

import argparse
import csv
import gc
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.mutants import mutants

REPOSITORY = Path(__file__).parents[1]
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.csv")
COPIED = ("benchmarks", "configs", "convert", "input_pipeline", "jaxcxr", "tests", "pyproject.toml")
IMPORTED_ONCE = (
    "_hypothesis_pytestplugin", "flax.nnx", "grain", "hypothesis.extra.numpy", "jax.numpy",
    "matplotlib.pyplot", "optax", "orbax.checkpoint", "pandas", "pyarrow.parquet", "pytest",
    "scipy.stats", "sklearn.calibration", "sklearn.linear_model", "statsmodels.stats.multitest",
    "tensorboardX", "torch",
)  # fmt: skip
STATS = "tests/jaxcxr/stats/test_"
TRAINING = "tests/jaxcxr/training/test_"
PIPELINE = "tests/input_pipeline/test_"
TESTS: dict[str, tuple[str, ...]] = {
    "jaxcxr.stats.agreement": (f"{STATS}equivalence.py",),
    "jaxcxr.stats.arrays": (f"{STATS}bootstrap.py", f"{STATS}curves.py", f"{STATS}arrays.py"),
    "jaxcxr.stats.bootstrap": (f"{STATS}bootstrap.py",),
    "jaxcxr.stats.calibration": (f"{STATS}calibration.py",),
    "jaxcxr.stats.compare": (f"{STATS}compare.py",),
    "jaxcxr.stats.curves": (f"{STATS}curves.py",),
    "jaxcxr.stats.decision_curve": (f"{STATS}equivalence.py",),
    "jaxcxr.stats.delong": (f"{STATS}compare.py",),
    "jaxcxr.stats.delong_interval": (f"{STATS}delong_interval.py",),
    "jaxcxr.stats.equivalence": (f"{STATS}equivalence.py",),
    "jaxcxr.stats.influence": (f"{STATS}averages.py", f"{STATS}delong_interval.py"),
    "jaxcxr.stats.initializations": (f"{STATS}trainings.py",),
    "jaxcxr.stats.intervals": (f"{STATS}intervals.py", f"{STATS}delong_interval.py"),
    "jaxcxr.stats.levels": (f"{STATS}levels.py",),
    "jaxcxr.stats.likelihood_ratios": (f"{STATS}rates.py",),
    "jaxcxr.stats.logistic": (f"{STATS}logistic.py", f"{STATS}recalibration.py"),
    "jaxcxr.stats.multiplicity": (
        f"{STATS}compare.py::test_corrections_equal_statsmodels",
        f"{STATS}compare.py::test_corrections_refuse_what_is_no_p_value",
        f"{STATS}compare.py::test_the_ends_of_p_are_p_values",
        f"{STATS}compare.py::test_redraws_grow_with_the_family_so_that_its_smallest_p_can_be_found",
    ),
    "jaxcxr.stats.noise_floor": (f"{STATS}recalibration.py",),
    "jaxcxr.stats.paper": (f"{STATS}paper.py",),
    "jaxcxr.stats.proportions": (f"{STATS}rates.py", f"{STATS}equivalence.py"),
    "jaxcxr.stats.ranking": (f"{STATS}tally.py", f"{STATS}bootstrap.py"),
    "jaxcxr.stats.rates": (f"{STATS}fixed_rates.py",),
    "jaxcxr.stats.recalibration": (f"{STATS}recalibration.py",),
    "jaxcxr.stats.resample": (
        *(f"{STATS}resample.py", f"{STATS}bootstrap.py", f"{STATS}compare.py"),
        f"{STATS}kernels.py::test_every_metric_has_the_same_bits",
    ),
    "jaxcxr.stats.splines": (f"{STATS}splines.py",),
    "jaxcxr.stats.subgroups": (f"{STATS}subgroups.py", f"{STATS}calibration.py"),
    "jaxcxr.stats.sums": (f"{STATS}calibration.py",),
    "jaxcxr.stats.sweep": (f"{STATS}bootstrap.py",),
    "jaxcxr.stats.tally": (
        *(f"{STATS}tally.py", f"{STATS}bootstrap.py"),
        f"{STATS}kernels.py::test_every_metric_has_the_same_bits",
    ),
    "jaxcxr.stats.trainings": (f"{STATS}trainings.py",),
    "jaxcxr.stats.two_by_two": (f"{STATS}rates.py",),
    "jaxcxr.stats.usable": (f"{STATS}averages.py",),
    "jaxcxr.stats.walk": (
        f"{STATS}bootstrap.py",
        f"{STATS}kernels.py::test_every_metric_has_the_same_bits",
    ),
    # Of these two, all of the tests take minutes: here are the fast ones that tell most.
    "jaxcxr.training.step": (
        f"{TRAINING}draws.py",
        f"{TRAINING}step.py::test_a_head_learns_from_class_tokens_as_pytorchs_linear_layer",
        f"{TRAINING}step.py::test_a_batch_of_which_nothing_is_known_teaches_nothing",
        f"{TRAINING}step.py::test_micro_batches_give_the_step_of_the_whole_batch",
        f"{TRAINING}step.py::test_the_state_that_is_created_is_the_first_where_its_shapes_say",
        f"{TRAINING}step.py::test_the_updates_are_those_that_the_config_asks_for",
        f"{TRAINING}lora_training.py"
        "::test_dropout_draws_from_seed_and_step_whatever_the_micro_batches",
    ),
    "jaxcxr.training.train": (
        f"{TRAINING}train.py::test_epochs_windows_and_checkpoints_end_where_they_say",
        f"{TRAINING}train.py::test_a_head_of_the_probe_is_validated_before_it_learns_and_never_again",
        f"{TRAINING}train.py::test_one_batch_is_the_least",
        f"{TRAINING}train.py"
        "::test_a_signal_stops_after_its_step_and_the_run_goes_on_as_if_nothing_was",
        f"{TRAINING}floor.py::test_a_finished_training_says_its_verdict_again",
        f"{TRAINING}fewer_patients.py"
        "::test_only_its_patients_are_learnt_from_and_the_rest_stays_whole",
    ),
    "jaxcxr.training.loss": (f"{TRAINING}loss.py",),
    "jaxcxr.training.losses": (f"{TRAINING}losses.py",),
    "jaxcxr.training.stopping": (f"{TRAINING}stopping.py",),
    "jaxcxr.training.augment": (f"{TRAINING}augment.py", f"{TRAINING}draws.py"),
    "jaxcxr.training.optimizer": (f"{TRAINING}optimizer.py",),
    "input_pipeline.loader": (f"{PIPELINE}loader.py",),
    "input_pipeline.splits": (f"{PIPELINE}splits.py",),
    "input_pipeline.prepare": (f"{PIPELINE}prepare.py", f"{PIPELINE}prepare_refusals.py"),
    "input_pipeline.shards": (f"{PIPELINE}shards.py", f"{PIPELINE}prepare.py"),
    "input_pipeline.labels": (f"{PIPELINE}labels.py",),
    "input_pipeline.subset": (f"{PIPELINE}subset.py",),
    "convert.transforms": ("tests/convert/test_transforms.py",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="How many small faults the tests notice.")
    parser.add_argument("modules", nargs="*", default=list(TESTS), metavar="MODULE")
    parser.add_argument("--most", type=int, default=60, help="faults of one module, at most")
    asked = parser.parse_args()
    known = _equivalent()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        for name in COPIED:
            source = REPOSITORY / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, _made(copy / name))
        _import_once(Path(folder, "compiled"))
        print(
            "| module | faults | tried | noticed | equivalent | share |\n|---|---|---|---|---|---|"
        )
        shares = [_measure(module, copy, known, asked.most) for module in asked.modules]
    sys.exit(0 if min(shares) >= 0.9 else "less than 90 % of a module's faults were noticed")


def _measure(module: str, copy: Path, known: dict[tuple[str, str, str], str], most: int) -> float:
    """Print the module's row of the table, and what survived; give the share noticed."""
    file = copy / f"{module.replace('.', '/')}.py"
    source = file.read_text()
    every = mutants(source)
    gone = {key for key in known if key[0] == module} - {(module, m.line, m.change) for m in every}
    if gone:
        sys.exit(f"{EQUIVALENT.name} has rows that are no faults any more: {sorted(gone)}")
    chosen = every
    if len(every) > most:
        chosen = sorted(random.Random(0).sample(every, most), key=lambda one: one.number)
    # Left out after the draw, which thus stays the same when one is found to be equivalent.
    chosen = [m for m in chosen if (module, m.line, m.change) not in known]
    order: list[str] = []
    begun = time.monotonic()
    if failed := _run(copy, TESTS[module], order, limit=900):
        sys.exit(f"{module}: {failed} without any fault")
    limit = 30 + 4 * (time.monotonic() - begun)
    survived = []
    for count, mutant in enumerate(chosen):
        file.write_text(mutant.source)
        os.utime(
            file, (count, count)
        )  # a time of its own, so that no compiled file is taken for it
        if not _run(copy, TESTS[module], order, limit):
            survived.append(mutant)
            print(f"    survived: {module}:{mutant.number}: {mutant.change}", file=sys.stderr)
        sys.stderr.flush()
    file.write_text(source)
    noticed = len(chosen) - len(survived)
    share = noticed / len(chosen) if chosen else 1.0
    equivalent = len({(m.line, m.change) for m in every if (module, m.line, m.change) in known})
    row = (f"`{module}`", len(every), len(chosen), noticed, equivalent, f"{share:.0%}")
    print("|", " | ".join(map(str, row)), "|", flush=True)
    return share


def _run(copy: Path, tests: Iterable[str], order: list[str], limit: float) -> str:
    """Run tests in a fork of this process; give the first that failed, or an empty text.

    `order` holds the tests' names, those first that are to run first, and is brought up to date:
    by how long they took, and the last to notice a fault in front.
    """
    report = copy.parent / "report"
    report.write_text("")
    child = os.fork()
    if not child:
        try:
            _be_the_child(
                copy, [test for test in tests if _file(copy, test).exists()], order, report
            )
        except BaseException:
            traceback.print_exc()
        finally:  # whatever happens, the child does not go on with what is the parent's
            sys.stderr.flush()
            os._exit(0)
    end = time.monotonic() + limit
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "took too long"
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what a failed test left running
    *names, outcome = report.read_text().splitlines() or ["ended without a word"]
    if not order:
        order.extend(names)
    if outcome in order:
        order.insert(0, order.pop(order.index(outcome)))
    return "" if outcome == "passed" else outcome


def _file(copy: Path, test: str) -> Path:
    """The file of a test, which may be named within it, as `file::test`."""
    return copy / test.partition("::")[0]


def _be_the_child(copy: Path, tests: list[str], order: list[str], report: Path) -> None:
    import pytest

    os.setsid()
    with (copy.parent / "output").open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.chdir(copy)
    sys.path[:] = [str(copy), *(path for path in sys.path if Path(path or ".") != REPOSITORY)]
    os.environ["PYTHONPATH"] = str(copy)  # of the processes that a test starts
    for name in [name for name in sys.modules if name.startswith("benchmarks")]:
        del sys.modules[name]
    watcher = _Watcher(order, named={test for test in tests if "::" in test})
    options = ["-x", "-q", "-m", "not data", "-p", "no:cacheprovider"]
    options += ["--hypothesis-seed=0", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    code = pytest.main([*options, *tests], plugins=[watcher])
    names = sorted(watcher.seconds, key=watcher.seconds.__getitem__)
    outcome = "passed" if code == 0 else watcher.failed or f"pytest ended with {code}"
    report.write_text("\n".join([*names, outcome]))


class _Watcher:
    """A plugin of pytest that orders the tests and remembers what they did.

    Of a file's slow tests only those run that `TESTS` names.
    """

    def __init__(self, order: list[str], named: set[str]):
        self.named = named
        self.rank = {name: place for place, name in enumerate(order)}
        self.seconds: dict[str, float] = {}
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [
            item
            for item in items
            if not item.get_closest_marker("slow") or item.nodeid.partition("[")[0] in self.named
        ]
        items.sort(key=lambda item: self.rank.get(item.nodeid, len(self.rank)))

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed and not self.failed:
            self.failed = report.nodeid


def _import_once(compiled: Path) -> None:
    os.environ |= {
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    for name in IMPORTED_ONCE:
        importlib.import_module(name)
    gc.freeze()  # else every fork's garbage collection copies what it only shares


def _equivalent() -> dict[tuple[str, str, str], str]:
    with EQUIVALENT.open(newline="", encoding="utf-8") as file:
        return {(r["module"], r["line"], r["change"]): r["reason"] for r in csv.DictReader(file)}


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    main()
