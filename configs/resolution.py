r"""One training of the follow-up study (arXiv 2510.07191): any dataset, weights and image size.

    python -m jaxcxr.main --config=configs/resolution.py --workdir=runs/vindr_cxr_dinov3_512 \
        --config.data=data/vindr_cxr_512 --config.image_size=512 \
        --config.model.weights=weights/dinov3_vitb16.safetensors \
        --config.model.pooling=mean_tokens

`configs/study/resolution.py` runs all of them with the weights and heads of each. Everything else
is the first study's recipe: pixels in [0, 1], learning rate 1e-5, flip and +-7 degrees. No weight
decay: AdamW without it is Adam.
An epoch of VinDr-CXR from DINOv3: 15,000 images x 642 GFLOP at 512 px = 9.6 PFLOP, 24 s on one H100
at 40 % of its bf16 peak (`--config.dtype=bfloat16`); at 224 px 1.6 PFLOP.
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/vindr_cxr"
    config.model.weights = "weights/dinov3_vitb16.safetensors"
    return config
