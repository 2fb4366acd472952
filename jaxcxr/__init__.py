"""Fine-tune vision transformers on chest radiographs in JAX, and defend every number."""

from jaxcxr.interrupts import guard_start

__version__ = "0.1.0"

guard_start()
