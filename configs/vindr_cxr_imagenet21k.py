r"""VinDr-CXR from ImageNet-21K: ViT-B/16, supervised on natural images.

    python -m jaxcxr.main --config=configs/vindr_cxr_imagenet21k.py \
        --workdir=runs/vindr_cxr_imagenet21k

The paper's mean AUC: 86.38 +- 6.27 % (Table 4; the spread is over labels and redraws together).
An epoch: 15,000 images x 105 GFLOP = 1.6 PFLOP, 4 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/vindr_cxr"
    config.model.weights = "weights/vit_base_patch16_224.augreg_in21k.safetensors"
    return config
