"""The recipe to begin with, on any prepared dataset and any weights: never below its start.

    python -m jaxcxr.main --config=configs/recommended.py --workdir=DIR \\
      --config.data=PREPARED --config.model.weights=FILE

The head starts as a logistic regression on the frozen features (linear probing, then fine-tuning:
Kumar et al. 2022, arXiv 2202.10054), which is epoch 0 of those that the validation patients choose
from, by their loss. docs/recommended.md has the ablation that it comes from; the study's recipe is
`study_config`.
"""

from jaxcxr.config import study_config


def get_config():
    config = study_config()
    config.model.head = "probe"
    config.normalization = "weights"
    config.pos_weight = "none"
    config.learning_rate = 1e-5
    config.schedule = "cosine"
    config.warmup_steps = 10
    config.layer_decay = 0.75
    config.clip_norm = 1.0
    config.weight_decay = 0.01
    config.epochs = 10
    config.selection = "validation_loss"
    return config
