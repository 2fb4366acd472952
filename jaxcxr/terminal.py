"""What a terminal shows: text from outside stays text.

The names of files and tensors, labels, image ids and provenance may hold rich's markup, escape
codes or line breaks, which would stop a command, colour its output or forge a line of it. So
everything is printed from here; figures and tables of a report are written through `plain` too.
"""

from __future__ import annotations

import sys
import time
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

# Controls, invisible and bidirectional marks, bytes that are no UTF-8, separators of lines, and
# what is no character (XML refuses some of these).
_HIDDEN = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # of Persian and Indian spelling


def plain(text: str) -> str:
    r"""Make visible in a text what would act on whatever shows it, as `\x1b`, on one line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN or character in _JOINERS:
        return character
    if "\udc80" <= character <= "\udcff":  # a byte of a file's name
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def say(text: object, *, error: bool = False) -> None:
    """Print one line, to the standard error if it is an `error`."""
    file = sys.stderr if error else sys.stdout
    line = plain(str(text))
    encoding = getattr(file, "encoding", None) or "utf-8"
    # A terminal of another encoding gets what it cannot show as numbers.
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=file, flush=True)


def console(**options: Any) -> Console:
    """Return a console of rich that takes no text for markup."""
    from rich.console import Console
    from rich.text import Text

    class PlainConsole(Console):
        def render_str(self, text: str, **kwargs: Any) -> Text:
            return super().render_str(plain(text), **kwargs)

    return PlainConsole(markup=False, emoji=False, **options)


def progress_of_images(doing: str) -> Progress:
    """Return a bar, on the standard error, that counts the images of what is being done."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TextColumn("images"))
    return progress_bar(*columns, TimeRemainingColumn(), console=console(stderr=True))


def progress_bar(*columns: Any, **options: Any) -> Progress:
    """Return a bar that is drawn by whoever moves it, ten times a second at most.

    Otherwise rich draws it in a thread, which imports whenever it draws. While TensorFlow Datasets
    is imported elsewhere that fails, and the thread ends in a traceback.
    """
    from rich.progress import Progress

    class Drawn(Progress):
        last = 0.0

        def advance(self, *moved: Any, **more: Any) -> None:
            super().advance(*moved, **more)
            self.draw()

        def update(self, *moved: Any, **more: Any) -> None:
            super().update(*moved, **more)
            self.draw()

        def draw(self) -> None:
            if time.monotonic() >= self.last + 0.1:
                self.last = time.monotonic()
                self.refresh()

    return Drawn(*columns, auto_refresh=False, **options)
