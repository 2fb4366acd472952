"""From a study to its jobs: data to make, experiments to train, and their order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from input_pipeline.labels import DATASETS, MIMIC_TRANSFER, NAMES, label_set
from input_pipeline.phantom.natural import LABELS, NATURAL
from jaxcxr.run.directory import WEIGHTS
from jaxcxr.study.planning.cross_jobs import cross_jobs
from jaxcxr.study.planning.datasets import misfit_of_made, natural_data, prepared_data
from jaxcxr.study.planning.definition import Initialization, Pretraining, Study
from jaxcxr.study.planning.example_jobs import example_jobs
from jaxcxr.study.planning.jobs import Experiment, Job, Plan, experiment_id
from jaxcxr.study.planning.names import Overrides
from jaxcxr.study.planning.variants import Variant


def plan_study(study: Study, out: Path) -> Plan:
    """Lay out the study's jobs below `out`, which is made absolute: runs remember their paths."""
    out = out.resolve()
    pretrained: dict[str, Experiment] = {}
    experiments: dict[str, Experiment] = {}
    variants: dict[str, Experiment] = {}
    data: dict[str, Job] = {}
    for grid in study.grids:
        for dataset in grid.datasets:
            for name in grid.initializations:
                for seed in study.seeds:
                    chosen = study.initialization(name)
                    before = None
                    if chosen.pretraining:
                        before = _pretraining_experiment(
                            study, chosen.pretraining, dataset, grid.label_set, seed, out, data
                        )
                        pretrained[before.id] = before
                    experiment = _experiment(
                        study, chosen, before, dataset, grid.label_set, seed, out, data
                    )
                    experiments[experiment.id] = experiment
                    for variant in grid.variants_of(dataset, name):
                        other = _variant_experiment(study, experiment, variant, out, data)
                        variants[other.id] = other
    after = cross_jobs(study, experiments | variants, out, data)
    after |= example_jobs(study, experiments)
    return Plan(pretrained | experiments | variants, data, after)


def _experiment(
    study: Study,
    chosen: Initialization,
    before: Experiment | None,
    dataset: str,
    labels_of: str,
    seed: int,
    out: Path,
    data: dict[str, Job],
) -> Experiment:
    where, needs = prepared_data(study, dataset, labels_of, 0, out, data)
    start: Overrides = ()
    spec = chosen.spec
    if before is not None:
        head = study.pretraining(chosen.pretraining).head
        start = (("model.weights", str(before.directory / WEIGHTS)), ("model.head", head))
        needs, spec = (*needs, before.id), chosen.spec or before.spec
    labels = tuple(NAMES[finding] for finding in label_set(dataset, labels_of))
    name = experiment_id(dataset, labels_of, chosen.name, seed)
    changes = (("data", where), ("labels", labels), ("seed", seed), *start)
    return Experiment(
        id=name,
        dataset=dataset,
        label_set=labels_of,
        initialization=chosen.name,
        seed=seed,
        labels=labels,
        config=chosen.config.format(dataset=dataset),
        overrides=(*changes, *_settings(study, chosen)),
        directory=out / "runs" / name,
        data=where,
        needs=needs,
        spec=spec,
        data_misfit=partial(misfit_of_made, data, needs),
    )


def _variant_experiment(
    study: Study, full: Experiment, variant: Variant, out: Path, data: dict[str, Job]
) -> Experiment:
    """Return the experiment that differs from `full` by what the variant changes."""
    name = experiment_id(full.dataset, full.label_set, full.initialization, full.seed, variant.name)
    changes = {"trainable": variant.trainable, "train_patients": float(variant.patients)}
    if variant.image_size:
        size = variant.image_size
        where, made = prepared_data(study, full.dataset, full.label_set, 0, out, data, size)
        before = tuple(needed for needed in full.needs if needed not in data)
        full = replace(full, data=where, needs=(*made, *before))
        full = replace(full, data_misfit=partial(misfit_of_made, data, full.needs))
        changes |= {"data": where, "image_size": size}
    return replace(
        full,
        id=name,
        overrides=tuple((dict(full.overrides) | dict(variant.overrides) | changes).items()),
        directory=out / "runs" / name,
        variant=variant.name,
    )


def _pretraining_experiment(
    study: Study,
    name: str,
    target: str,
    labels_of: str,
    seed: int,
    out: Path,
    data: dict[str, Job],
) -> Experiment:
    chosen = study.pretraining(name)
    on = "all"
    if chosen.dataset == NATURAL and study.phantom is not None:
        labels: tuple[str, ...] = LABELS
        where, needs = natural_data(study.phantom, chosen.release_seed, out, data)
    else:
        findings = label_set(chosen.dataset)
        if chosen.labels == "target":
            wanted = label_set(target, labels_of)
            findings = tuple(finding for finding in wanted if finding in findings)
            on = _labels_name(findings, target, labels_of)
        labels = tuple(NAMES[finding] for finding in findings)
        where, needs = prepared_data(study, chosen.dataset, "paper", chosen.release_seed, out, data)
    own_id = f"{chosen.dataset}-{on}-pretraining_{chosen.name}-s{seed}"
    changes = (("data", where), ("labels", labels), ("seed", seed))
    return Experiment(
        id=own_id,
        dataset=chosen.dataset,
        label_set=on,
        initialization=f"pretraining_{chosen.name}",
        seed=seed,
        labels=labels,
        config=chosen.config,
        overrides=(*changes, *_settings(study, chosen)),
        directory=out / "runs" / own_id,
        data=where,
        needs=needs,
        spec=chosen.spec,
        data_misfit=partial(misfit_of_made, data, needs),
    )


def _settings(study: Study, chosen: Initialization | Pretraining) -> Overrides:
    return tuple((dict(study.overrides) | dict(chosen.overrides)).items())


def _labels_name(findings: tuple[str, ...], target: str, labels_of: str) -> str:
    """Name a set of findings after the first dataset that shares just these with MIMIC-CXR."""
    for dataset in DATASETS:
        if findings == MIMIC_TRANSFER.get(dataset):
            return f"mimic_transfer_{dataset}"
    return f"{labels_of}_{target}"
