"""Promises about every route, button, question and refusal, so that no reader has to remember."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import Document, TelegramObject
from annotated_types import Le

import bot.screens
from bot import callbacks
from bot.app import Shop
from bot.callbacks import KEPT
from bot.demo.telegram import Telegram
from bot.domain import errors
from bot.domain.catalog import PlanId
from bot.domain.customers import Customer, ShopInfo
from bot.domain.errors import CustomerError
from bot.domain.formats import FileKind, Format
from bot.domain.money import usd
from bot.domain.orders import OrderId
from bot.domain.tastes import ANY
from bot.handlers import OWNERS, ROUTES, routes
from bot.handlers.introduction import commands, introduce, owner_commands
from bot.handlers.routes import Attached, Picked, Role, Route, Said, Tap, Typed
from bot.i18n import LANGUAGES, Texts, texts
from bot.screens import problems
from bot.screens.base import Answer, Later, Screen, Toast
from tests.telegram import ALICE, OLGA, bot_of

BUTTONS: tuple[type[CallbackData], ...] = tuple(
    named
    for named in vars(callbacks).values()
    if isinstance(named, type) and issubclass(named, CallbackData) and named is not CallbackData
)
LARGEST = 2**53
MOST_BYTES = 64

# The wire format: buttons with these payloads are in people's chats for ever. A line may be
# added, and none may be changed: a changed payload gets a new prefix.
WIRE = {
    "home": "",
    "browse": "page",
    "prov": "provider page",
    "plan": "plan again",
    "buyt": "plan quantity micros days title intent again",
    "buy": "plan micros intent again",
    "pcs": "plan quantity again",
    "pcsn": "plan again",
    "buyn": "plan quantity micros intent again",
    "buyd": "plan quantity micros days intent again",
    "subs": "",
    "subdone": "subscription sure",
    "help": "",
    "ask": "",
    "langs": "",
    "lang": "code",
    "orders": "before",
    "order": "order",
    "creds": "order part",
    "code": "order part",
    "fmts": "order",
    "fmt": "order format",
    "tmpl": "order",
    "file": "order kind",
    "qr": "order",
    "taste": "order country minutes lines",
    "land": "order minutes page",
    "make": "order country minutes lines",
    "test": "order",
    "exask": "order",
    "exdo": "order intent",
    "cancel": "order",
    "wrong": "order",
    "find": "",
    "found": "by value before",
    "usages": "before",
    "usage": "order",
    "ualert": "order",
    "ualset": "order percent",
    "uprov": "page",
    "uname": "provider",
    "wallet": "before",
    "shop": "",
    "sales": "on",
    "resume": "",
    "audit": "",
    "topfor": "customer",
    "confirm": "request",
    "drop": "request",
    "markup": "",
    "mhist": "before",
    "mback": "change",
    "plans": "page",
    "cost": "plan",
    "oplan": "plan",
    "days": "plan",
    "most": "plan",
    "title": "plan",
    "hide": "plan hidden",
    "planhist": "before",
    "inbox": "",
    "oorder": "order",
    "owallet": "customer before",
    "bind": "order",
    "bindto": "order upstream_order",
    "byhand": "order",
    "giveback": "order sure",
    "wait": "order",
    "refund": "order",
    "reply": "customer",
}
LONGEST_TEXT = {
    "intent": "f" * 16,
    "title": "f" * 6,
    "code": max(LANGUAGES, key=len),
    "format": max(Format, key=len),
    "kind": max(FileKind, key=len),
    "country": ANY,
    "by": "t",
    "value": "f" * 22,
}

REFUSALS: tuple[CustomerError, ...] = (
    errors.BadAmount("1,000"),
    errors.BadMarkup("lots"),
    errors.RuleHolds("NodeMaven", None),
    errors.CostHolds("ISP", usd("2")),
    errors.CostMoved("ISP", usd("2.40")),
    errors.BadCredentials(3),
    errors.DeliveredBefore(OrderId(12)),
    errors.WrongCount(2, 3),
    errors.BadQuantity(PlanId(1), 100),
    errors.InsufficientFunds(PlanId(1), usd("4"), usd("1")),
    errors.OverDebit(usd("1")),
    errors.PriceChanged(PlanId(1), usd("4")),
    errors.PlanChanged(PlanId(1)),
    errors.OfferGone(),
    errors.ShopClosed(),
    errors.TooManyOrders(),
    errors.JustBought(OrderId(1)),
    errors.NotFound(),
    errors.TooLate(),
    errors.TooSoon(5),
    errors.NoUsage(),
    errors.BlockedCustomer(),
)


def name_of(route: Route) -> str:
    match route:
        case Tap(payload):
            return f"tap {payload.__name__}"
        case Typed(prompt):
            return f"answer to {prompt.__name__}"
        case Said(command):
            return f"/{command}"
        case Attached(prompt):
            return f"file for {prompt.__name__}"
        case Picked():
            return "a picked person"


def payloads_of(route_kind: type[Tap] | type[Typed]) -> list[type[CallbackData]]:
    return [
        route.payload if isinstance(route, Tap) else route.prompt
        for route in ROUTES
        if isinstance(route, route_kind) and isinstance(route, Tap | Typed)
    ]


def fattest(payload: type[CallbackData]) -> CallbackData:
    """All numbers as large and all texts as long as they can be."""
    values: dict[str, object] = {}
    for name, field in payload.model_fields.items():
        match field.annotation:
            case kind if kind is int:
                bounds = [bound.le for bound in field.metadata if isinstance(bound, Le)]
                values[name] = bounds[0]
            case kind if kind is bool:
                values[name] = True
            case _:
                values[name] = LONGEST_TEXT[name]
    return payload(**values)


def test_every_button_leads_somewhere_and_to_one_place() -> None:
    answered = Counter(payloads_of(Tap))

    assert set(answered) == set(BUTTONS)
    assert [payload for payload, count in answered.items() if count > 1] == []


def test_every_question_has_its_answer() -> None:
    asked = set()
    for file in Path(bot.screens.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "asks":
                assert isinstance(node.value, ast.Call), f"{file.name}: asks={ast.dump(node)}"
                assert isinstance(node.value.func, ast.Name)
                asked.add(node.value.func.id)

    answered = Counter(payload.__name__ for payload in payloads_of(Typed))
    assert set(answered) == asked
    assert max(answered.values()) == 1


def test_every_command_leads_to_one_place() -> None:
    said = Counter(route.command for route in ROUTES if isinstance(route, Said))

    assert [command for command, count in said.items() if count > 1] == []


def test_every_prefix_is_used_once_and_none_looks_kept() -> None:
    prefixes = [payload.__prefix__ for payload in BUTTONS]

    assert len(set(prefixes)) == len(prefixes)
    assert not any(prefix.startswith(KEPT) for prefix in prefixes)


@pytest.mark.parametrize("payload", BUTTONS, ids=lambda payload: payload.__name__)
def test_the_wire_format_is_the_recorded_one(payload: type[CallbackData]) -> None:
    assert " ".join(payload.model_fields) == WIRE[payload.__prefix__]


@pytest.mark.parametrize("payload", BUTTONS, ids=lambda payload: payload.__name__)
def test_the_fattest_payload_fits_and_comes_back(payload: type[CallbackData]) -> None:
    packed = fattest(payload).pack()

    assert len((KEPT + packed).encode()) <= MOST_BYTES
    assert payload.unpack(packed) == fattest(payload)


@pytest.mark.parametrize("payload", BUTTONS, ids=lambda payload: payload.__name__)
@pytest.mark.parametrize("number", ["-1", "9007199254740993", "9" * 40, "1e3", "NaN", "x"])
def test_no_number_outside_our_own_gets_in(payload: type[CallbackData], number: str) -> None:
    kinds = [field.annotation for field in payload.model_fields.values()]
    parts = [number if kind is int else "1" for kind in kinds]
    if int not in kinds:
        return

    with pytest.raises((TypeError, ValueError)):
        payload.unpack(":".join([payload.__prefix__, *parts]))


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_handler_asks_for_something_that_exists(route: Route) -> None:
    parts: dict[str, Any] = {
        **_services(),
        "shop_info": ShopInfo,
        "t": Texts,
        "customer": Customer,
        "message_id": int | None,
    }
    match route:
        case Tap(payload):
            parts["callback_data"] = payload
        case Typed(prompt):
            parts |= {"prompt": prompt, "words": str}
        case Attached(prompt):
            parts |= {"prompt": prompt, "document": Document}
        case Said():
            parts["words"] = str
        case Picked():
            parts["picked"] = int
    handler = inspect.unwrap(route.handler)
    hints = get_type_hints(handler)
    event, *wanted = inspect.signature(handler).parameters

    assert issubclass(hints[event], TelegramObject)
    for name in wanted:
        kinds = set(get_args(hints[name])) or {hints[name]}
        needed = set(get_args(parts.get(name))) or {parts.get(name)}
        assert needed <= kinds, f"{name_of(route)} wants {name}: {hints[name]}"


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_handler_answers_with_something_that_can_be_shown(route: Route) -> None:
    given = get_type_hints(inspect.unwrap(route.handler))["return"]

    assert set(get_args(given) or (given,)) <= {Screen, Toast, Later, *get_args(Answer)}


@pytest.mark.parametrize("route", OWNERS, ids=name_of)
def test_every_owner_route_is_for_owners_only(route: Route) -> None:
    assert route.role is Role.OWNER


def test_only_owner_routes_are() -> None:
    others = [route for route in ROUTES if route not in OWNERS]

    assert [name_of(route) for route in others if route.role is not Role.ANYBODY] == []


def test_every_refusal_has_a_sample_here() -> None:
    known = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, CustomerError) and kind is not CustomerError
    }

    assert {type(refusal) for refusal in REFUSALS} == known


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
def test_every_refusal_has_its_words_and_a_way_out(refusal: CustomerError, language: str) -> None:
    t = texts(language)
    shown = problems.problem(t, refusal)

    assert shown.body.html() != problems.internal(t).body.html()
    assert shown.rows


def test_menus_offer_exactly_the_commands_there_are() -> None:
    t = texts("en")
    everybody = {r.command for r in ROUTES if isinstance(r, Said) and r.role is Role.ANYBODY}
    owners = {r.command for r in ROUTES if isinstance(r, Said) and r.role is Role.OWNER}

    assert set(commands(t)) == everybody
    assert set(owner_commands(t)) == owners


async def test_the_bot_introduces_itself_in_every_language() -> None:
    core = Telegram(people=[ALICE, OLGA])
    core.send(OLGA, "/start")

    await introduce(bot_of(core), [OLGA.id, 999])

    offered = [each["command"] for each in core.commands(ALICE)]
    assert offered == list(commands(texts("en")))
    assert "topup" in [each["command"] for each in core.commands(OLGA)]
    assert core.count("setMyDescription") == len(LANGUAGES)


async def test_a_description_that_the_owner_wrote_is_left_alone() -> None:
    core = Telegram(people=[ALICE])
    core.call("setMyDescription", {"description": "My shop"})

    await introduce(bot_of(core), [])

    assert core.call("getMyDescription").result == {"description": "My shop"}


def test_routes_can_be_made_more_than_once() -> None:
    assert routes() is not routes()


def _services() -> dict[str, Any]:
    """What `Shop.parts` hands out, by the names of its fields."""
    names = ast.parse(textwrap.dedent(inspect.getsource(Shop.parts)))
    given = {node.value for node in ast.walk(names) if isinstance(node, ast.Constant)}
    return {name: kind for name, kind in get_type_hints(Shop).items() if name in given}
