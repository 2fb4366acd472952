"""The demo: a small transformer from random weights on phantom radiographs, minutes on two cores.

    make demo

Expect a mean AUC of about 0.83 on the phantom test split. It shows that the whole road works, not
what a pre-trained model reaches on radiographs.
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "demo/prepared"
    config.image_size = 112
    config.model.init = "random"
    config.model.spec.update(
        {
            "patch_size": 16,
            "width": 128,
            "depth": 4,
            "heads": 4,
            "mlp_width": 512,
            "native_image_size": 112,
            "pixel_mean": (0.5, 0.5, 0.5),
            "pixel_std": (0.25, 0.25, 0.25),
        }
    )
    config.normalization = "weights"
    # The heart's side and the side of an effusion are part of what a phantom shows.
    config.flip = False
    config.learning_rate = 5e-4
    config.schedule = "cosine"
    config.warmup_steps = 50
    config.epochs = 40
    config.patience = 40
    config.log_every = 35
    config.checkpoint_every = 1000
    return config
