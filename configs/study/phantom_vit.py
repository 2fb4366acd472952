"""A small ViT for the cells of configs/study/phantom.py, trained for seconds on a CPU.

    python -m jaxcxr.main --config=configs/study/phantom_vit.py --workdir=DIR \
        --config.data=PREPARED --config.model.init=random
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.image_size = 56
    config.model.spec.update(
        {
            "patch_size": 8,
            "width": 64,
            "depth": 3,
            "heads": 4,
            "mlp_width": 256,
            "native_image_size": 56,
            "pixel_mean": (0.5, 0.5, 0.5),
            "pixel_std": (0.25, 0.25, 0.25),
        }
    )
    config.normalization = "weights"
    # The heart's side and the side of an effusion are part of what a phantom shows.
    config.flip = False
    config.learning_rate = 1e-3
    config.schedule = "cosine"
    config.warmup_steps = 20
    config.epochs = 8
    config.patience = 8
    config.log_every = 20
    config.checkpoint_every = 1000
    config.bootstrap_resamples = 200
    return config
