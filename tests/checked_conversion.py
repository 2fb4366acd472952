"""A checkpoint converted as a user would, and what its verification found."""

from convert.importing import import_checkpoint
from convert.sources import open_source
from convert.verifying import GRADIENT_TOLERANCE, TOLERANCE, verify
from jaxcxr.model import write_weights


def import_file(file, out, **options):
    """Write the weights file of a checkpoint; give what was imported."""
    with open_source(file) as source:
        imported = import_checkpoint(source, name=file.name, **options)
    write_weights(out, imported.spec, imported.tensors, imported.provenance)
    return imported


def verify_file(file, out, image_size):
    """Compare a weights file with the PyTorch model of its checkpoint."""
    with open_source(file) as source:
        return verify(out, source, name=file.name, image_size=image_size)


def assert_parity(parity):
    """Each stage and each gradient is within the tolerances of `convert verify`."""
    for found in parity.forward:
        assert found.relative <= TOLERANCE, found
    for found in parity.gradients:
        assert found.relative <= GRADIENT_TOLERANCE, found
    assert parity.passed and parity.first_failure is None
