"""VinDr-CXR from DINOv2: ViT-B/14, self-supervised on natural images.

    python -m jaxcxr.main --config=configs/vindr_cxr_dinov2.py --workdir=runs/vindr_cxr_dinov2

The paper's mean AUC: 88.92 +- 4.59 % (Table 4; the spread is over labels and redraws together).
An epoch: 15,000 images x 139 GFLOP = 2.1 PFLOP, 5 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/vindr_cxr"
    config.model.weights = "weights/dinov2_vitb14.safetensors"
    return config
