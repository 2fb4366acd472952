"""What a converted file says of where its weights come from."""

import hashlib
import re

from convert.importing import import_checkpoint
from convert.sources import open_source


def test_provenance_tells_where_weights_come_from(tmp_path, checkpoint_file):
    file = checkpoint_file("dinov2")
    with open_source(file) as source:
        imported = import_checkpoint(source, name="w.pth", rule="size", image_size=56)
    provenance = imported.provenance
    assert provenance["source_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert provenance["resample_rule"] == imported.spec.resample_rule == "size"
    assert provenance["resampled"] == {"from": 98, "to": 56}
    assert provenance["layout"] == "dinov2"
    assert provenance["source"] == "w.pth"
    assert provenance["tool"].startswith("jaxcxr ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", provenance["date"])
