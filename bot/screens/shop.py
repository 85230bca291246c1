"""What customers see before they buy: Home, providers, plans, the confirm screen and Help."""

from __future__ import annotations

from datetime import datetime

from bot.callbacks import (
    AskOwner,
    Browse,
    Help,
    Home,
    Languages,
    MyOrders,
    SetLanguage,
    Shop,
    ShowBalance,
    ShowPlan,
    ShowProvider,
    UsageMenu,
)
from bot.domain.catalog import (
    Offer,
    Provider,
    Shelf,
    UsageByApi,
    UsageByBot,
    UsageCheck,
    UsageUnknown,
)
from bot.domain.customers import Customer
from bot.domain.money import Money
from bot.domain.orders import Claim
from bot.i18n import LANGUAGES, Text, Texts, Value, clean, lines, paragraphs
from bot.screens import pieces
from bot.screens.base import (
    MOST_LABEL,
    Button,
    Row,
    Screen,
    Style,
    contact,
    grid,
    page_of,
    pager,
    short,
    ways_out,
)

MOST_NAME = 40
"""Most characters of a name in a text."""
MOST_TITLE = 80
"""Most characters of a plan's title in a text."""


def home(t: Texts, customer: Customer, wanted: Offer | None) -> Screen:
    """The first screen; `wanted`: a plan that money was missing for and no longer is."""
    if clean(customer.name).strip():
        greeting = t("<b>Hello, {name}!</b>", name=short(customer.name, MOST_NAME))
    else:
        greeting = t("<b>Hello!</b>")
    rows: list[Row] = []
    way_back = None
    if wanted is not None:
        way_back = t("Your balance now covers {plan}.", plan=_name(t, wanted))
        label = t("🔁 {plan}", plan=short(_name(t, wanted).plain(), MOST_LABEL - 2))
        rows.append((Button(label, ShowPlan(plan=wanted.plan.id, again=False), Style.PRIMARY),))
    browse_style = None if wanted is not None else Style.PRIMARY
    rows += [
        (Button(t("🛒 Browse"), Browse(), browse_style),),
        (
            Button(t("🧾 My orders"), MyOrders(before=0)),
            Button(t("📊 Check usage"), UsageMenu(before=0)),
        ),
        (Button(t("💰 Balance"), ShowBalance(before=0)), Button(t("❓ Help"), Help())),
    ]
    language = Button(t("🌐 Language"), Languages())
    rows.append((language, Button(t("🛠 Shop"), Shop())) if customer.is_owner else (language,))
    return Screen(
        paragraphs(
            lines(
                greeting,
                t(
                    "<blockquote>Proxies from several providers, delivered in this chat.\n"
                    "You pay only for what is delivered.</blockquote>"
                ),
            ),
            t("Balance: <b>{balance}</b>", balance=customer.balance),
            way_back,
        ),
        tuple(rows),
    )


def browse(t: Texts, shelves: tuple[Shelf, ...], asked: int) -> Screen:
    """Providers, with where the traffic of each can be seen."""
    if not shelves:
        return Screen(
            paragraphs(
                t("<b>Nothing is on sale right now.</b>"),
                t("Please look in again a little later."),
            ),
            (ways_out(t, Home()),),
        )
    page = page_of(shelves, asked)
    buttons = [
        Button(
            t("{provider}", provider=short(shelf.provider.name, MOST_LABEL)),
            ShowProvider(provider=shelf.provider.id, page=0),
        )
        for shelf in page.shown
    ]
    return Screen(
        paragraphs(
            lines(t("<b>Providers</b>"), t("Pick one to see its plans and prices.")),
            t(
                "<blockquote>{legend}</blockquote>",
                legend=_legend(t, tuple(shelf.provider for shelf in page.shown)),
            ),
        ),
        (
            *grid(buttons),
            *pager(t, page.number, page.count, lambda number: Browse(page=number)),
            ways_out(t, Home()),
        ),
    )


def provider(t: Texts, shelf: Shelf, asked: int) -> Screen:
    """A provider's plans with their prices, in the order of the shelf."""
    page = page_of(shelf.offers, asked)
    has_stale = any(offer.is_stale for offer in page.shown)
    return Screen(
        paragraphs(
            t("<b>{provider}</b>", provider=short(shelf.provider.name, MOST_NAME)),
            _usage(t, shelf.provider.usage),
            t("⏳ marks plans that cannot be bought right now.") if has_stale else None,
        ),
        (
            *grid([_plan_button(t, offer) for offer in page.shown]),
            *pager(
                t,
                page.number,
                page.count,
                lambda number: ShowProvider(provider=shelf.provider.id, page=number),
            ),
            ways_out(t, Browse()),
        ),
    )


def confirm(
    t: Texts,
    offer: Offer,
    balance: Money,
    *,
    intent: str,
    again: bool,
    back: ShowProvider,
    shown: Claim | None = None,
    quantity: int = 1,
    works_until: datetime | None = None,
) -> Screen:
    """What a plan gives and costs, and the one button that spends money.

    `shown`: what the button that was tapped said, where that is not what the plan is today.
    `works_until`: the end of the time that is bought, if it is bought now.
    """
    plan = offer.plan
    price = offer.price * quantity
    claim = Claim.of(offer, intent, again=again, quantity=quantity)
    return Screen(
        paragraphs(
            _what_changed(t, shown, claim),
            _title(t, offer),
            lines(
                _gives(t, plan.provider),
                _usage(t, plan.provider.usage),
                _works(t, shown, claim, works_until),
            ),
            lines(
                pieces.each(t, offer, quantity),
                t("Price: {old} → <b>{new}</b>", old=shown.price, new=price)
                if shown is not None and shown.price != price
                else t("Price: <b>{price}</b>", price=price),
                t("Balance: {before} → {after}", before=balance, after=balance - price),
            ),
            t("You ordered this plan a moment ago. This would be one more.") if again else None,
            t("Not refundable once delivered."),
        ),
        (
            *pieces.chooser(t, plan, quantity, again=again),
            (pieces.buy(t, claim, counts=plan.most > 1),),
            ways_out(t, back),
        ),
    )


def stale(t: Texts, offer: Offer, back: ShowProvider) -> Screen:
    """A plan whose price is too old to sell at: it can be read, not bought."""
    return Screen(
        paragraphs(
            _title(t, offer),
            lines(_gives(t, offer.plan.provider), _usage(t, offer.plan.provider.usage)),
            t("Last known price: {price}", price=offer.price),
            t("⏳ This plan cannot be bought right now. Please look in again in a few minutes."),
        ),
        (
            (Button(t("🔄 Look again"), ShowPlan(plan=offer.plan.id, again=False)),),
            ways_out(t, back),
        ),
    )


def too_little(
    t: Texts,
    offer: Offer,
    balance: Money,
    *,
    cheaper: tuple[Offer, ...],
    support: str | None,
    back: ShowProvider,
    quantity: int = 1,
) -> Screen:
    """How much is missing for a plan, and what to do; `cheaper`: what the balance does cover."""
    price = offer.price * quantity
    return Screen(
        paragraphs(
            _title(t, offer),
            lines(_gives(t, offer.plan.provider), _usage(t, offer.plan.provider.usage)),
            lines(
                pieces.each(t, offer, quantity),
                t("Price: <b>{price}</b>", price=price),
                t("Balance: {balance}", balance=balance),
                t("Missing: <b>{missing}</b>", missing=price - balance),
            ),
            t(
                "Write to the owner to top up your balance. This plan is remembered: "
                "after the top-up a button leads back to it."
            ),
            t("Your balance covers these plans:") if cheaper else None,
        ),
        (
            (contact(t, support),),
            *pieces.fewer(t, offer, balance, quantity),
            *grid([_plan_button(t, other) for other in cheaper]),
            (Button(t("🔄 Look again"), ShowPlan(plan=offer.plan.id, again=False)),),
            ways_out(t, back),
        ),
    )


def guide(t: Texts, support: str | None, *, is_owner: bool = False) -> Screen:
    """How the shop works, and how to reach its owner; for an owner, their commands as well."""
    if support is None:
        reach = t("Questions, top-ups, trouble: write to the owner with the button below.")
    else:
        reach = t("Questions, top-ups, trouble: write to @{support}.", support=support)
    return Screen(
        paragraphs(
            t("<b>How it works</b>"),
            lines(
                t("1. Pick a provider and a plan. The price you see is the price you pay."),
                t("2. Tap Buy. The price is held in your balance until the order is delivered."),
                t("3. The proxy comes in a message of its own and stays in My orders."),
            ),
            t("If an order cannot be delivered, the held money goes back to your balance."),
            reach,
            t("/browse · /orders · /find · /usage · /balance · /language · /cancel"),
            lines(
                t("<b>You run this shop.</b> Customers do not see these:"),
                t("/shop · /topup · /debit · /markup · /plans · /order · /block · /unblock"),
            )
            if is_owner
            else None,
        ),
        ((contact(t, support),), ways_out(t, Home())),
    )


def ask_owner(t: Texts, most: int, *, is_refused: bool = False) -> Screen:
    """Takes the next typed text to the owners; `is_refused`: the one before was not sent."""
    return Screen(
        paragraphs(
            t("<b>That was empty or too long, so it was not sent.</b>") if is_refused else None,
            t("<b>Write to the owner</b>"),
            t("Send your message now, as one text of at most {most} characters.", most=most),
            t("/cancel leaves without sending."),
        ),
        (ways_out(t, Help()),),
        asks=AskOwner(),
    )


def asked(t: Texts) -> Screen:
    """The words are on their way to the owners."""
    return Screen(
        paragraphs(
            t("<b>Thank you, your message is on its way to the owner.</b>"),
            t("The answer comes in this chat."),
        ),
        (ways_out(t, Home()),),
    )


def languages(t: Texts) -> Screen:
    """The languages of the shop, each named in itself."""
    buttons = [
        Button(
            t("✅ {language}", language=name)
            if code == t.language
            else t("{language}", language=name),
            SetLanguage(code=code),
        )
        for code, name in LANGUAGES.items()
    ]
    return Screen(t("<b>Pick a language</b>"), (*grid(buttons), ways_out(t, Home())))


def _name(t: Texts, offer: Offer) -> Text:
    return t(
        "{provider} {plan}",
        provider=short(offer.plan.provider.name, MOST_NAME),
        plan=short(offer.plan.title, MOST_TITLE),
    )


def _title(t: Texts, offer: Offer) -> Text:
    return t(
        "<b>{provider} · {plan}</b>",
        provider=short(offer.plan.provider.name, MOST_NAME),
        plan=short(offer.plan.title, MOST_TITLE),
    )


def _plan_button(t: Texts, offer: Offer) -> Button:
    price = t("{price}", price=offer.price)
    # The price must never be what is cut; 5 is " · " and the mark of a stale price.
    title = short(offer.plan.title, max(1, MOST_LABEL - 5 - len(price.plain())))
    label = (
        t("⏳ {plan} · {price}", plan=title, price=price)
        if offer.is_stale
        else t("{plan} · {price}", plan=title, price=price)
    )
    return Button(label, ShowPlan(plan=offer.plan.id, again=False))


def _gives(t: Texts, sold_by: Provider) -> Text:
    if sold_by.is_code:
        return t("You get a code to redeem. Once shown, it cannot be taken back.")
    return t("You get host, port, username and password, in this chat.")


def _what_changed(t: Texts, shown: Claim | None, claim: Claim) -> Text | None:
    if shown is None:
        return None
    if shown.title is None:
        # What such a menu said of the plan, and whether it is still so, nobody knows.
        return t("<b>This button is from an older menu. Nothing was charged.</b>")
    if (shown.days, shown.title) != (claim.days, claim.title):
        return t("<b>The plan has changed. Nothing was charged.</b>")
    if shown.price != claim.price:
        return t("<b>The price has changed. Nothing was charged.</b>")
    return None


def _works(t: Texts, shown: Claim | None, claim: Claim, until: datetime | None) -> Text | None:
    if claim.days is None or until is None:
        return None
    if shown is not None and shown.days is not None and shown.days != claim.days:
        return t.n(
            "Works for {old} → <b>{n} day</b>: until {at}, if bought now.",
            "Works for {old} → <b>{n} days</b>: until {at}, if bought now.",
            n=claim.days,
            old=shown.days,
            at=until,
        )
    return t.n(
        "Works for {n} day: until {at}, if bought now.",
        "Works for {n} days: until {at}, if bought now.",
        n=claim.days,
        at=until,
    )


def _usage(t: Texts, check: UsageCheck) -> Text:
    match check:
        case UsageByApi():
            return t("Usage: can be checked in this chat.")
        case UsageByBot():
            return t("Usage: shown by the provider's own bot.")
        case UsageUnknown():
            return t("Usage: no check exists.")


def _legend(t: Texts, providers: tuple[Provider, ...]) -> Value:
    here, elsewhere, nowhere = [], [], []
    for one in providers:
        name = short(one.name, MOST_NAME)
        match one.usage:
            case UsageByApi():
                here.append(name)
            case UsageByBot():
                elsewhere.append(name)
            case UsageUnknown():
                nowhere.append(name)
    return lines(
        t("Usage in this chat: {providers}", providers=", ".join(here)) if here else None,
        t("Usage in the provider's own bot: {providers}", providers=", ".join(elsewhere))
        if elsewhere
        else None,
        t("No usage check: {providers}", providers=", ".join(nowhere)) if nowhere else None,
    )
