"""A small transformer for phantom radiographs, trained from random weights in a minute or so.

    python -m jaxcxr.main --config=configs/demo.py --workdir=DIR [--config.data=PREPARED]

The data are those of `make demo`, unless given. The experiments of configs/study/demo.py and
configs/study/phantom.py are this experiment with other data and other starts. It shows that the
whole road works, not what a pre-trained model reaches on radiographs.
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "demo/prepared/padchest"
    config.image_size = 112
    config.model.init = "random"
    config.model.spec.update(
        {
            "patch_size": 16,
            "width": 96,
            "depth": 3,
            "heads": 3,
            "mlp_width": 384,
            "native_image_size": 112,
            "pixel_mean": (0.5, 0.5, 0.5),
            "pixel_std": (0.25, 0.25, 0.25),
        }
    )
    config.normalization = "weights"
    # The heart's side and the side of an effusion are part of what a phantom shows.
    config.flip = False
    config.learning_rate = 2e-3
    config.schedule = "cosine"
    config.warmup_steps = 50
    config.epochs = 30
    config.patience = 30
    config.log_every = 25
    config.checkpoint_every = 1000
    return config
