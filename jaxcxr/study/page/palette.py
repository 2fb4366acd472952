"""The page's colours, for light and for dark."""

from __future__ import annotations

# Each pair of text and ground that `tests/jaxcxr/study/test_page.py` lists keeps WCAG AA.
PALETTE = {
    "ground": ("#ffffff", "#11151b"),
    "raised": ("#f4f6f8", "#1a2029"),
    "ink": ("#1a212b", "#e6e9ee"),
    "muted": ("#56606e", "#a2adbb"),
    "line": ("#d9dee5", "#303946"),
    "strong-line": ("#7b8694", "#6f7c8c"),
    "link": ("#14529f", "#8ebdf6"),
    "first": ("#1f5fa8", "#7fb5f3"),
    "second": ("#a5501a", "#f0a36c"),
    "notice": ("#fdf1d3", "#382e12"),
    "notice-ink": ("#553f00", "#f5dd9f"),
}


def variables(theme: int) -> str:
    """CSS custom properties of the light (0) or the dark (1) theme."""
    return " ".join(f"--{name}: {colors[theme]};" for name, colors in PALETTE.items())
