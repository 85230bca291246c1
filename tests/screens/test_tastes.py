"""Country and session, as they are shown."""

from __future__ import annotations

from bot.domain.orders import Proxy
from bot.domain.tastes import GRAMMARS, Taste
from bot.screens import tastes
from tests.screens import EN, ORDER, labels

NODEMAVEN = GRAMMARS[0]
PROXY = Proxy("gate.nodemaven.com", 8080, "ann-country-us", "secret")


def test_what_is_chosen_is_marked_and_told() -> None:
    screen = tastes.taste(EN, ORDER, PROXY, NODEMAVEN, Taste("de", 60, 10))

    assert screen.text == (
        "<b>Order #42: country and session</b>\nNodeMaven · 1 GB\n\n"
        "Country: 🇩🇪 DE\n"
        "Exit: the same one for 1 h\n"
        "Lines: 10, each with an exit of its own\n\n"
        "Both are written into the username. What was delivered goes on working as it is.\n\n"
        "NodeMaven decides: it may have no exit there, or end a session early."
    )
    assert labels(screen) == [
        ["🌍 Country"],
        ["New each time", "10 min"],
        ["30 min", "✅ 1 h"],
        ["24 h"],
        ["1 line", "✅ 10 lines"],
        ["50 lines"],
        ["✨ Make it"],
        ["⬅️ Back", "🏠 Home"],
    ]


def test_without_a_session_there_is_nothing_to_count() -> None:
    screen = tastes.taste(EN, ORDER, PROXY, NODEMAVEN, Taste())

    assert "Country: US, as delivered\nExit: a new one for each request\n\n" in screen.text
    assert not any("line" in label for row in labels(screen) for label in row)


def test_countries_can_be_picked_or_typed() -> None:
    screen = tastes.countries(EN, ORDER, 10, 0)

    assert labels(screen)[:3] == [["🌐 Any", "🇺🇸 US"], ["🇬🇧 GB", "🇩🇪 DE"], ["🇫🇷 FR", "🇳🇱 NL"]]
    assert screen.asks is not None
    assert tastes.countries(EN, ORDER, 10, 0, is_refused=True).text.startswith(
        "<b>This is not a country.</b>"
    )
