"""The follow-up study, arXiv 2510.07191: newer weights and larger images on seven datasets.

    python -m jaxcxr.study --study=configs/study/resolution.py --out studies/resolution [--dry-run]

Needs data/DATASET at 224 pixels a side for each dataset, and for the larger images

    python -m input_pipeline prepare chestxray14 --raw-dir raw/chestxray14 \
        --image-size 512 --out-dir data/chestxray14_512

as well (1,024 pixels: data/DATASET_1024 of three datasets). UKA-CXR is learnt without sides, by
`--label-set merged_sides`, in data/uka_cxr_merged_sides and data/uka_cxr_merged_sides_512. Five
weights files in weights/ come from `python -m convert import` (docs/conversion.md).

70 trainings of the main grid, 15 at 1,024 pixels, 15 of LoRA and 12 with wrong labels, each with
three seeds, where the paper had one: `--only '*-s0'` runs one of them. What it costs: `--dry-run`.

ViTs read the mean of all tokens where they are DINO's, the class token where they are ImageNet's.
DINOv2 has patches of 14 pixels: of 512 it sees 36 x 36 patches and drops 8, as in the paper.
The paper's features of a frozen 7B model are not here: that checkpoint is not among those known.
"""

from configs.study.paper import VIT_B14, VIT_B16
from input_pipeline.labels import DATASETS
from jaxcxr.study import Grid, Initialization, Study, Variant, image_sizes, label_noise

CONFIG = "configs/resolution.py"
CONVNEXT_B = (
    ("architecture", "convnext"),
    ("widths", (128, 256, 512, 1024)),
    ("depths", (3, 3, 27, 3)),
)
VITS = ("dinov3", "dinov2", "imagenet21k")
ALL_TOKENS = ("model.pooling", "mean_tokens")
# Which maps LoRA adapts: of timm's ViT the fused one, of a ConvNeXt the pointwise convolutions.
QUERY_VALUE = ("lora_targets", ("attention/query", "attention/value"))
FUSED = ("lora_targets", ("attention/qkv",))
POINTWISE = ("lora_targets", ("mlp/fc1", "mlp/fc2"))
LORA = Variant(
    "lora512",
    "LoRA, 512 px",
    trainable="lora",
    image_size=512,
    datasets=("mimic_cxr", "chestxray14", "chexpert"),
    overrides=(
        *(("learning_rate", 1e-4), ("batch_size", 16)),
        *(("lora_rank", 16), ("lora_alpha", 32.0), ("lora_dropout", 0.05)),
    ),
)


def weights(name, file, title, spec, *overrides):
    path = ("model.weights", f"weights/{file}.safetensors")
    return Initialization(name, title, CONFIG, overrides=(path, *overrides), spec=spec)


def get_study():
    return Study(
        name="resolution",
        question=(
            "Do newer self-supervised weights (DINOv3) and larger images make better classifiers "
            "of chest radiographs?"
        ),
        paper="2510.07191",
        grids=(
            Grid(
                "merged_sides",
                DATASETS,
                (*VITS, "convnext_dinov3", "convnext_in22k"),
                pairs=(
                    ("dinov3", "dinov2"),
                    ("dinov3", "imagenet21k"),
                    ("convnext_dinov3", "convnext_in22k"),
                    ("convnext_dinov3", "dinov3"),
                ),
                variants=(
                    *image_sizes(512),
                    *image_sizes(1024, datasets=("vindr_pcxr", "chestxray14", "mimic_cxr")),
                    LORA,
                    *label_noise(*(10, 20, 30, 40), datasets=("vindr_cxr",), initializations=VITS),
                ),
                external=(("mimic_cxr", "chestxray14"), ("mimic_cxr", "chexpert")),
                margin=1.0,
            ),
        ),
        initializations=(
            weights("dinov3", "dinov3_vitb16", "DINOv3", VIT_B16, ALL_TOKENS, QUERY_VALUE),
            weights(
                *("dinov2", "dinov2_vitb14", "DINOv2", VIT_B14),
                *(("model.partial_patches", "drop"), ALL_TOKENS, QUERY_VALUE),
            ),
            weights(
                *("imagenet21k", "vit_base_patch16_224.augreg_in21k", "ImageNet-21K"),
                *(VIT_B16, FUSED),
            ),
            weights(
                *("convnext_dinov3", "dinov3_convnext_base", "ConvNeXt DINOv3"),
                *(CONVNEXT_B, POINTWISE),
            ),
            weights(
                *("convnext_in22k", "convnext_base.fb_in22k", "ConvNeXt ImageNet-22K"),
                *(CONVNEXT_B, POINTWISE),
            ),
        ),
        seeds=(0, 1, 2),
    )
