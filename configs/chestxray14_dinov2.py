"""ChestX-ray14 from DINOv2.

python -m jaxcxr.main --config=configs/chestxray14_dinov2.py --workdir=runs/chestxray14_dinov2
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "data/chestxray14"
    config.model.weights = "weights/dinov2_vitb14.safetensors"
    return config
