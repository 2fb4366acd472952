"""UKA-CXR from DINOv2: ViT-B/14, self-supervised on natural images.

    python -m jaxcxr.main --config=configs/uka_cxr_dinov2.py --workdir=runs/uka_cxr_dinov2

The paper's mean AUC: 89.74 +- 3.57 % (Table 4; the spread is over labels and redraws together).
An epoch: 153,537 images x 139 GFLOP = 21.3 PFLOP, 54 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/uka_cxr"
    config.model.weights = "weights/dinov2_vitb14.safetensors"
    return config
