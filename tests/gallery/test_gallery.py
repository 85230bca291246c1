"""The gallery is complete, and what people read is what was looked at."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from typing import get_type_hints

import pytest

import bot.screens
from bot.i18n import LANGUAGES, texts
from bot.screens.base import Screen
from tests.gallery.rooms import ROOMS, TEXTS, text_of

EN = texts("en")


@pytest.mark.parametrize(
    "module", [module.name for module in pkgutil.iter_modules(bot.screens.__path__)]
)
def test_every_screen_hangs_in_the_gallery(module: str) -> None:
    code = import_module(f"bot.screens.{module}")
    drawing = {
        name
        for name, function in inspect.getmembers(code, inspect.isfunction)
        if function.__module__ == code.__name__
        and not name.startswith("_")
        and get_type_hints(function)["return"] is Screen
    }
    shown = {one.draws.__name__ for one in ROOMS[module](EN)} if module in ROOMS else set()

    assert drawing <= shown


@pytest.mark.parametrize("room", ROOMS)
def test_no_two_pictures_have_one_title(room: str) -> None:
    titles = [one.title for one in ROOMS[room](EN)]

    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("room", ROOMS)
def test_people_read_what_was_looked_at(room: str, language: str) -> None:
    kept = TEXTS / language / f"{room}.txt"

    assert text_of(room, texts(language)) == kept.read_text("utf-8"), (
        "if that is meant, write the gallery anew: python -m tests.gallery"
    )


def test_nothing_is_kept_of_a_room_that_is_gone() -> None:
    kept = {(file.parent.name, file.stem) for file in TEXTS.glob("*/*.txt")}

    assert kept == {(language, room) for language in LANGUAGES for room in ROOMS}
