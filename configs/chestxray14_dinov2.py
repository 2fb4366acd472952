"""ChestX-ray14 from DINOv2: ViT-B/14, self-supervised on natural images.

    python -m jaxcxr.main --config=configs/chestxray14_dinov2.py --workdir=runs/chestxray14_dinov2

The paper's mean AUC: 79.79 +- 6.55 % (Table 4; the spread is over labels and redraws together).
An epoch: 86,524 images x 139 GFLOP = 12.0 PFLOP, 30 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/chestxray14"
    config.model.weights = "weights/dinov2_vitb14.safetensors"
    return config
