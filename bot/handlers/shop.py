"""Taps and commands of the way to an order: Home, Browse, Buy, Help, Language."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from aiogram.types import TelegramObject

from bot.callbacks import (
    AskOwner,
    Browse,
    Buy,
    BuyMany,
    BuyOne,
    BuyTimed,
    Help,
    Home,
    Languages,
    SetLanguage,
    ShowPieces,
    ShowPlan,
    ShowProvider,
    TypePieces,
)
from bot.domain.catalog import Offer, PlanId, ProviderId
from bot.domain.clock import Clock
from bot.domain.customers import Customer, ShopInfo
from bot.domain.errors import (
    BadQuantity,
    BlockedCustomer,
    InsufficientFunds,
    JustBought,
    OfferGone,
    PlanChanged,
    PriceChanged,
)
from bot.domain.money import MOST_MICROS, Money
from bot.domain.orders import Claim, OrderId, parse_pieces
from bot.handlers.routes import Route, said, tap, typed
from bot.i18n import Texts, clean, texts
from bot.screens import orders as order_screens
from bot.screens import pieces
from bot.screens import shop as screens
from bot.screens.base import PAGE, Screen
from bot.services.catalog import Catalog
from bot.services.customers import Customers
from bot.services.orders import Orders
from bot.services.support import LONGEST, Support

_DEEP_LINK = re.compile(r"(?P<what>[plo])_(?P<id>[1-9][0-9]{0,14})", re.ASCII)
_MOST_CHEAPER = 2


async def home(_: TelegramObject, t: Texts, customer: Customer, catalog: Catalog) -> Screen:
    return screens.home(t, customer, _wanted(customer, catalog))


async def start(
    _: TelegramObject,
    words: str,
    t: Texts,
    customer: Customer,
    catalog: Catalog,
    customers: Customers,
    orders: Orders,
    shop_info: ShopInfo,
    clock: Clock,
) -> Screen:
    """Home, or the screen that a link `?start=p_1`, `l_2` or `o_3` names; nothing else happens."""
    link = _DEEP_LINK.fullmatch(words)
    if link is None:
        return screens.home(t, customer, _wanted(customer, catalog))
    named = int(link["id"])
    match link["what"]:
        case "p":
            return screens.provider(t, catalog.shelf(ProviderId(named)), 0)
        case "l":
            offer = catalog.offer(PlanId(named))
            return await _plan(t, offer, customer, catalog, customers, shop_info, clock)
        case _:
            return order_screens.order(t, await orders.line(customer.id, OrderId(named)))


async def browse(_: TelegramObject, callback_data: Browse, t: Texts, catalog: Catalog) -> Screen:
    return screens.browse(t, catalog.shelves(), callback_data.page)


async def say_browse(_: TelegramObject, t: Texts, catalog: Catalog) -> Screen:
    return screens.browse(t, catalog.shelves(), 0)


async def show_provider(
    _: TelegramObject, callback_data: ShowProvider, t: Texts, catalog: Catalog
) -> Screen:
    shelf = catalog.shelf(ProviderId(callback_data.provider))
    return screens.provider(t, shelf, callback_data.page)


async def show_plan(
    _: TelegramObject,
    callback_data: ShowPlan | ShowPieces,
    t: Texts,
    customer: Customer,
    catalog: Catalog,
    customers: Customers,
    shop_info: ShopInfo,
    clock: Clock,
) -> Screen:
    """The confirm screen; of a plan that is sold by the piece, of so many pieces."""
    quantity = callback_data.quantity if isinstance(callback_data, ShowPieces) else 1
    offer = catalog.offer(PlanId(callback_data.plan))
    return await _plan(
        t, offer, customer, catalog, customers, shop_info, clock, again=callback_data.again,
        quantity=quantity,
    )  # fmt: skip


async def ask_pieces(
    _: TelegramObject, callback_data: TypePieces, t: Texts, catalog: Catalog
) -> Screen:
    offer = catalog.offer(PlanId(callback_data.plan))
    return pieces.ask(t, offer, again=callback_data.again)


async def type_pieces(
    _: TelegramObject,
    prompt: TypePieces,
    words: str,
    t: Texts,
    customer: Customer,
    catalog: Catalog,
    customers: Customers,
    shop_info: ShopInfo,
    clock: Clock,
) -> Screen:
    """The confirm screen of the typed number; the question stays open until it is one."""
    offer = catalog.offer(PlanId(prompt.plan))
    quantity = parse_pieces(words, offer.plan.most)
    if quantity is None:
        return pieces.ask(t, offer, again=prompt.again, refused=words)
    return await _plan(
        t, offer, customer, catalog, customers, shop_info, clock, again=prompt.again,
        quantity=quantity,
    )  # fmt: skip


async def buy(
    _: TelegramObject,
    callback_data: Buy | BuyOne | BuyMany | BuyTimed,
    t: Texts,
    customer: Customer,
    message_id: int | None,
    catalog: Catalog,
    customers: Customers,
    orders: Orders,
    shop_info: ShopInfo,
    clock: Clock,
) -> Screen:
    """Commit the intent and show its order; no money moves on any other way out."""
    quantity = 1 if isinstance(callback_data, BuyOne) else callback_data.quantity
    days = callback_data.days if isinstance(callback_data, Buy | BuyTimed) else 0
    title = callback_data.title if isinstance(callback_data, Buy) else None
    plan, price = PlanId(callback_data.plan), Money(callback_data.micros)
    claim = Claim(
        plan, price, callback_data.intent, callback_data.again, quantity, days or None, title
    )
    try:
        line = await orders.accept(customer, claim, message_id)
    except InsufficientFunds as short:
        return await _too_little(
            t, catalog.offer(plan), short.balance, customer, catalog, customers, shop_info,
            quantity=quantity,
        )  # fmt: skip
    except (PriceChanged, PlanChanged):
        return await _plan(
            t,
            catalog.offer(plan),
            customer,
            catalog,
            customers,
            shop_info,
            clock,
            again=callback_data.again,
            shown=claim,
            quantity=quantity,
        )
    except JustBought as just:
        line = await orders.line(customer.id, just.order, message_id)
        return order_screens.order(t, line, just_bought=True)
    return order_screens.order(t, line)


async def show_help(
    _: TelegramObject, t: Texts, customer: Customer, shop_info: ShopInfo
) -> Screen:
    return screens.guide(t, shop_info.support, is_owner=customer.is_owner)


async def ask_owner(_: TelegramObject, t: Texts, customer: Customer) -> Screen:
    if customer.is_blocked:
        raise BlockedCustomer
    return screens.ask_owner(t, LONGEST)


async def asked_owner(
    _: TelegramObject, words: str, t: Texts, customer: Customer, support: Support
) -> Screen:
    if not 0 < len(clean(words).strip()) <= LONGEST:
        return screens.ask_owner(t, LONGEST, is_refused=True)
    await support.ask(customer.id, words)
    return screens.asked(t)


async def show_languages(_: TelegramObject, t: Texts) -> Screen:
    return screens.languages(t)


async def set_language(
    _: TelegramObject,
    callback_data: SetLanguage,
    customer: Customer,
    catalog: Catalog,
    customers: Customers,
) -> Screen:
    await customers.speak(customer.id, callback_data.code)
    return screens.home(texts(callback_data.code), customer, _wanted(customer, catalog))


async def _plan(
    t: Texts,
    offer: Offer,
    customer: Customer,
    catalog: Catalog,
    customers: Customers,
    shop_info: ShopInfo,
    clock: Clock,
    *,
    again: bool = False,
    shown: Claim | None = None,
    quantity: int = 1,
) -> Screen:
    back = _back(catalog, offer)
    if offer.is_stale:
        return screens.stale(t, offer, back)
    days, most = offer.plan.days, offer.plan.most
    if quantity > most or (offer.price * quantity).micros > MOST_MICROS:
        raise BadQuantity(offer.plan.id, most)
    if customer.balance < offer.price * quantity:
        return await _too_little(
            t, offer, customer.balance, customer, catalog, customers, shop_info,
            quantity=quantity,
        )  # fmt: skip
    if customer.wanted_plan == offer.plan.id:
        await customers.want(customer.id, None)
    return screens.confirm(
        t,
        offer,
        customer.balance,
        intent=secrets.token_hex(8),
        again=again,
        back=back,
        shown=shown,
        quantity=quantity,
        works_until=None if days is None else clock.now() + timedelta(days=days),
    )


async def _too_little(
    t: Texts,
    offer: Offer,
    balance: Money,
    customer: Customer,
    catalog: Catalog,
    customers: Customers,
    shop_info: ShopInfo,
    *,
    quantity: int = 1,
) -> Screen:
    if customer.wanted_plan != offer.plan.id:
        await customers.want(customer.id, offer.plan.id)
    affordable = [
        other
        for other in catalog.shelf(offer.plan.provider.id).offers
        if other.price <= balance and not other.is_stale and other != offer
    ]
    return screens.too_little(
        t,
        offer,
        balance,
        cheaper=tuple(affordable[-_MOST_CHEAPER:]),
        support=shop_info.support,
        back=_back(catalog, offer),
        quantity=quantity,
    )


def _back(catalog: Catalog, offer: Offer) -> ShowProvider:
    """The page of the provider's shelf that the offer stands on."""
    provider = offer.plan.provider.id
    plans = [other.plan.id for other in catalog.shelf(provider).offers]
    at = plans.index(offer.plan.id) if offer.plan.id in plans else 0
    return ShowProvider(provider=provider, page=at // PAGE)


def _wanted(customer: Customer, catalog: Catalog) -> Offer | None:
    """The plan that money was missing for, if it can be bought by now."""
    if customer.wanted_plan is None:
        return None
    try:
        offer = catalog.offer(customer.wanted_plan)
    except OfferGone:
        return None
    return offer if offer.price <= customer.balance and not offer.is_stale else None


ROUTES: tuple[Route, ...] = (
    said("start", start),
    said("cancel", home),
    tap(Home, home),
    said("browse", say_browse),
    tap(Browse, browse),
    tap(ShowProvider, show_provider),
    tap(ShowPlan, show_plan),
    tap(ShowPieces, show_plan),
    tap(TypePieces, ask_pieces),
    typed(TypePieces, type_pieces),
    tap(Buy, buy),
    tap(BuyOne, buy),
    tap(BuyMany, buy),
    tap(BuyTimed, buy),
    said("help", show_help),
    tap(Help, show_help),
    tap(AskOwner, ask_owner),
    typed(AskOwner, asked_owner),
    said("language", show_languages),
    tap(Languages, show_languages),
    tap(SetLanguage, set_language),
)
