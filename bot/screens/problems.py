"""What people see when something did not go as asked: what happened, the money, the next step."""

from __future__ import annotations

from bot.callbacks import (
    Browse,
    Help,
    Home,
    MyOrders,
    ShowBalance,
    ShowMarkup,
    ShowOrder,
    ShowPlan,
    ShowPlans,
    UsageMenu,
)
from bot.domain.errors import (
    BadAmount,
    BadCredentials,
    BadMarkup,
    BadQuantity,
    BlockedCustomer,
    CostHolds,
    CostMoved,
    CustomerError,
    DeliveredBefore,
    InsufficientFunds,
    JustBought,
    NotFound,
    NoUsage,
    OfferGone,
    OverDebit,
    PlanChanged,
    PriceChanged,
    RuleHolds,
    ShopClosed,
    TooLate,
    TooManyOrders,
    TooSoon,
    WrongCount,
)
from bot.i18n import Text, Texts, Value, lines, paragraphs
from bot.screens.base import Button, Link, Row, Screen, short
from bot.screens.words import scope_words

MOST_TYPED = 60
"""Most characters that are shown of what somebody typed."""


def problem(t: Texts, error: CustomerError) -> Screen:
    """The screen of everything that a person can act on."""
    match error:
        case InsufficientFunds(plan=plan, price=price, balance=balance):
            return _screen(
                t,
                t("<b>Your balance does not cover this.</b> Nothing was charged."),
                lines(
                    t("Price: {price}", price=price),
                    t("Balance: {balance}", balance=balance),
                    t("Missing: {missing}", missing=price - balance),
                ),
                (
                    Button(t("🔎 See the plan"), ShowPlan(plan=plan, again=False)),
                    Button(t("💰 Balance"), ShowBalance(before=0)),
                ),
            )
        case OverDebit(balance=balance):
            return _screen(
                t,
                t("<b>That is more than the balance.</b> Nothing was changed."),
                t("The balance is {balance}. Type an amount up to that.", balance=balance),
            )
        case PriceChanged(plan=plan, shown=shown):
            return _screen(
                t,
                t("<b>The price is no longer {price}.</b> Nothing was charged.", price=shown),
                t("See the plan at today's price and decide then."),
                (Button(t("🔎 See the plan"), ShowPlan(plan=plan, again=False)),),
            )
        case PlanChanged(plan=plan):
            return _screen(
                t,
                t("<b>The plan has changed. Nothing was charged.</b>"),
                t("See the plan as it is today and decide then."),
                (Button(t("🔎 See the plan"), ShowPlan(plan=plan, again=False)),),
            )
        case OfferGone():
            return _screen(
                t,
                t("<b>This cannot be bought right now.</b> Nothing was charged."),
                t("Pick another plan, or look in again later."),
                (Button(t("🛒 Browse"), Browse()),),
            )
        case ShopClosed():
            return _screen(
                t,
                t("<b>The shop does not sell at the moment.</b> Nothing was charged."),
                t("Your balance is safe, and what you bought can be read as ever."),
                (Button(t("🧾 My orders"), MyOrders(before=0)),),
            )
        case TooManyOrders():
            return _screen(
                t,
                t("<b>You have many open orders already.</b> Nothing more was charged."),
                t("Please wait until one of them is done, then buy again."),
                (Button(t("🧾 My orders"), MyOrders(before=0)),),
            )
        case JustBought(order=order):
            return _screen(
                t,
                t("<b>You ordered this plan a moment ago.</b> Nothing more was charged."),
                t("Open order #{order} to see it, or to buy one more.", order=order),
                (Button(t("🧾 Order #{order}", order=order), ShowOrder(order=order)),),
            )
        case NotFound():
            return _screen(
                t,
                t("<b>There is nothing here.</b>"),
                t("It does not exist, or it is not yours. Nothing was changed."),
                (Button(t("🧾 My orders"), MyOrders(before=0)),),
            )
        case TooLate():
            return _screen(
                t,
                t("<b>It is too late for that.</b> Things have moved on meanwhile."),
                t("No money moved with this tap. Your orders show how things stand."),
                (Button(t("🧾 My orders"), MyOrders(before=0)),),
            )
        case TooSoon(seconds=seconds):
            return _screen(
                t,
                t("<b>That was asked a moment ago.</b>"),
                t.n(
                    "Please try again in {n} second.",
                    "Please try again in {n} seconds.",
                    n=seconds,
                ),
                (Button(t("📊 Check usage"), UsageMenu(before=0)),),
            )
        case NoUsage():
            return _screen(
                t,
                t("<b>No traffic is known for this.</b>"),
                t("Please compare the username with your credentials. Your orders are safe."),
                (
                    Button(t("📊 Check usage"), UsageMenu(before=0)),
                    Button(t("🧾 My orders"), MyOrders(before=0)),
                ),
            )
        case BlockedCustomer():
            return _screen(
                t,
                t("<b>Buying and writing are switched off for you.</b>"),
                t("Your balance is safe, and what you bought can be read as ever."),
                (Button(t("🧾 My orders"), MyOrders(before=0)), Button(t("❓ Help"), Help())),
            )
        case BadAmount(typed=typed):
            return _screen(
                t,
                _not_read(t, typed),
                t("Type an amount from 0.01 to 1000000, such as 10, 10.5 or 10,50."),
            )
        case BadMarkup(typed=typed):
            return _screen(
                t,
                _not_read(t, typed),
                t("Type a markup such as 20%, +0.50 or 15% +0.20 min 0.30."),
            )
        case RuleHolds(scope=scope, rule=None):
            return _screen(
                t,
                t("<b>There is no rule of {scope}.</b>", scope=scope_words(t, scope)),
                t("Nothing was changed: the next wider rule, or the setting MARKUP, holds."),
                (Button(t("Markup"), ShowMarkup()),),
            )
        case RuleHolds(scope=scope, rule=rule):
            return _screen(
                t,
                t("<b>The markup of {scope} is {rule} already.</b>",
                  scope=scope_words(t, scope), rule=str(rule)),
                t("Nothing was changed."),
                (Button(t("Markup"), ShowMarkup()),),
            )  # fmt: skip
        case CostHolds(name=name, cost=cost):
            return _screen(
                t,
                t("<b>{plan} costs {cost} already.</b>", plan=short(name, MOST_TYPED), cost=cost),
                t("Nothing was changed."),
                (Button(t("Plans"), ShowPlans(page=0)),),
            )
        case CostMoved(name=name, cost=cost):
            return _screen(
                t,
                t("<b>The cost of {plan} was changed meanwhile.</b> Nothing more was changed.",
                  plan=short(name, MOST_TYPED)),
                t("It is {cost} now. Look at it, and change it anew if you like.", cost=cost),
                (Button(t("Plans"), ShowPlans(page=0)),),
            )  # fmt: skip
        case BadQuantity(plan=plan, most=most):
            return _screen(
                t,
                t("<b>This plan is not sold in that number.</b> Nothing was charged."),
                t("One order takes 1 to {most}.", most=most),
                (Button(t("🔎 See the plan"), ShowPlan(plan=plan, again=False)),),
            )
        case WrongCount(found=found, wanted=wanted):
            return _screen(
                t,
                t("<b>Nothing was delivered.</b>"),
                t("{wanted} were bought, and these are {found}.", wanted=wanted, found=found),
            )
        case BadCredentials(line=line):
            return _screen(
                t,
                t("<b>Line {line} is neither a proxy nor a code.</b>", line=line),
                t("Nothing was delivered. Type each proxy as host:port:username:password."),
            )
        case DeliveredBefore(order=order):
            return _screen(
                t,
                t("<b>Order #{order} got some of this already.</b>", order=order),
                t("Nothing was delivered."),
            )
        case _:
            return internal(t)


def internal(t: Texts) -> Screen:
    """Something of ours broke; nobody is blamed and no money is in question."""
    return _screen(
        t,
        t("<b>Something went wrong on our side.</b>"),
        t(
            "Your money is safe: every movement stands in Balance, every purchase in My orders. "
            "Please look there before you tap again."
        ),
        (
            Button(t("🧾 My orders"), MyOrders(before=0)),
            Button(t("💰 Balance"), ShowBalance(before=0)),
        ),
    )


def cannot_save(t: Texts) -> Screen:
    """The disk is full or read-only: nothing was done, and nothing can be for a while."""
    return _screen(
        t,
        t("<b>The shop cannot save anything at the moment.</b> Nothing was charged."),
        t("Nothing was changed and your money is safe. Please try again in a few minutes."),
    )


def too_slow(t: Texts) -> Screen:
    """The second screen did not come in time."""
    return _screen(
        t,
        t("<b>The answer takes too long.</b>"),
        t("Nothing was changed and your money is safe. Please try again in a minute."),
    )


def old_button(t: Texts) -> Screen:
    """A button of a menu that no longer exists."""
    return _screen(
        t,
        t("<b>This button is from an older menu.</b> Nothing was changed."),
        t("Start again from Home."),
    )


def unknown_words(t: Texts) -> Screen:
    """A text, a picture or a command that answers nothing."""
    return _screen(
        t,
        t("<b>The shop works with buttons.</b>"),
        t("Start from Home, or write to the owner through Help."),
        (Button(t("❓ Help"), Help()),),
    )


def group(t: Texts, bot_username: str) -> Screen:
    """Group chats get one polite line and the way to the private chat."""
    return Screen(
        t("The shop works in a private chat only."),
        ((Link(t("Open the shop"), f"https://t.me/{bot_username}"),),),
    )


def _screen(t: Texts, happened: Text, then: Value, *rows: Row) -> Screen:
    return Screen(paragraphs(happened, then), (*rows, (Button(t("🏠 Home"), Home()),)))


def _not_read(t: Texts, typed: str) -> Text:
    if not typed.strip():
        return t("<b>Nothing was typed.</b>")
    return t("<b>This cannot be read:</b> {typed}", typed=short(typed, MOST_TYPED))
