"""What owners are told by the shop: each one is kept and offers the next step."""

from __future__ import annotations

from bot.callbacks import (
    HandOver,
    Inbox,
    OwnerOrder,
    Reply,
    RollBack,
    Shop,
    ShowMarkup,
    ShowPlans,
    ShowSubscriptions,
    TopUpFor,
)
from bot.domain.customers import Person
from bot.domain.markup import NamedChange
from bot.domain.notices import (
    BackupMade,
    CustomerAsks,
    CustomerComplains,
    MarkupMoved,
    OrderDecided,
    OrderNeedsPerson,
    OrderToDeliver,
    PlanMoved,
    Sold,
    StrayFound,
    SubscriptionRuns,
    WalletMoved,
)
from bot.domain.orders import Order
from bot.domain.plans import NamedPlanChange, PlanDeed
from bot.domain.usage import AskBot, Measured, Unknowable, Unreachable, UsageSeen
from bot.i18n import Code, Text, Texts, Value, lines, paragraphs
from bot.screens.base import Button, Row, Screen, Style, short, to_shop
from bot.screens.words import (
    MOST_NAME,
    MOST_NOTE,
    MOST_WORDS,
    as_is,
    cut,
    or_none,
    plan_of,
    reviewed_because,
    scope_words,
    state_words,
    upstream_name,
)


def customer_asks(t: Texts, notice: CustomerAsks, person: Person) -> Screen:
    """A customer's words, with what an owner most often does about them."""
    return _kept(
        paragraphs(
            t("<b>{person} asks:</b>", person=person),
            as_is(t, cut(notice.words, MOST_WORDS)),
        ),
        (
            Button(t("Top up"), TopUpFor(customer=person.id)),
            Button(t("Reply"), Reply(customer=person.id)),
        ),
    )


def customer_complains(
    t: Texts, _: CustomerComplains, order: Order, person: Person, seen: UsageSeen | None
) -> Screen:
    """Something is wrong with an order: whose it is, and its traffic as last read."""
    return _kept(
        paragraphs(
            t(
                "<b>{person} says that something is wrong with order #{id}.</b>",
                person=person,
                id=order.id,
            ),
            lines(
                t(
                    "{plan} for {price}, accepted {at}: {state}.",
                    plan=plan_of(order),
                    price=order.price,
                    at=order.accepted_at,
                    state=state_words(t, order.state),
                ),
                _last_usage(t, seen),
            ),
            t("Look at the order, then answer the customer."),
        ),
        (
            Button(t("Order #{id}", id=order.id), OwnerOrder(order=order.id)),
            Button(t("Reply"), Reply(customer=person.id)),
        ),
    )


def wallet_moved(t: Texts, notice: WalletMoved, by: Person, person: Person) -> Screen:
    """Which owner moved whose money."""
    said = (
        t(
            "{by} took {amount} from the balance of {person}. It is {balance} now.",
            by=by,
            amount=notice.amount,
            person=person,
            balance=notice.balance,
        )
        if notice.is_debit
        else t(
            "{by} topped up {person} by {amount}. The balance is {balance} now.",
            by=by,
            person=person,
            amount=notice.amount,
            balance=notice.balance,
        )
    )
    note = t("Note: {note}", note=cut(notice.note, MOST_NOTE)) if notice.note else None
    return _kept(lines(said, note), to_shop(t))


def markup_moved(t: Texts, _: MarkupMoved, by: Person, named: NamedChange) -> Screen:
    """Which owner changed which rule, with the way back."""
    name = scope_words(t, named.name)
    said = (
        t("{by} removed the markup rule of {scope}.", by=by, scope=name)
        if named.change.rule is None
        else t(
            "{by} set the markup of {scope} to {rule}.", by=by, scope=name, rule=named.change.rule
        )
    )
    return _kept(
        said,
        (
            Button(t("Markup"), ShowMarkup()),
            Button(t("Undo #{id}", id=named.change.id), RollBack(change=named.change.id)),
        ),
    )


def plan_moved(t: Texts, _: PlanMoved, by: Person, changed: NamedPlanChange) -> Screen:
    """Which owner changed which plan, with the way to all of them."""
    return _kept(_plan_moved(t, by, changed), (Button(t("Plans"), ShowPlans(page=0)),))


def _plan_moved(t: Texts, by: Person, changed: NamedPlanChange) -> Text:
    plan, change = short(changed.name, MOST_NAME), changed.change
    match change.deed:
        case PlanDeed.COST:
            return t(
                "{by} changed the cost of {plan}: {old} → {new}.",
                by=by,
                plan=plan,
                old=change.old,
                new=change.new,
            )
        case PlanDeed.DAYS:
            return t(
                "{by} changed the days of {plan}: {old} → {new}.",
                by=by,
                plan=plan,
                old=or_none(change.old),
                new=change.new,
            )
        case PlanDeed.MOST:
            return t(
                "{by} changed the most pieces of one order of {plan}: {old} → {new}.",
                by=by,
                plan=plan,
                old=change.old,
                new=change.new,
            )
        case PlanDeed.TITLE:
            return t(
                "{by} changed the title of a plan: {old} → {new}.",
                by=by,
                old=short(str(change.old), MOST_NAME),
                new=short(str(change.new), MOST_NAME),
            )
        case PlanDeed.HIDE:
            return t("{by} hid {plan}: it is not sold now.", by=by, plan=plan)
        case PlanDeed.SHOW:
            return t("{by} put {plan} on sale again.", by=by, plan=plan)


def order_needs_person(t: Texts, notice: OrderNeedsPerson, order: Order, person: Person) -> Screen:
    """An order under review, why, and for how long by now; after a day in other words."""
    if notice.hours < 24:
        head = t("<b>Order #{id} needs you.</b>", id=order.id)
        waits = t("It has waited for {hours} h.", hours=notice.hours) if notice.hours else None
    else:
        head = t(
            "<b>Order #{id} has waited for {hours} h, and so has a customer's money.</b>",
            id=order.id,
            hours=notice.hours,
        )
        waits = t("Nothing moves on until one of the owners decides. Please do it today.")
    return _kept(
        paragraphs(
            head,
            lines(
                t(
                    "{plan} for {price}, {person}.",
                    plan=plan_of(order),
                    price=order.price,
                    person=person,
                ),
                t("Reason: {reason}.", reason=reviewed_because(t, order.reason)),
                waits,
            ),
            t("The customer's money is held until you decide."),
        ),
        (
            Button(t("Decide"), OwnerOrder(order=order.id), Style.PRIMARY),
            Button(t("Inbox"), Inbox()),
        ),
    )


def order_to_deliver(t: Texts, _: OrderToDeliver, order: Order, person: Person) -> Screen:
    """An order that was made, and whose credentials only an owner can find."""
    return _kept(
        paragraphs(
            t("<b>Order #{id} waits for you to deliver it.</b>", id=order.id),
            lines(
                t(
                    "{plan} for {price}, {person}.",
                    plan=plan_of(order),
                    price=order.price,
                    person=person,
                ),
                t(
                    "Order at the provider: {reference}",
                    reference=Code(short(order.upstream_order_id or "–", MOST_NAME)),
                ),
            ),
            t.n(
                "Copy its proxy from the provider's site, and paste the line here or send it as "
                "a text file. The price is held until then.",
                "Copy its {n} proxies from the provider's site, and paste the lines here or send "
                "them as a text file. The price is held until then.",
                n=order.quantity,
            ),
        ),
        (
            Button(t("Deliver by hand"), HandOver(order=order.id), Style.PRIMARY),
            Button(t("Order #{id}", id=order.id), OwnerOrder(order=order.id)),
        ),
    )


def subscription_runs(t: Texts, notice: SubscriptionRuns) -> Screen:
    """A subscription that is not cancelled yet, and what it will cost."""
    return _kept(
        paragraphs(
            t(
                "<b>A subscription at {upstream} is not cancelled yet:</b> {reference}.",
                upstream=upstream_name(notice.upstream),
                reference=short(notice.reference, MOST_NAME),
            ),
            t(
                "The bot goes on trying. If it does not succeed before {at}, you pay for another "
                "period: then cancel it on the provider's site, and say so under Subscriptions.",
                at=notice.ends_at,
            ),
        ),
        (Button(t("Subscriptions"), ShowSubscriptions()), *to_shop(t)),
    )


def order_decided(t: Texts, notice: OrderDecided, by: Person, order: Order) -> Screen:
    """What another owner decided about an order, so that nobody decides it again."""
    return _kept(
        t(
            "Order #{id}, {plan}: {by} {decided}. The order is {state}.",
            id=order.id,
            plan=plan_of(order),
            by=by,
            decided=_decided(t, notice.decision),
            state=state_words(t, order.state),
        ),
        (Button(t("Order #{id}", id=order.id), OwnerOrder(order=order.id)),),
    )


def sold(t: Texts, _: Sold, order: Order, person: Person) -> Screen:
    """A sale and what it earned."""
    return _kept(
        t(
            "Sold: {plan} for {price} to {person}. Profit: {profit}.",
            plan=plan_of(order),
            price=order.price,
            person=person,
            profit=order.price - order.cost,
        ),
        (Button(t("Order #{id}", id=order.id), OwnerOrder(order=order.id)),),
    )


def stray_found(t: Texts, notice: StrayFound) -> Screen:
    """An upstream order that nothing explains, and what to do about it."""
    return _kept(
        paragraphs(
            lines(
                t(
                    "<b>{upstream} holds an order that no order of the shop explains:</b> "
                    "{reference}.",
                    upstream=upstream_name(notice.upstream),
                    reference=short(notice.reference, MOST_NAME),
                ),
                t("Its cost of {cost} is booked as a loss.", cost=notice.cost)
                if notice.cost
                else None,
                t("It is a subscription, and the bot cancels it.")
                if notice.is_paid_again
                else None,
            ),
            t(
                "If somebody bought with this account by hand, use another account for that: "
                "this one must belong to the bot alone. Otherwise see whether an order in the "
                "inbox waits for it."
            ),
        ),
        (Button(t("Inbox"), Inbox()), Button(t("🛠 Shop"), Shop())),
    )


def backup_made(t: Texts, notice: BackupMade) -> Screen:
    """The sealed backup of a day, as a file."""
    return Screen(
        t(
            "<b>The backup of the day.</b> It is sealed: without the shop's key nobody can read "
            "it, not even the money in it. Keep the key elsewhere than the backups."
        ),
        (to_shop(t),),
        kept=True,
        attached=notice.file,
    )


def _decided(t: Texts, decision: str) -> Text:
    match decision:
        case "given_back":
            return t("gave the money back")
        case "refunded":
            return t("refunded it")
        case "bound":
            return t("bound it to an upstream order")
        case "by_hand":
            return t("delivered it by hand")
        case "exchanged":
            return t("said what it holds after its exchange")
        case "kept_waiting":
            return t("lets the bot look for it again")
        case _:
            return t("decided: {decision}", decision=short(decision, MOST_NAME))


def _last_usage(t: Texts, seen: UsageSeen | None) -> Text:
    match seen:
        case Measured(traffic, at) | Unreachable(Measured(traffic, at)):
            return t(
                "Usage, read {at}: {used} used, {left} left, {total} in total.",
                at=at,
                used=short(traffic.used or "–", MOST_NAME),
                left=short(traffic.remaining or "–", MOST_NAME),
                total=short(traffic.total or "–", MOST_NAME),
            )
        case AskBot():
            return t("The provider shows usage in its own bot.")
        case Unknowable():
            return t("This plan has no usage check.")
        case Unreachable() | None:
            return t("Its usage was never read.")


def _kept(body: Value, *rows: Row) -> Screen:
    return Screen(body, rows, kept=True)
