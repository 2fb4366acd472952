r"""ChestX-ray14 from ImageNet-21K: ViT-B/16, supervised on natural images.

    python -m jaxcxr.main --config=configs/chestxray14_imagenet21k.py \
        --workdir=runs/chestxray14_imagenet21k

The paper's mean AUC: 79.10 +- 6.34 % (Table 4; the spread is over labels and redraws together).
An epoch: 86,524 images x 105 GFLOP = 9.1 PFLOP, 23 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/chestxray14"
    config.model.weights = "weights/vit_base_patch16_224.augreg_in21k.safetensors"
    return config
