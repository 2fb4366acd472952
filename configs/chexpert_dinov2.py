"""CheXpert from DINOv2: ViT-B/14, self-supervised on natural images.

    python -m jaxcxr.main --config=configs/chexpert_dinov2.py --workdir=runs/chexpert_dinov2

The paper's mean AUC: 80.02 +- 6.60 % (Table 4; the spread is over labels and redraws together).
An epoch: 128,356 images x 139 GFLOP = 17.8 PFLOP, 45 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/chexpert"
    config.model.weights = "weights/dinov2_vitb14.safetensors"
    return config
