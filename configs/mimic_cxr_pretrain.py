"""MIMIC-CXR as pre-training: the study's third initialization, a ViT-B/16 from ImageNet-21K.

    python -m jaxcxr.main --config=configs/mimic_cxr_pretrain.py --workdir=runs/mimic_cxr_pretrain

The weights that it leaves, runs/mimic_cxr_pretrain/model.safetensors, are where
configs/{chestxray14,chexpert,padchest,uka_cxr,vindr_cxr}_mimic.py start.
The paper's mean AUC on MIMIC-CXR itself: 79.92 +- 6.35 % (Table 4).
An epoch: 170,153 images x 105 GFLOP = 17.9 PFLOP, 45 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`).
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/mimic_cxr"
    config.model.weights = "weights/vit_base_patch16_224.augreg_in21k.safetensors"
    return config
