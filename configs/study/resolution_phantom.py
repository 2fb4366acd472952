"""The follow-up study small, on phantom releases: every arm of configs/study/resolution.py.

    python -m jaxcxr.study --study=configs/study/resolution_phantom.py \
        --out studies/resolution_phantom

A small ViT and a small ConvNeXt, each from natural-like pictures and from nothing, at 48 and 96
pixels on two datasets; LoRA, wrong labels and external tests besides. Expect 10 to 15 minutes on
two cores. Phantoms are drawings: these numbers say that the machinery works, and nothing of
radiographs.
"""

from input_pipeline.phantom.natural import NATURAL
from jaxcxr.study import (
    Grid,
    Initialization,
    Phantom,
    Pretraining,
    Study,
    Variant,
    image_sizes,
    label_noise,
)

CONFIG, CONVNEXT = "configs/demo.py", "configs/demo_convnext.py"
VITS = ("vit_natural", "vit_random")
SMALL, LARGE = 48, 96
PATCHES = (("model.spec.patch_size", 8), ("model.spec.native_image_size", SMALL))
PRETRAINED = ("model.init", "pretrained")
LONGER = (("epochs", 8), ("patience", 8))
LORA = Variant(
    "lora96",
    "LoRA, 96 px",
    trainable="lora",
    image_size=LARGE,
    datasets=("mimic_cxr",),
    overrides=(("learning_rate", 3e-3), ("lora_rank", 16)),
)


def get_study():
    return Study(
        name="resolution phantom",
        question=(
            "Do natural-like pictures and larger images make better classifiers of phantom "
            "radiographs?"
        ),
        paper="2510.07191",
        grids=(
            Grid(
                "paper",
                ("mimic_cxr", "chestxray14"),
                (*VITS, "convnext_natural", "convnext_random"),
                pairs=(
                    VITS,
                    ("convnext_natural", "convnext_random"),
                    ("convnext_natural", "vit_natural"),
                ),
                variants=(
                    *image_sizes(LARGE),
                    LORA,
                    *label_noise(20, 40, datasets=("chestxray14",), initializations=VITS),
                ),
                external=(("mimic_cxr", "chestxray14"),),
                margin=2.0,
            ),
        ),
        initializations=(
            Initialization(
                "vit_natural",
                "ViT, natural-like",
                CONFIG,
                "vit",
                overrides=(PRETRAINED, *PATCHES, ("model.pooling", "mean_tokens")),
            ),
            Initialization("vit_random", "ViT from scratch", CONFIG, overrides=PATCHES),
            Initialization(
                "convnext_natural", "ConvNeXt, natural-like", CONVNEXT, "convnext", (PRETRAINED,)
            ),
            Initialization("convnext_random", "ConvNeXt from scratch", CONVNEXT),
        ),
        pretrainings=(
            Pretraining("vit", NATURAL, CONFIG, "all", "new", (*PATCHES, *LONGER)),
            Pretraining("convnext", NATURAL, CONVNEXT, "all", "new", LONGER),
        ),
        phantom=Phantom(images=600, size=112, image_size=SMALL, natural_images=1200),
        overrides=(
            ("image_size", SMALL),
            ("epochs", 6),
            ("patience", 6),
            ("bootstrap_resamples", 100),
        ),
        resamples=300,
        examples=("Cardiomegaly",),
    )
