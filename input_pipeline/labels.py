"""The one vocabulary of findings: a stable id for each, its name in the paper, and who uses which.

Ids are snake_case and never change; the names are those of Table 3 (and of Table 2 for findings
that the study counts and does not train on). The order of a label set is the study's own order,
so that a head trained on one list can be loaded beside a head trained on the same list.
"""

from __future__ import annotations

from jaxcxr.errors import InputError

STUDIED = (
    "vindr_cxr",
    "chestxray14",
    "chexpert",
    "mimic_cxr",
    "uka_cxr",
    "padchest",
)  # the paper's
DATASETS = (*STUDIED, "vindr_pcxr")  # and its follow-up's, arXiv 2510.07191
WITHOUT_PATIENTS = ("vindr_cxr", "vindr_pcxr")  # each image is split for itself

PAPER_DATASETS = {
    "vindr_cxr": "VinDr-CXR",
    "chestxray14": "ChestX-ray14",
    "chexpert": "CheXpert",
    "mimic_cxr": "MIMIC-CXR",
    "uka_cxr": "UKA-CXR",
    "padchest": "PadChest",
    "vindr_pcxr": "VinDr-PCXR",
}

NAMES = {
    # Trained on in at least one dataset (Table 3).
    "cardiomegaly": "Cardiomegaly",
    "pleural_effusion": "Pleural effusion",
    "pneumonia": "Pneumonia",
    "atelectasis": "Atelectasis",
    "no_finding": "No finding (healthy)",
    "consolidation": "Consolidation",
    "pneumothorax": "Pneumothorax",
    "pleural_thickening": "Pleural thickening",
    "lung_opacity": "Lung opacity",
    "pulmonary_fibrosis": "Fibrosis",
    "nodule_mass": "Nodule/Mass",
    "lung_lesion": "Lung lesion",
    "fracture": "Fracture",
    "emphysema": "Emphysema",
    "hernia": "Hernia",
    "edema": "Edema",
    "nodule": "Nodule",
    "mass": "Mass",
    "scoliosis": "Scoliosis",
    "congestion": "Congestion",
    "aortic_elongation": "Aortic elongation",
    "kyphosis": "Kyphosis",
    "copd": "COPD",
    "infiltrates": "Infiltrates",
    "pleural_effusion_right": "Pleural effusion right",
    "pleural_effusion_left": "Pleural effusion left",
    "pneumonia_right": "Pneumonia right",
    "pneumonia_left": "Pneumonia left",
    "atelectasis_right": "Atelectasis right",
    "atelectasis_left": "Atelectasis left",
    # Counted in Table 2 and not trained on.
    "air_trapping": "Air trapping",
    "aortic_enlargement": "Aortic enlargement",
    "bronchiectasis": "Bronchiectasis",
    "calcification": "Calcification",
    "cavitation": "Cavitation",
    "chronic_changes": "Chronic changes",
    "enlarged_cardiomediastinum": "Enlarged cardiomediastinum",
    "enlarged_pulmonary_artery": "Enlarged pulmonary artery",
    "interstitial_lung_disease": "Interstitial lung disease",
    "lung_cavity": "Lung cavity",
    "lung_cyst": "Lung cyst",
    "lung_tumor": "Lung tumor",
    "mediastinal_shift": "Mediastinal shift",
    "pacemaker": "Pacemaker",
    "pleural_other": "Pleural other",
    "sternotomy": "Sternotomy",
    "support_devices": "Support devices",
    "tuberculosis": "Tuberculosis",
    "volume_loss": "Volume loss",
    # In the release of UKA-CXR and in neither table.
    "pneumothorax_right": "Pneumothorax right",
    "pneumothorax_left": "Pneumothorax left",
    # Children's, in VinDr-PCXR alone.
    "bronchitis_bronchiolitis": "Bronchitis/Bronchiolitis",
    "bronchitis": "Bronchitis",
    "bronchiolitis": "Bronchiolitis",
    "bronchopneumonia": "Bronchopneumonia",
    "pleuropneumonia": "Pleuropneumonia",
    "mediastinal_tumor": "Mediastinal tumor",
    "congenital_emphysema": "Congenital emphysema",
    "cpam": "CPAM",
    "hyaline_membrane_disease": "Hyaline membrane disease",
    "diaphragmatic_hernia": "Diaphragmatic hernia",
    "situs_inversus": "Situs inversus",
}

# Table 2 spells two findings otherwise than Table 3 (or than English) does.
TABLE2_NAMES = {
    "pulmonary_fibrosis": "Pulmonary fibrosis",
    "enlarged_cardiomediastinum": "Enlarged cardiomedastinum",
}

_SEVEN = (
    "cardiomegaly",
    "pleural_effusion",
    "pneumonia",
    "atelectasis",
    "no_finding",
    "consolidation",
    "pneumothorax",
)
_CHEXPERT = (*_SEVEN, "lung_opacity", "lung_lesion", "fracture")

# Table 3, each list in the order of the study's own loaders.
TRAINED = {
    "vindr_cxr": (
        *_SEVEN,
        "pleural_thickening",
        "lung_opacity",
        "pulmonary_fibrosis",
        "nodule_mass",
    ),
    "chestxray14": (
        *_SEVEN,
        "pulmonary_fibrosis",
        "emphysema",
        "hernia",
        "pleural_thickening",
        "edema",
        "nodule",
        "mass",
    ),
    "chexpert": _CHEXPERT,
    "mimic_cxr": _CHEXPERT,
    "uka_cxr": (
        "cardiomegaly",
        "congestion",
        "pleural_effusion_right",
        "pleural_effusion_left",
        "pneumonia_right",
        "pneumonia_left",
        "atelectasis_right",
        "atelectasis_left",
        "no_finding",
    ),
    "padchest": (
        *_SEVEN,
        "emphysema",
        "hernia",
        "scoliosis",
        "congestion",
        "aortic_elongation",
        "kyphosis",
        "copd",
        "pleural_thickening",
        "nodule_mass",
        "infiltrates",
    ),
    # The follow-up study's.
    "vindr_pcxr": ("no_finding", "pneumonia", "bronchitis_bronchiolitis"),
}

# What a model trained on MIMIC-CXR and one trained on each dataset share (Table 5). UKA-CXR's
# sides are merged there: right or left.
MIMIC_TRANSFER = {
    "vindr_cxr": (*_SEVEN, "lung_opacity"),
    "chestxray14": _SEVEN,
    "chexpert": _CHEXPERT,
    "uka_cxr": ("cardiomegaly", "pleural_effusion", "pneumonia", "atelectasis", "no_finding"),
    "padchest": _SEVEN,
}

SIDES = ("right", "left")
_IDS_BY_NAME = {name: finding for finding, name in NAMES.items()}


def declare(dataset: str, title: str, labels: dict[str, str]) -> None:
    """Make a dataset known that a declaration describes, for as long as this process runs.

    Args:
        dataset: its name.
        title: in tables and on pages.
        labels: names by finding id, in order; a label of its own is its own id.

    Raises:
        InputError: the name is taken, by a dataset of another title or other labels.
    """
    taken = dataset in (*DATASETS, "table", "natural")
    if taken or TRAINED.get(dataset, tuple(labels)) != tuple(labels):
        raise InputError(f"the name {dataset!r} is another dataset's; give the declaration its own")
    if PAPER_DATASETS.get(dataset, title) != title:
        raise InputError(f"dataset {dataset!r} is titled in two ways, {title!r} is one of them")
    PAPER_DATASETS[dataset] = title
    TRAINED[dataset] = tuple(labels)
    NAMES.update(labels)
    for finding in map(without_side, labels):  # of a label of one's own
        NAMES.setdefault(finding, finding)
    _IDS_BY_NAME.update({name: finding for finding, name in labels.items()})


def finding_id(name: str) -> str:
    """The stable id of a finding given by its id or by its name in the paper."""
    if name in NAMES:
        return name
    if name in _IDS_BY_NAME:
        return _IDS_BY_NAME[name]
    raise InputError(f"unknown finding {name!r}; known: {', '.join(NAMES.values())}")


def without_side(finding: str) -> str:
    """`pneumonia_right` -> `pneumonia`; a finding without a side is returned as it is.

    The id of a label of one's own is its name, `Opacity right`.
    """
    for side in SIDES:
        if finding.endswith((f"_{side}", f" {side}")):
            return finding[: -len(side) - 1]
    return finding


def label_set(dataset: str, name: str = "paper") -> tuple[str, ...]:
    """Finding ids of a dataset's label set, in the study's order.

    `name` is `paper` (Table 3; the declaration's of a dataset that has one), `mimic_transfer`
    (Table 5: what is shared with MIMIC-CXR), `merged_sides` (the first with right or left as one
    finding, as the follow-up study learns UKA-CXR), or the name of another dataset, which gives
    the findings both have (cross-dataset testing).

    Raises:
        InputError: if the dataset or the set is unknown.
    """
    if dataset not in TRAINED:
        raise InputError(f"unknown dataset {dataset!r}; known: {', '.join(TRAINED)}")
    if name == "paper":
        return TRAINED[dataset]
    if name == "merged_sides":
        return tuple(dict.fromkeys(map(without_side, TRAINED[dataset])))
    if name == "mimic_transfer" and dataset == "mimic_cxr":
        return TRAINED[dataset]
    if name == "mimic_transfer":
        return MIMIC_TRANSFER.get(dataset) or shared(dataset, "mimic_cxr")
    if name in TRAINED:
        return shared(dataset, name)
    raise InputError(
        f"unknown label set {name!r}; use paper, mimic_transfer, merged_sides, or the name of a "
        "dataset"
    )


def shared(first: str, second: str) -> tuple[str, ...]:
    """Findings that both datasets' Table 3 sets have, in the order of the first.

    Where only one of the two tells right from left, or a nodule from a mass, the coarser finding
    is the shared one.
    """
    theirs = TRAINED[second]
    theirs_coarse = {_coarse(finding) for finding in theirs}
    both = [
        finding if finding in theirs else _coarse(finding)
        for finding in TRAINED[first]
        if _coarse(finding) in theirs_coarse
    ]
    return tuple(dict.fromkeys(both))


def _coarse(finding: str) -> str:
    return "nodule_mass" if finding in ("nodule", "mass") else without_side(finding)
