"""All rooms: one for each module of `bot/screens` that draws screens."""

from __future__ import annotations

from pathlib import Path

from bot.i18n import Texts
from tests.gallery import Room, Shown, customer, drawn, owner

TEXTS = Path(__file__).parent

ROOMS: dict[str, Room] = {
    "shop": customer.in_shop,
    "pieces": customer.of_pieces,
    "orders": customer.of_orders,
    "delivery": customer.of_delivery,
    "tastes": customer.of_tastes,
    "proofs": customer.of_proofs,
    "usage": customer.of_usage,
    "exchanges": customer.of_exchanges,
    "search": customer.of_search,
    "wallet": customer.of_wallet,
    "problems": customer.of_problems,
    "notices": owner.of_notices,
    "owner_notices": owner.of_owner_notices,
    "troubles": owner.of_troubles,
    "topups": owner.of_topups,
    "requests": owner.of_requests,
    "customers": owner.of_customers,
    "markup": owner.of_markup,
    "plan_questions": owner.of_plan_questions,
    "plans": owner.of_plans,
    "desk": owner.of_desk,
    "cases": owner.of_cases,
    "order_files": owner.of_order_files,
    "subscriptions": owner.of_subscriptions,
    "welcome": owner.of_welcome,
}


def text_of(room: str, t: Texts) -> str:
    """A room as text: what stands in its file in the folder of the language."""
    return "\n".join(_text(shown) for shown in ROOMS[room](t))


def _text(shown: Shown) -> str:
    return "\n".join((f"== {shown.title}", *drawn(shown.screen), ""))
