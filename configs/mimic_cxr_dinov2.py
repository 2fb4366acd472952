"""MIMIC-CXR from DINOv2: ViT-B/14, self-supervised on natural images.

    python -m jaxcxr.main --config=configs/mimic_cxr_dinov2.py --workdir=runs/mimic_cxr_dinov2

The paper's mean AUC: 80.52 +- 6.17 % (Table 4; the spread is over labels and redraws together).
An epoch: 170,153 images x 139 GFLOP = 23.7 PFLOP, 60 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/mimic_cxr"
    config.model.weights = "weights/dinov2_vitb14.safetensors"
    return config
