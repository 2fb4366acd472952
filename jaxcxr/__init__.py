"""Fine-tune vision transformers on chest radiographs in JAX, and defend every number."""

__version__ = "0.1.0"
