"""PadChest from DINOv2: ViT-B/14, self-supervised on natural images.

    python -m jaxcxr.main --config=configs/padchest_dinov2.py --workdir=runs/padchest_dinov2

The paper's mean AUC: 87.62 +- 4.86 % (Table 4; the spread is over labels and redraws together).
An epoch: 88,480 images x 139 GFLOP = 12.3 PFLOP, 31 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/padchest"
    config.model.weights = "weights/dinov2_vitb14.safetensors"
    return config
