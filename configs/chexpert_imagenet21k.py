r"""CheXpert from ImageNet-21K: ViT-B/16, supervised on natural images.

    python -m jaxcxr.main --config=configs/chexpert_imagenet21k.py \
        --workdir=runs/chexpert_imagenet21k

The paper's mean AUC: 79.56 +- 6.51 % (Table 4; the spread is over labels and redraws together).
An epoch: 128,356 images x 105 GFLOP = 13.5 PFLOP, 34 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/chexpert"
    config.model.weights = "weights/vit_base_patch16_224.augreg_in21k.safetensors"
    return config
