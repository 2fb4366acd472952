"""A small ConvNeXt for phantom radiographs, trained from random weights in a minute or so.

    python -m jaxcxr.main --config=configs/demo_convnext.py --workdir=DIR [--config.data=PREPARED]

`configs/demo.py` with a network of convolutions in the transformer's place.
"""

from ml_collections import ConfigDict

from configs import demo


def get_config():
    config = demo.get_config()
    config.model.spec = ConfigDict(
        {
            "architecture": "convnext",
            "widths": (24, 48),
            "depths": (1, 1),
            "patch_size": 8,
            "native_image_size": 96,
            "pixel_mean": (0.5, 0.5, 0.5),
            "pixel_std": (0.25, 0.25, 0.25),
        }
    )
    return config
