"""An experiment of seconds, on the dataset of the fixture `tiny_data`."""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.image_size = 28
    config.model.init = "random"
    config.model.spec.update(
        {
            "patch_size": 7,
            "width": 32,
            "depth": 2,
            "heads": 2,
            "mlp_width": 64,
            "native_image_size": 28,
        }
    )
    config.flip, config.learning_rate, config.batch_size, config.epochs = False, 5e-3, 16, 4
    config.log_every, config.checkpoint_every, config.bootstrap_resamples = 3, 4, 200
    return config
