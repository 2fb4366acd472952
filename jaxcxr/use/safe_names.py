"""Names of files after what comes from outside: an image's id, a label."""

from __future__ import annotations

import hashlib
import re

_OTHERS = re.compile(r"[^A-Za-z0-9_.-]+")
LONGEST = 80  # characters of the text that are kept


def safe_name(text: str) -> str:
    """Name a file after a text: legible, of one folder, and another for each text.

    Whatever is no letter, digit, dot, hyphen or underscore becomes an underscore. The digest at the
    end keeps apart what would be named alike, such as `a/b` and `a_b`, or `A` and `a` where a file
    system takes them for one.
    """
    legible = _OTHERS.sub("_", text).strip("._-")[:LONGEST]
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{legible}-{digest}" if legible else digest
