r"""MIMIC-CXR from ImageNet-21K: ViT-B/16, supervised on natural images.

    python -m jaxcxr.main --config=configs/mimic_cxr_imagenet21k.py \
        --workdir=runs/mimic_cxr_imagenet21k

This is also the study's pre-training on MIMIC-CXR: the weights that it leaves,
runs/mimic_cxr_imagenet21k/model.safetensors, are where configs/DATASET_mimic.py start.

The paper's mean AUC: 79.92 +- 6.35 % (Table 4; the spread is over labels and redraws together).
An epoch: 170,153 images x 105 GFLOP = 17.9 PFLOP, 45 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/mimic_cxr"
    config.model.weights = "weights/vit_base_patch16_224.augreg_in21k.safetensors"
    return config
