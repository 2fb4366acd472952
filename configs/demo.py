"""The demo: a small transformer from random weights on phantom radiographs, minutes on two cores.

    make demo

It shows that the whole road works, not what a pre-trained model reaches.
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.data = "demo/prepared"
    config.image_size = 112
    config.model.init = "random"
    config.model.spec.patch_size = 8
    config.model.spec.width = 96
    config.model.spec.depth = 4
    config.model.spec.heads = 4
    config.model.spec.mlp_width = 384
    config.model.spec.native_image_size = 112
    config.flip = False
    config.learning_rate = 1e-3
    config.schedule = "cosine"
    config.warmup_steps = 50
    config.epochs = 15
    config.selection = "validation_auc"
    return config
