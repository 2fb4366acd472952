"""UKA-CXR from MIMIC-CXR: ViT-B/16, supervised on radiographs, on the labels that both have.

    python -m jaxcxr.main --config=configs/uka_cxr_mimic.py --workdir=runs/uka_cxr_mimic

First make its weights, configs/mimic_cxr_imagenet21k.py, and its data: these labels are not those
that `prepare` stores by default. As in the study the head comes along.

    python -m input_pipeline prepare uka_cxr --raw-dir raw/uka_cxr --label-set mimic_transfer \
        --out-dir data/uka_cxr_mimic_transfer

The paper's mean AUC on these labels: 88.32 % (Table 5).
An epoch: 153,537 images x 105 GFLOP = 16.1 PFLOP, 41 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from input_pipeline.labels import MIMIC_TRANSFER, NAMES
from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/uka_cxr_mimic_transfer"
    config.labels = tuple(NAMES[finding] for finding in MIMIC_TRANSFER["uka_cxr"])
    config.model.weights = "runs/mimic_cxr_imagenet21k/model.safetensors"
    config.model.head = "keep"
    return config
