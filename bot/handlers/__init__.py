"""From a tap or a text to a screen: the table of contents."""

from __future__ import annotations

from typing import Final

from aiogram import Router

from bot.domain.clock import Clock
from bot.handlers import (
    cases,
    customers,
    delivery,
    desk,
    exchanges,
    fallback,
    markup,
    orders,
    plans,
    proofs,
    requests,
    search,
    shop,
    subscriptions,
    tastes,
    topups,
    usage,
    wallet,
)
from bot.handlers.arrival import Arrival
from bot.handlers.routes import Route, router

OWNERS: Final[tuple[Route, ...]] = (
    *topups.ROUTES,
    *requests.ROUTES,
    *markup.ROUTES,
    *plans.ROUTES,
    *desk.ROUTES,
    *cases.ROUTES,
    *subscriptions.ROUTES,
    *customers.ROUTES,
)
"""What owners alone may do."""

ROUTES: Final[tuple[Route, ...]] = (
    *shop.ROUTES,
    *orders.ROUTES,
    *delivery.ROUTES,
    *tastes.ROUTES,
    *proofs.ROUTES,
    *exchanges.ROUTES,
    *search.ROUTES,
    *usage.ROUTES,
    *wallet.ROUTES,
    *OWNERS,
)
"""Every tap, command and typed answer that means something."""


def routes(clock: Clock | None = None, table: tuple[Route, ...] = ROUTES) -> Router:
    """The routes, with arrival before them, and the fallback around and behind them."""
    made = router(table)
    fallback.last_routes(made)
    arrival, errors = Arrival(clock or Clock()), fallback.Fallback()
    for observer in (made.message, made.callback_query):
        observer.outer_middleware(arrival)
        observer.outer_middleware(errors)
    made.my_chat_member.outer_middleware(arrival)
    return made
