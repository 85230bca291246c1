"""Every button's payload: the bot's private wire format.

The order of fields is part of the format: buttons live for ever in people's chats. A changed
payload gets a new prefix. A payload is a claim: clients can send anything, so a handler compares
it and believes nothing in it. At most 64 bytes, and one less for the `+` of kept messages.
"""

from __future__ import annotations

from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.domain.formats import FileKind, Format
from bot.domain.money import MOST_MICROS

KEPT = "+"
"""Stands before the payload of a button on a kept message: its answer is a new message."""

Number = Annotated[int, Field(ge=0, le=2**53)]
"""An id, a price or a cursor; no larger one was drawn by us, or fits a database."""

PlanNumber = Annotated[int, Field(ge=0, le=999_999_999)]
"""The id of a plan where a button has no room for a larger one."""

Count = Annotated[int, Field(ge=1, le=9999)]
"""Pieces of one order; the plan says how many it takes at most."""

Price = Annotated[int, Field(ge=0, le=MOST_MICROS)]
"""Of one order; no larger one is accepted."""

Days = Annotated[int, Field(ge=0, le=999)]
"""How long what is bought works; 0 where nobody says."""


# Shop


class Home(CallbackData, prefix="home"):
    """The first screen."""


class Browse(CallbackData, prefix="browse"):
    """The list of providers."""

    page: Number = 0


class ShowProvider(CallbackData, prefix="prov"):
    """The plans of a provider."""

    provider: Number
    page: Number


class ShowPlan(CallbackData, prefix="plan"):
    """The confirm screen of a plan; `again`: one more of what was just bought."""

    plan: Number
    again: bool


class Buy(CallbackData, prefix="buyt"):
    """Spend money: one intent, at most one order."""

    plan: PlanNumber
    quantity: Count
    micros: Price  # of all pieces, as the customer saw it, to compare
    days: Days  # the time that the customer saw, to compare
    title: str  # the mark of the title that the customer saw, to compare
    intent: str  # 64 random bits, drawn with the confirm screen
    again: bool


class BuyOne(CallbackData, prefix="buy"):
    """As older menus drew `Buy`: it says neither what the plan was nor for how long it works."""

    plan: Number
    micros: Number
    intent: str
    again: bool


class ShowPieces(CallbackData, prefix="pcs"):
    """The confirm screen of so many pieces of a plan that is sold by the piece."""

    plan: Number
    quantity: Count
    again: bool


class TypePieces(CallbackData, prefix="pcsn"):
    """The next typed text is the number of pieces of this plan."""

    plan: Number
    again: bool


class BuyMany(CallbackData, prefix="buyn"):
    """As older menus drew `Buy` of so many pieces."""

    plan: Number
    quantity: Count
    micros: Number
    intent: str
    again: bool


class BuyTimed(CallbackData, prefix="buyd"):
    """As older menus drew `Buy` with the time: it does not say what the plan was."""

    plan: Number
    quantity: Count
    micros: Price
    days: Days
    intent: str
    again: bool


class Help(CallbackData, prefix="help"):
    """How the shop works, and how to reach its owner."""


class AskOwner(CallbackData, prefix="ask"):
    """The next typed text goes to the owners."""


class Languages(CallbackData, prefix="langs"):
    """The list of languages."""


class SetLanguage(CallbackData, prefix="lang"):
    """Speak this language from now on."""

    code: str


# Orders


class MyOrders(CallbackData, prefix="orders"):
    """My orders older than `before`; 0 is the newest page."""

    before: Number


class ShowOrder(CallbackData, prefix="order"):
    """One of my orders."""

    order: Number


class ShowCredentials(CallbackData, prefix="creds"):
    """What my order delivered, in a message of its own."""

    order: Number
    part: Number = 0  # buttons of old messages ask for parts; today all comes at once


class ShowCode(CallbackData, prefix="code"):
    """The redeem code of my order, after the warning."""

    order: Number
    part: Number = 0  # as above


class ShowFormats(CallbackData, prefix="fmts"):
    """My order in the format that I chose last, with the other ones, files and a picture."""

    order: Number


class SetFormat(CallbackData, prefix="fmt"):
    """Write this order, and every later one, so."""

    order: Number
    format: Format


class TypeTemplate(CallbackData, prefix="tmpl"):
    """The next typed text is my own format."""

    order: Number


class SendFile(CallbackData, prefix="file"):
    """The proxies of my order as a file."""

    order: Number
    kind: FileKind


class SendPicture(CallbackData, prefix="qr"):
    """My order as a picture that another phone can read."""

    order: Number


class ShowTaste(CallbackData, prefix="taste"):
    """Country and session of my order, chosen so far."""

    order: Number
    country: str
    minutes: Number
    lines: Number


class PickCountry(CallbackData, prefix="land"):
    """The list of countries; the next typed text may name one too."""

    order: Number
    minutes: Number
    page: Number


class MakeLines(CallbackData, prefix="make"):
    """My order to this taste, in a message of its own."""

    order: Number
    country: str
    minutes: Number
    lines: Number


class Prove(CallbackData, prefix="test"):
    """Test what my order delivered, with one small request through it."""

    order: Number


class AskExchange(CallbackData, prefix="exask"):
    """What exchanging every proxy of my order would mean, and the button that does it."""

    order: Number


class Exchange(CallbackData, prefix="exdo"):
    """Exchange every proxy of my order: one intent, at most one exchange."""

    order: Number
    intent: str  # 64 random bits, drawn with the confirm screen


class Cancel(CallbackData, prefix="cancel"):
    """Leave the line."""

    order: Number


class Complain(CallbackData, prefix="wrong"):
    """Something is wrong: tell the owners."""

    order: Number


class FindOrder(CallbackData, prefix="find"):
    """The next typed text is what an order is looked for by."""


class Found(CallbackData, prefix="found"):
    """Found orders older than `before`: `by` a kind of search, and its value, never its words."""

    by: str
    value: str  # a number, or a keyed hash of 22 letters
    before: Number


class UsageMenu(CallbackData, prefix="usages"):
    """Pick an order, or type a username, to see its traffic."""

    before: Number


class CheckUsage(CallbackData, prefix="usage"):
    """The traffic of my order."""

    order: Number


class ChooseAlert(CallbackData, prefix="ualert"):
    """Choose when to be told that the traffic of my order runs out."""

    order: Number


class SetAlert(CallbackData, prefix="ualset"):
    """Tell me at this percentage of my order's traffic; 0 is never."""

    order: Number
    percent: Number


class UsageProviders(CallbackData, prefix="uprov"):
    """Pick the provider of a username to type."""

    page: Number = 0


class TypeUsername(CallbackData, prefix="uname"):
    """The next typed text is a proxy username of this provider."""

    provider: Number


# Wallet


class ShowBalance(CallbackData, prefix="wallet"):
    """Available and held money, and postings older than `before`; 0 is the newest page."""

    before: Number


# Owner


class Shop(CallbackData, prefix="shop"):
    """The owner's first screen."""


class SaleNotices(CallbackData, prefix="sales"):
    """Switch my notice for each sale."""

    on: bool


class Resume(CallbackData, prefix="resume"):
    """End the stop of the shop, if a new audit is green."""


class AuditNow(CallbackData, prefix="audit"):
    """Audit the books now."""


class TopUpFor(CallbackData, prefix="topfor"):
    """The next typed text is the amount for this customer."""

    customer: Number


class Confirm(CallbackData, prefix="confirm"):
    """Do what the preview shows, once."""

    request: Number


class Drop(CallbackData, prefix="drop"):
    """Forget the preview."""

    request: Number


class ShowMarkup(CallbackData, prefix="markup"):
    """Rules and sample prices."""


class MarkupHistory(CallbackData, prefix="mhist"):
    """Who changed which rule when; entries older than `before`, 0 is the newest page."""

    before: Number


class RollBack(CallbackData, prefix="mback"):
    """Preview the rule as it was before this change."""

    change: Number


class ShowPlans(CallbackData, prefix="plans"):
    """Plans that owners price, on sale or hidden."""

    page: Number


class CostFor(CallbackData, prefix="cost"):
    """The next typed text is what one piece of this plan costs."""

    plan: Number


class ChangePlan(CallbackData, prefix="oplan"):
    """One of these plans, with all that can be changed about it."""

    plan: Number


class DaysFor(CallbackData, prefix="days"):
    """The next typed text is for how many days this plan works."""

    plan: Number


class MostFor(CallbackData, prefix="most"):
    """The next typed text is how many pieces one order of this plan takes at most."""

    plan: Number


class TitleFor(CallbackData, prefix="title"):
    """The next typed text is what this plan is called."""

    plan: Number


class HidePlan(CallbackData, prefix="hide"):
    """Offer this plan no more, or again; `hidden`: how it shall be, however it is."""

    plan: Number
    hidden: bool


class PlanHistory(CallbackData, prefix="planhist"):
    """Who changed which plan when; entries older than `before`, 0 is the newest page."""

    before: Number


class Inbox(CallbackData, prefix="inbox"):
    """Orders that need a person."""


class OwnerOrder(CallbackData, prefix="oorder"):
    """An order's whole history."""

    order: Number


class OwnerWallet(CallbackData, prefix="owallet"):
    """Somebody's money as an owner sees it: postings older than `before` (0: the newest)."""

    customer: Number
    before: Number


class ShowStrays(CallbackData, prefix="bind"):
    """Upstream orders that this order under review may be bound to."""

    order: Number


class Bind(CallbackData, prefix="bindto"):
    """This upstream order is that order's."""

    order: Number
    upstream_order: Number


class HandOver(CallbackData, prefix="byhand"):
    """The next typed text holds the credentials of this order."""

    order: Number


class GiveBack(CallbackData, prefix="giveback"):
    """Release the hold of an order under review; asks once before it does."""

    order: Number
    sure: bool


class KeepWaiting(CallbackData, prefix="wait"):
    """Let the lane look for this order again."""

    order: Number


class ShowSubscriptions(CallbackData, prefix="subs"):
    """Subscriptions that run, and those that are cancelled and still work."""


class CancelledByHand(CallbackData, prefix="subdone"):
    """An owner has cancelled this subscription at the upstream; asks once before it counts."""

    subscription: Number
    sure: bool


class RefundFor(CallbackData, prefix="refund"):
    """The next typed text is the reason for refunding this delivered order."""

    order: Number


class Reply(CallbackData, prefix="reply"):
    """The next typed text goes to this customer."""

    customer: Number
