"""Fine-tune vision transformers on chest radiographs in JAX, and defend every number."""

from jaxcxr import interrupts as interrupts  # first of all

__version__ = "0.1.0"
