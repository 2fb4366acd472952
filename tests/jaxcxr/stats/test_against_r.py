"""The same numbers from R: pROC, rms, epiR and sandwich, where they are installed.

On Debian: `apt-get install r-cran-proc r-cran-rms r-cran-epir`.
"""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
import scipy.stats
from scipy.special import expit

from jaxcxr.stats import agreement, auc_difference, auc_interval, recalibration, two_by_two

pytestmark = pytest.mark.slow


def r(program, tmp_path, packages, **columns):
    """Run R on columns of data; the program leaves a list of numbers in `out`."""
    if shutil.which("Rscript") is None:
        pytest.skip("no Rscript: apt-get install r-base-core")
    for package in packages:
        asked = ["Rscript", "-e", f"quit(status = !requireNamespace('{package}', quietly = TRUE))"]
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            pytest.skip(f"R has no package {package}: apt-get install r-cran-{package.lower()}")
    lines = [",".join(columns)]
    rows = zip(*columns.values(), strict=True)
    lines += [",".join(repr(float(value)) for value in row) for row in rows]
    (tmp_path / "data.csv").write_text("\n".join([*lines, ""]))
    script = "\n".join(
        [
            *(f"suppressMessages(library({package}))" for package in packages),
            f"d <- read.csv('{tmp_path}/data.csv')",
            program,
            "cat('\\n[', paste(sprintf('%.12g', unlist(out)), collapse = ','), ']', sep = '')",
        ]
    )
    (tmp_path / "program.R").write_text(script)
    done = subprocess.run(
        ["Rscript", "--vanilla", str(tmp_path / "program.R")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout.splitlines()[-1]))


def two_models(positives=25, negatives=110):
    rng = np.random.default_rng(7)
    truth = np.repeat([1, 0], [positives, negatives])
    shared = rng.normal(size=len(truth))
    scores = 0.6 * shared + 0.8 * rng.normal(size=(2, len(truth))) + np.outer([1.4, 1.0], truth)
    return truth, np.round(scores, 1)  # with ties


def test_auc_and_difference_are_those_of_proc(tmp_path):
    truth, scores = two_models()
    program = """
    a <- roc(d$truth, d$one, direction = "<", quiet = TRUE)
    b <- roc(d$truth, d$two, direction = "<", quiet = TRUE)
    out <- list(auc(a), sqrt(var(a)), auc(a) - auc(b), sqrt(var(a) + var(b) - 2 * cov(a, b)))
    """
    columns = {"truth": truth, "one": scores[0], "two": scores[1]}
    value, error, difference, error_of_difference = r(program, tmp_path, ["pROC"], **columns)
    one, both = auc_interval(truth, scores[0]), auc_difference(truth, scores)
    assert (one.value, one.error) == pytest.approx((value, error))
    assert (both.value, both.error) == pytest.approx((difference, error_of_difference))


def test_an_independent_t_interval_of_proc_errors(tmp_path):
    """The degrees of freedom by hand from pROC's own placements, and R's quantiles."""
    truth, scores = two_models(30, 60)
    program = """
    x <- d$one[d$truth == 1]; y <- d$one[d$truth == 0]
    p <- sapply(x, function(v) mean((v > y) + (v == y) / 2))
    q <- sapply(y, function(v) mean((x > v) + (x == v) / 2))
    a <- var(p) / length(p); b <- var(q) / length(q)
    df <- (a + b)^2 / (a^2 / (length(p) - 1) + b^2 / (length(q) - 1))
    A <- mean(p); half <- qt(0.975, df) * sqrt(a + b) / (A * (1 - A))
    out <- list(df, plogis(qlogis(A) - half), plogis(qlogis(A) + half))
    """
    theirs = r(program, tmp_path, [], truth=truth, one=scores[0])
    found = auc_interval(truth, scores[0])
    assert (found.freedom, found.low, found.high) == pytest.approx(tuple(theirs))


def test_rates_and_likelihood_ratios_are_those_of_epir(tmp_path):
    truth, scores = two_models(60, 200)
    found = two_by_two(truth, scores[0], 0.7)
    program = """
    t <- as.table(matrix(c(d$tp, d$fp, d$fn, d$tn), 2, byrow = TRUE))
    w <- epi.tests(t, method = "wilson", digits = 4)$detail
    row <- function(name) as.numeric(w[w$statistic == name, c("est", "lower", "upper")])
    out <- lapply(c("se", "sp", "diag.ac", "pv.pos", "pv.neg", "lr.pos", "lr.neg", "youden"), row)
    """
    theirs = r(
        program,
        tmp_path,
        ["epiR"],
        tp=[found.true_positives],
        fp=[found.false_positives],
        fn=[found.false_negatives],
        tn=[found.true_negatives],
    ).reshape(-1, 3)
    shares = ("sensitivity", "specificity", "accuracy", "ppv", "npv")
    for name, row in zip(shares, theirs, strict=False):
        one = getattr(found, name)
        assert (one.value, one.low, one.high) == pytest.approx(tuple(row), abs=6e-5), name
    for name, row in zip(("lr_positive", "lr_negative"), theirs[5:], strict=False):
        one = getattr(found, name)
        assert one.value == pytest.approx(row[0], abs=6e-5)
        # Theirs is the log interval of Simel 1991, a large-sample cousin of the score interval.
        assert (one.low, one.high) == pytest.approx(tuple(row[1:]), rel=0.05)
    assert found.youden.value == pytest.approx(theirs[7, 0], abs=6e-5)


def test_calibration_is_that_of_rms(tmp_path):
    rng = np.random.default_rng(8)
    logits = rng.normal(-1, 1.3, 800)
    truth = (rng.random(800) < expit(0.4 + 0.7 * logits)).astype(int)
    patient = np.repeat(np.arange(400), 2)
    program = """
    knots <- quantile(d$logits, c(0.05, 0.35, 0.65, 0.95))
    curve <- lrm(truth ~ rcs(logits, knots), data = d, tol = 1e-14, eps = 1e-12)
    far <- abs(predict(curve, type = "fitted") - plogis(d$logits))
    line <- glm(truth ~ logits, binomial, d, epsilon = 1e-14)
    average <- glm(truth ~ 1, binomial, d, offset = logits, epsilon = 1e-14)
    robust <- function(fit) sandwich::vcovCL(fit, d$patient, type = "HC0", cadjust = TRUE)
    whole <- val.prob(plogis(d$logits), d$truth, pl = FALSE)
    out <- list(mean(far), median(far), quantile(far, 0.9), max(far), coef(line)[2],
      sqrt(robust(line)[2, 2]), coef(average), sqrt(robust(average)), whole["Slope"],
      whole["Brier"])
    """
    packages = ["rms"]
    columns = {"truth": truth, "logits": logits, "patient": patient}
    theirs = r(program, tmp_path, packages, **columns)
    found = recalibration(truth, expit(logits), patient)
    distances = found.ici, found.e50, found.e90, found.e_max
    assert distances == pytest.approx(tuple(theirs[:4]), abs=1e-6)
    assert found.slope.value == pytest.approx(theirs[4]) == pytest.approx(theirs[8], abs=1e-6)
    assert found.intercept.value == pytest.approx(theirs[6])
    tail = scipy.stats.t.ppf(0.975, len(np.unique(patient[truth == 1])) - 1)
    assert (found.slope.high - found.slope.low) / 2 / tail == pytest.approx(theirs[5], rel=1e-6)
    half = (found.intercept.high - found.intercept.low) / 2
    assert half / tail == pytest.approx(theirs[7], rel=1e-6)


def test_kappa_is_that_of_epir(tmp_path):
    found = agreement(
        np.repeat([1, 1, 0, 0], [19, 10, 6, 65]), np.repeat([1, 0, 1, 0], [19, 10, 6, 65])
    )
    program = """
    k <- epi.kappa(matrix(c(19, 10, 6, 65), 2, byrow = TRUE), method = "cohen")
    out <- list(k$kappa$est, k$kappa$se, k$pabak$est, k$prop.agree$obs)
    """
    theirs = r(program, tmp_path, ["epiR"], unused=[0])
    assert found.kappa == pytest.approx(theirs[0])
    # Theirs is Cohen's first, rough error; Fleiss, Cohen and Everitt's is checked elsewhere.
    assert found.error == pytest.approx(theirs[1], rel=0.1)
    assert found.adjusted == pytest.approx(theirs[2])
    assert found.observed.value == pytest.approx(theirs[3])
