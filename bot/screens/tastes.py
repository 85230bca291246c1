"""Country and session of a delivered proxy, chosen by buttons."""

from __future__ import annotations

from bot.callbacks import MakeLines, PickCountry, ShowFormats, ShowTaste
from bot.domain.formats import Formatting
from bot.domain.orders import Credentials, Order, Proxy
from bot.domain.tastes import ANY, MOST_MADE, Grammar, Taste
from bot.i18n import Joined, Text, Texts, lines, paragraphs
from bot.screens.base import (
    MOST_NAME,
    Button,
    Screen,
    Style,
    bought,
    grid,
    kept_ways_out,
    page_of,
    pager,
    short,
    ways_out,
)
from bot.screens.delivery import listing

COUNTRIES = (
    ANY, "us", "gb", "de", "fr", "nl", "ca", "au",
    "it", "es", "pl", "ua", "tr", "br", "mx", "ar",
    "in", "id", "vn", "ph", "jp", "kr", "sg", "ae",
)  # fmt: skip
"""Those that are asked for most; any other one can be typed."""
COUNTRIES_SHOWN = 6
COUNTS = (1, 10, MOST_MADE)


def taste(t: Texts, order: Order, proxy: Proxy, grammar: Grammar, chosen: Taste) -> Screen:
    """What is chosen so far, and what can be chosen."""
    country = PickCountry(order=order.id, minutes=chosen.minutes, page=0)
    counts = COUNTS if chosen.minutes else ()
    return Screen(
        paragraphs(
            lines(t("<b>Order #{order}: country and session</b>", order=order.id),
                  bought(t, order)),
            _told(t, proxy, grammar, chosen),
            t("Both are written into the username. What was delivered goes on working as it is."),
            _warning(t, order),
        ),
        (
            (Button(t("🌍 Country"), country),),
            *grid([_length(t, order, chosen, minutes) for minutes in (0, *grammar.lengths)]),
            *grid([_lines(t, order, chosen, count) for count in counts]),
            (
                Button(
                    t("✨ Make it"),
                    MakeLines(order=order.id, country=chosen.country, minutes=chosen.minutes,
                              lines=chosen.lines),
                    Style.PRIMARY,
                ),
            ),
            ways_out(t, ShowFormats(order=order.id)),
        ),
    )  # fmt: skip


def countries(
    t: Texts, order: Order, minutes: int, asked: int, *, is_refused: bool = False
) -> Screen:
    """Pick a country or type one; `is_refused`: what was typed was none."""
    page = page_of(COUNTRIES, asked, COUNTRIES_SHOWN)
    return Screen(
        paragraphs(
            t("<b>This is not a country.</b>") if is_refused else t("<b>Country</b>"),
            t("Pick one, or send its two letters, such as SE."),
        ),
        (
            *grid(
                [
                    Button(
                        _flag(t, code),
                        ShowTaste(order=order.id, country=code, minutes=minutes, lines=1),
                    )
                    for code in page.shown
                ]
            ),
            *pager(
                t,
                page.number,
                page.count,
                lambda number: PickCountry(order=order.id, minutes=minutes, page=number),
            ),
            ways_out(t, ShowTaste(order=order.id, country="", minutes=minutes, lines=1)),
        ),
        asks=PickCountry(order=order.id, minutes=minutes, page=page.number),
    )


def made(
    t: Texts,
    order: Order,
    delivered: Proxy,
    grammar: Grammar,
    chosen: Taste,
    proxies: tuple[Proxy, ...],
    formatting: Formatting,
) -> Screen:
    """The proxies to this taste, in a message that stays."""
    body, copies, attached = listing(t, order, Credentials(proxies), formatting)
    again = ShowTaste(
        order=order.id, country=chosen.country, minutes=chosen.minutes, lines=chosen.lines
    )
    return Screen(
        paragraphs(
            lines(t("<b>Order #{order}: country and session</b>", order=order.id),
                  bought(t, order)),
            _told(t, delivered, grammar, chosen),
            body,
            _warning(t, order),
        ),
        (*copies, (Button(t("🌍 Choose again"), again),), kept_ways_out(t)),
        kept=True,
        attached=attached,
    )  # fmt: skip


def _told(t: Texts, proxy: Proxy, grammar: Grammar, chosen: Taste) -> Joined:
    now = grammar.country_of(proxy.username)
    if chosen.country:
        country = t("Country: {country}", country=_flag(t, chosen.country))
    elif now:
        country = t("Country: {country}, as delivered", country=short(now.upper(), MOST_NAME))
    else:
        country = t("Country: as delivered")
    if not chosen.minutes:
        return lines(country, t("Exit: a new one for each request"))
    return lines(
        country,
        t("Exit: the same one for {time}", time=_time(t, chosen.minutes)),
        t("Lines: {n}, each with an exit of its own", n=chosen.lines)
        if chosen.lines > 1
        else None,
    )


def _warning(t: Texts, order: Order) -> Text:
    return t(
        "{provider} decides: it may have no exit there, or end a session early.",
        provider=short(order.provider_name, MOST_NAME),
    )


def _length(t: Texts, order: Order, chosen: Taste, minutes: int) -> Button:
    label = _time(t, minutes) if minutes else t("New each time")
    does = ShowTaste(
        order=order.id,
        country=chosen.country,
        minutes=minutes,
        lines=chosen.lines if minutes else 1,
    )
    return Button(_marked(t, label, is_chosen=minutes == chosen.minutes), does)


def _lines(t: Texts, order: Order, chosen: Taste, count: int) -> Button:
    label = t.n("{n} line", "{n} lines", n=count)
    does = ShowTaste(order=order.id, country=chosen.country, minutes=chosen.minutes, lines=count)
    return Button(_marked(t, label, is_chosen=count == chosen.lines), does)


def _marked(t: Texts, label: Text, *, is_chosen: bool) -> Text:
    return t("✅ {choice}", choice=label) if is_chosen else label


def _time(t: Texts, minutes: int) -> Text:
    return t("{n} h", n=minutes // 60) if minutes % 60 == 0 else t("{n} min", n=minutes)


def _flag(t: Texts, code: str) -> Text:
    if code == ANY:
        return t("🌐 Any")
    flag = "".join(chr(0x1F1E6 + ord(letter) - ord("a")) for letter in code)
    return t("{flag} {country}", flag=flag, country=code.upper())
