r"""UKA-CXR from ImageNet-21K: ViT-B/16, supervised on natural images.

    python -m jaxcxr.main --config=configs/uka_cxr_imagenet21k.py \
        --workdir=runs/uka_cxr_imagenet21k

The paper's mean AUC: 89.45 +- 3.62 % (Table 4; the spread is over labels and redraws together).
An epoch: 153,537 images x 105 GFLOP = 16.1 PFLOP, 41 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/uka_cxr"
    config.model.weights = "weights/vit_base_patch16_224.augreg_in21k.safetensors"
    return config
