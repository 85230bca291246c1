"""`python -m tests.gallery [page.html]`: write the texts anew, and a page to look at."""

from __future__ import annotations

import sys
from pathlib import Path

from bot.i18n import LANGUAGES, texts
from tests.gallery.page import page
from tests.gallery.rooms import ROOMS, TEXTS, text_of


def main(at: Path) -> None:
    """Write every room in every language beside this file, and all of them into one page."""
    for language in LANGUAGES:
        (TEXTS / language).mkdir(exist_ok=True)
        for room in ROOMS:
            (TEXTS / language / f"{room}.txt").write_text(text_of(room, texts(language)), "utf-8")
    at.write_text(page(), "utf-8")
    sys.stdout.write(f"look at {at.resolve().as_uri()}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "gallery.html"))
