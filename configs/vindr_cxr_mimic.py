"""VinDr-CXR from MIMIC-CXR: ViT-B/16, supervised on radiographs, on the labels that both have.

    python -m jaxcxr.main --config=configs/vindr_cxr_mimic.py --workdir=runs/vindr_cxr_mimic

First make its weights: configs/mimic_cxr_imagenet21k.py. As in the study the head comes along.
The paper's mean AUC on these labels: 94.47 % (Table 5).
An epoch: 15,000 images x 105 GFLOP = 1.6 PFLOP, 4 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from input_pipeline.labels import MIMIC_TRANSFER, NAMES
from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/vindr_cxr"
    config.labels = tuple(NAMES[finding] for finding in MIMIC_TRANSFER["vindr_cxr"])
    config.model.weights = "runs/mimic_cxr_imagenet21k/model.safetensors"
    config.model.head = "keep"
    return config
