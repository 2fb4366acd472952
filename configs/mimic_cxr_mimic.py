"""MIMIC-CXR from MIMIC-CXR: the pre-trained model trained on, head and all.

    python -m jaxcxr.main --config=configs/mimic_cxr_mimic.py --workdir=runs/mimic_cxr_mimic

The paper has no such number: there the pre-trained model is itself the one of Table 4
(79.92 +- 6.35 %). It closes the grid of datasets and initializations, as a control.
An epoch: 170,153 images x 105 GFLOP = 17.9 PFLOP, 45 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/mimic_cxr"
    config.model.weights = "runs/mimic_cxr_imagenet21k/model.safetensors"
    config.model.head = "keep"
    return config
