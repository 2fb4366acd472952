"""The study of arXiv 2308.07688: six datasets, three initializations, Tables 4, 5 and S1 to S6.

    python -m jaxcxr.study --study=configs/study/paper.py --out studies/paper [--dry-run]

Needs data/DATASET for each dataset and weights/ as each config in configs/ says, and, for the
labels that UKA-CXR shares with MIMIC-CXR, a second preparation of it:

    python -m input_pipeline prepare uka_cxr --raw-dir raw/uka_cxr \
        --label-set mimic_transfer --out-dir data/uka_cxr_mimic_transfer

As in the study one model is pre-trained on MIMIC-CXR for each set of shared labels, from
ImageNet-21K, and keeps its head. `Pretraining.labels`, `.head` and `.overrides` (`model.weights`
of DINOv2; `model.init` random) choose otherwise.

Three seeds each, where the paper had one: with one the report compares trained models only, and
says nothing of initializations. `--only '*-s0'` runs one of them. What it costs: `--dry-run`.
"""

from input_pipeline.labels import STUDIED
from jaxcxr.study import Grid, Initialization, Pretraining, Study

VIT_B = {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072}
VIT_B16 = tuple({**VIT_B, "patch_size": 16, "native_image_size": 224}.items())
VIT_B14 = tuple({**VIT_B, "patch_size": 14, "native_image_size": 518}.items())


def get_study():
    return Study(
        name="paper",
        question=(
            "Do self-supervised weights of natural images (DINOv2) make better classifiers of "
            "chest radiographs than supervised ones (ImageNet-21K, MIMIC-CXR)?"
        ),
        grids=(
            Grid("paper", STUDIED, ("dinov2", "imagenet21k")),
            Grid(
                "mimic_transfer",
                tuple(name for name in STUDIED if name != "mimic_cxr"),
                ("dinov2", "mimic"),
            ),
        ),
        initializations=(
            Initialization("dinov2", "DINOv2", "configs/{dataset}_dinov2.py", spec=VIT_B14),
            Initialization(
                "imagenet21k", "ImageNet-21K", "configs/{dataset}_imagenet21k.py", spec=VIT_B16
            ),
            Initialization(
                "mimic", "MIMIC-CXR", "configs/{dataset}_mimic.py", pretraining="from_imagenet21k"
            ),
        ),
        pretrainings=(
            Pretraining(
                "from_imagenet21k", "mimic_cxr", "configs/mimic_cxr_imagenet21k.py", spec=VIT_B16
            ),
        ),
        seeds=(0, 1, 2),
    )
