"""The owner's screens: balances of customers, markup, the shop's state, orders to decide."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.callbacks import (
    AuditNow,
    Bind,
    Confirm,
    Drop,
    GiveBack,
    HandOver,
    Home,
    Inbox,
    KeepWaiting,
    MarkupHistory,
    OwnerOrder,
    RefundFor,
    Reply,
    Resume,
    RollBack,
    SaleNotices,
    Shop,
    ShowMarkup,
    ShowStrays,
    ShowSubscriptions,
    TopUpFor,
)
from bot.domain.customers import Person
from bot.domain.markup import PriceLine, RuleLine, RulePage
from bot.domain.money import Money
from bot.domain.orders import (
    MOVES,
    OPEN,
    Attempt,
    CustomerId,
    Move,
    Order,
    OrderId,
    OrderState,
    UpstreamOrder,
)
from bot.domain.requests import (
    MarkupPreview,
    PriceMove,
    RefundPreview,
    RequestId,
    TopUp,
    TopUpPreview,
)
from bot.domain.shop import Case, LaneState, OrderFile, Sent, ShopState, Stop
from bot.domain.wallets import Posting, PostingKind
from bot.i18n import Code, Joined, Text, Texts, lines, paragraphs
from bot.screens.base import MOST_LABEL, Button, Row, Screen, Style, short
from bot.screens.notices import (
    MOST_NAME,
    MOST_NOTE,
    as_is,
    cut,
    plan_of,
    released_because,
    reviewed_because,
    scope_words,
    state_words,
    units,
    upstream_name,
)

MOST_LISTED = 10


def pick_person(t: Texts) -> Screen:
    """Whose balance it is about: Telegram's own list of people, or the words to type."""
    return Screen(
        paragraphs(
            t("<b>Who gets the money?</b>"),
            t(
                "Pick the person with the button under the text field. Or write {example}, "
                "or answer a message forwarded from the person with {short}.",
                example=Code("/topup @name 10 thanks"),
                short=Code("/topup 10"),
            ),
        ),
        picks_person=t("Pick a person"),
    )


def unknown_person(t: Texts, bot_username: str) -> Screen:
    """Nobody with this id or name has started the bot, and what makes them known."""
    return Screen(
        paragraphs(
            t("Nobody with this id or @name has started the bot."),
            t(
                "Send the person the link {link}. Once they have tapped Start, try again. "
                "Names change: the number that Telegram gave the person is surer.",
                link=Code(f"https://t.me/{bot_username}"),
            ),
        ),
        (_shop(t),),
    )


def forwarded(t: Texts) -> Screen:
    """What an owner can do with a message that they have forwarded."""
    return Screen(
        paragraphs(
            t("<b>A message of somebody else's.</b>"),
            t(
                "To top its author up, answer that message with {topup}; "
                "to take money out, with {debit}.",
                topup=Code("/topup 10"),
                debit=Code("/debit 2.50 paid twice"),
            ),
        ),
        (_shop(t),),
    )


def hidden_person(t: Texts) -> Screen:
    """A forwarded message that does not say who wrote it, and the other ways."""
    return Screen(
        paragraphs(
            t("This message does not say whose account it came from."),
            t(
                "Write {example} with the person's id or @name, or send {short} alone "
                "and pick the person from the list.",
                example=Code("/topup @name 10"),
                short=Code("/topup"),
            ),
        ),
        (_shop(t),),
    )


def ask_amount(t: Texts, person: Person, problem: Text | None = None) -> Screen:
    """The next typed text is the amount, with a note after it; `problem` says what was wrong."""
    return Screen(
        paragraphs(
            problem,
            t("<b>How much for {person}?</b>", person=person),
            t(
                "Write the amount in USD, and a note if you like: {example}. "
                "You see everything before anything happens; /cancel leaves it.",
                example=Code("10 thanks for the help"),
            ),
        ),
        (_shop(t),),
        asks=TopUpFor(customer=person.id),
    )


def not_an_amount(t: Texts, typed: str) -> Text:
    """Why a typed amount is refused, and how to write one."""
    if not typed:
        return t("The amount is missing. Write it like 10 or 10.50.")
    if typed[:1] in {"-", "−", "–"}:  # noqa: RUF001 (what phones make of a minus)
        return t(
            "A top-up only adds money. To take money out, write {example}: "
            "it asks for a reason and never goes below zero.",
            example=Code("/debit @name 5 reason"),
        )
    return t(
        "“{typed}” is not an amount. Write it like 10 or 10.50, from 0.01 to 1000000, "
        "without signs, spaces or a currency. A note after it begins with a letter.",
        typed=short(typed, 40),
    )


def too_long(t: Texts, most: int) -> Text:
    """What was typed does not fit."""
    return t("This is too long: at most {most} characters, please.", most=most)


def top_up_refused(t: Texts, problem: Text) -> Screen:
    """A `/topup` that was not understood, and how to write one."""
    return Screen(
        paragraphs(problem, t("For example: {example}", example=Code("/topup @name 10 thanks"))),
        (_shop(t),),
    )


def debit_refused(t: Texts, problem: Text | None) -> Screen:
    """A `/debit` that was not understood, and how to write one."""
    return Screen(
        paragraphs(
            problem,
            t(
                "A debit takes money out of a balance and needs a reason. For example: {example}",
                example=Code("/debit @name 5 paid twice"),
            ),
        ),
        (_shop(t),),
    )


def not_a_debit(t: Texts, typed: str) -> Text:
    """Why the amount of a debit is refused."""
    if typed[:1] in {"-", "−", "–"}:  # noqa: RUF001
        return t("Write the amount without a minus.")
    return not_an_amount(t, typed)


def no_reason(t: Texts) -> Text:
    """A debit without a reason."""
    return t("Say why: the customer reads the reason.")


def top_up(t: Texts, preview: TopUpPreview) -> Screen:
    """What a top-up or debit would do, before it does it."""
    asked = preview.asked
    head = (
        t("<b>Take {amount} from {person}?</b>", amount=asked.amount, person=preview.person)
        if asked.is_debit
        else t("<b>Top up {person} by {amount}?</b>", person=preview.person, amount=asked.amount)
    )
    repeats = (
        t(
            "<b>Careful: the same was done already at {at}.</b> "
            "Confirm only if you want it a second time.",
            at=preview.repeats,
        )
        if preview.repeats
        else None
    )
    return Screen(
        paragraphs(
            head,
            lines(
                t("Balance: {before} → {after}", before=preview.before, after=preview.after),
                _note(t, asked),
            ),
            repeats,
            t("Nothing happens until you confirm, within ten minutes."),
        ),
        (_confirm(t("Confirm"), t("Drop"), preview.request),),
    )


def topped_up(t: Texts, asked: TopUp, person: Person, balance: Money) -> Screen:
    """What was done; a second tap on Confirm shows the same."""
    done = (
        t("<b>Done.</b> {amount} was taken from {person}.", amount=asked.amount, person=person)
        if asked.is_debit
        else t("<b>Done.</b> {person} got {amount}.", person=person, amount=asked.amount)
    )
    return Screen(
        paragraphs(
            lines(done, t("Balance: {balance}", balance=balance), _note(t, asked)),
            t("The customer and the other owners are told."),
        ),
        (
            (Button(t("Top up"), TopUpFor(customer=person.id)),),
            (*_shop(t), *_home(t)),
        ),
    )


def dropped(t: Texts) -> Screen:
    """A preview that was forgotten."""
    return Screen(t("Dropped. Nothing was changed."), ((*_shop(t), *_home(t)),))


def markup(
    t: Texts,
    rules: Iterable[RuleLine],
    samples: Iterable[PriceLine],
    *,
    is_applied: bool = False,
) -> Screen:
    """Rules in force and sample prices, each with the rule that decides it."""
    shown = [
        t(
            "{plan}: <b>{price}</b> (cost {cost}; {rule} for {scope})",
            plan=short(f"{one.plan.provider.name} {one.plan.title}", MOST_NAME),
            price=one.price,
            cost=one.plan.cost,
            rule=one.rule,
            scope=scope_words(t, one.decided_by),
        )
        for one in samples
    ]
    return Screen(
        paragraphs(
            t("<b>Done.</b> The new prices hold from now on.") if is_applied else None,
            lines(
                t("<b>Markup</b>"),
                _fitting(t, [_rule(t, line) for line in rules], 1_000),
            ),
            lines(t("<b>Sample prices</b>"), _fitting(t, shown, 1_500)) if shown else None,
            markup_grammar(t),
        ),
        (
            (
                Button(t("History"), MarkupHistory(before=0)),
                Button(t("🔄 Refresh"), ShowMarkup()),
            ),
            (*_shop(t), *_home(t)),
        ),
    )


def markup_grammar(t: Texts) -> Text:
    """How to write a rule."""
    return t(
        "To change a rule, write one of these; you see the prices before anything changes:\n"
        "{examples}\n"
        "A name with a space in it goes in quotes.",
        examples=Joined(
            (
                Code("/markup 20%"),
                Code("/markup nodemaven 15%"),
                Code('/markup nodemaven "1 GB" +0.50'),
                Code("/markup nodemaven 15% +0.20 min 0.30"),
                Code("/markup nodemaven off"),
            )
        ),
    )


def bad_markup(t: Texts, typed: str) -> Screen:
    """The part of a rule that was not understood, and how to write one."""
    return Screen(
        paragraphs(
            t("“{typed}” is not understood. Nothing was changed.", typed=short(typed, 100)),
            markup_grammar(t),
        ),
        ((Button(t("Markup"), ShowMarkup()), *_shop(t)),),
    )


def markup_preview(t: Texts, preview: MarkupPreview) -> Screen:
    """Prices old and new, before a rule holds."""
    scope = scope_words(t, preview.scope_name)
    rule = preview.asked.rule
    head = (
        t("<b>Remove the rule of {scope}?</b> The next wider one holds then.", scope=scope)
        if rule is None
        else t("<b>Set the markup of {scope} to {rule}?</b>", scope=scope, rule=rule)
    )
    moves = [_price_move(t, one, preview) for one in preview.moves]
    hidden = preview.concerned - len(moves)
    return Screen(
        paragraphs(
            head,
            lines(
                _fitting(t, moves, 2_000),
                t.n("… and {n} more plan.", "… and {n} more plans.", n=hidden)
                if hidden > 0
                else None,
            )
            if moves
            else t("No plan on sale is affected."),
            t.n(
                "{n} of these plans keeps its price: a narrower rule goes before this one.",
                "{n} of these plans keep their prices: a narrower rule goes before this one.",
                n=preview.shadowed,
            )
            if preview.shadowed
            else None,
            t("Nothing changes until you apply it, within ten minutes."),
        ),
        (_confirm(t("Apply"), t("Drop"), preview.request),),
    )


def _price_move(t: Texts, move: PriceMove, preview: MarkupPreview) -> Text:
    plan = short(f"{move.plan.provider.name} {move.plan.title}", MOST_NAME)
    if preview.asked.rule is not None and move.decided_by == preview.scope_name:
        return t("{plan}: {old} → <b>{new}</b>", plan=plan, old=move.old, new=move.new)
    return t(
        "{plan}: {old} → <b>{new}</b> ({rule} for {scope})",
        plan=plan,
        old=move.old,
        new=move.new,
        rule=move.rule,
        scope=scope_words(t, move.decided_by),
    )


def markup_history(t: Texts, page: RulePage) -> Screen:
    """Who changed which rule when; one tap leads to the preview of the way back."""
    shown = [
        t(
            "#{id} · {at} · {person}: {scope} → {rule}",
            id=one.change.id,
            at=one.change.at,
            person=short(one.person_name, MOST_NAME),
            scope=scope_words(t, one.name),
            rule=t("no rule") if one.change.rule is None else as_is(t, one.change.rule),
        )
        for one in page.changes
    ]
    undo = [
        Button(t("Undo #{id}", id=one.change.id), RollBack(change=one.change.id))
        for one in page.changes
    ]
    older = page.older
    return Screen(
        paragraphs(
            t("<b>Changes of the markup</b>"),
            _fitting(t, shown, 3_000) if shown else t("No rule was ever changed here."),
            t("Undo shows the prices before anything changes.") if shown else None,
        ),
        (
            *_rows(undo, 3),
            *(((Button(t("Older"), MarkupHistory(before=older)),),) if older else ()),
            (Button(t("Markup"), ShowMarkup()), *_shop(t)),
        ),
    )


def shop(t: Texts, state: ShopState, *, wants_sales: bool, is_green: bool = False) -> Screen:
    """The shop at a glance; what needs the owner comes first. `is_green`: audited just now."""
    stops = [_stop(t, stop, state.lanes) for stop in state.stops]
    catalog = (
        t("Price list: not read yet.")
        if state.catalog_read_at is None
        else t.n(
            "Price list: {n} plan, read {age} ago.",
            "Price list: {n} plans, read {age} ago.",
            n=state.plans,
            age=_age(t, state.catalog_read_at, state.at),
        )
    )
    sales = t.n(
        "Today (UTC): {n} order, {sales} in sales, {profit} in profit.",
        "Today (UTC): {n} orders, {sales} in sales, {profit} in profit.",
        n=state.today.orders,
        sales=state.today.sales,
        profit=state.today.profit,
    )
    needs = (
        t.n("<b>{n} order needs you.</b>", "<b>{n} orders need you.</b>", n=state.in_review)
        if state.in_review
        else t("No order needs you.")
    )
    undelivered = (
        t.n(
            "{n} message could not be delivered and was given up.",
            "{n} messages could not be delivered and were given up.",
            n=state.undelivered,
        )
        if state.undelivered
        else None
    )
    kept = lines(
        t("The books were audited {age} ago.", age=_age(t, state.audited_at, state.at))
        if state.audited_at
        else None,
        t("The newest backup is {age} old.", age=_age(t, state.backed_up_at, state.at))
        if state.backed_up_at
        else None,
    )
    # The stop of a lane ends by itself; only that of the whole shop waits for a person.
    is_stopped = any(stop.scope == "shop" for stop in state.stops)
    telling = (
        Button(t("Stop telling me of sales"), SaleNotices(on=False))
        if wants_sales
        else Button(t("Tell me of each sale"), SaleNotices(on=True))
    )
    return Screen(
        paragraphs(
            t("<b>The books balance:</b> every figure was recomputed from the postings.")
            if is_green
            else None,
            t("<b>The shop</b>"),
            _fitting(t, stops, 1_200) if stops else None,
            lines(
                _fitting(t, [_lane(t, lane, state.at) for lane in state.lanes], 1_200)
                if state.lanes
                else t("No account of a provider is set up."),
                catalog,
            ),
            lines(sales, needs, undelivered),
            t.n(
                "{n} subscription is not cancelled yet.",
                "{n} subscriptions are not cancelled yet.",
                n=state.running,
            )
            if state.running
            else None,
            kept if state.audited_at or state.backed_up_at else None,
        ),
        (
            *(((Button(t("Resume"), Resume(), Style.PRIMARY),),) if is_stopped else ()),
            (
                Button(t("Inbox ({n})", n=state.in_review), Inbox()),
                Button(t("Markup"), ShowMarkup()),
            ),
            *(
                ((Button(t("Subscriptions ({n})", n=state.subscriptions), ShowSubscriptions()),),)
                if state.subscriptions
                else ()
            ),
            (telling,),
            (Button(t("Audit the books"), AuditNow()),),
            (Button(t("🔄 Refresh"), Shop()), *_home(t)),
        ),
    )


def lists_unread(t: Texts) -> Text:
    """A backup was restored, and it is not known yet what was bought after it was made."""
    return t(
        "Not yet: the order lists of the providers are still to be read, because a backup was "
        "restored. Try again in a minute."
    )


def not_resumed(t: Texts) -> Text:
    """The audit found the books wrong still, so the stop stays."""
    return t(
        "The books do not balance yet, so selling stays stopped. "
        "Run the audit on the server: it says what differs."
    )


def inbox(t: Texts, cases: tuple[Case, ...], now: datetime) -> Screen:
    """Orders that need a person."""
    back = (Button(t("🔄 Refresh"), Inbox()), *_shop(t))
    if not cases:
        return Screen(t("No order needs you. New ones are announced here as a message."), (back,))
    shown = [
        t(
            "#{id} · {plan} for {price} · {person} · waits {age} · {candidates}",
            id=case.order.id,
            plan=plan_of(case.order),
            price=case.order.price,
            person=case.person,
            age=_age(t, case.order.moved_at, now),
            candidates=t.n(
                "{n} upstream order fits", "{n} upstream orders fit", n=case.candidates
            ),
        )
        for case in cases[:MOST_LISTED]
    ]
    more = len(cases) - len(shown)
    buttons = [
        Button(t("Order #{id}", id=case.order.id), OwnerOrder(order=case.order.id))
        for case in cases[:MOST_LISTED]
    ]
    return Screen(
        paragraphs(
            t.n("<b>{n} order needs you</b>", "<b>{n} orders need you</b>", n=len(cases)),
            _fitting(t, shown, 3_000),
            t.n("{n} more order comes after these.", "{n} more orders come after these.", n=more)
            if more
            else None,
            t("The money of these customers is held until you decide."),
        ),
        (*_rows(buttons, 2), back),
    )


def order(t: Texts, file: OrderFile) -> Screen:
    """An order's whole history, masked, with what an owner may still do about it."""
    one = file.order
    again = (Button(t("🔄 Refresh"), OwnerOrder(order=one.id)),)
    look = (again,) if one.state in OPEN else ()
    return Screen(
        paragraphs(
            lines(
                t("<b>Order #{id}: {state}</b>", id=one.id, state=state_words(t, one.state)),
                t(
                    "{plan}, {n} pc., for {price} (cost {cost}).",
                    plan=plan_of(one),
                    n=one.quantity,
                    price=one.price,
                    cost=one.cost,
                ),
                t("Customer: {person}", person=file.person),
                _reason(t, one),
                t(
                    "Account {lane}, upstream order {reference}",
                    lane=file.lane,
                    reference=Code(short(one.upstream_order_id, MOST_NAME)),
                )
                if one.upstream_order_id
                else t("Account {lane}, no upstream order yet", lane=file.lane),
            ),
            _section(t, t("<b>States</b>"), [_move(t, move) for move in file.moves], 1_200),
            _section(t, t("<b>Attempts</b>"), [_attempt(t, made) for made in file.attempts], 600),
            _section(t, t("<b>Money</b>"), [_posting(t, moved) for moved in file.postings], 700),
            _section(t, t("<b>Messages</b>"), [_sent(t, sent) for sent in file.notices], 700),
        ),
        (*_decisions(t, one), *look, (Button(t("Inbox"), Inbox()), *_shop(t))),
    )


def no_order(t: Texts) -> Screen:
    """How to name an order."""
    return Screen(
        t("Write the number of the order: {example}", example=Code("/order 42")),
        ((Button(t("Inbox"), Inbox()), *_shop(t)),),
    )


def strays(t: Texts, one: Order, found: tuple[UpstreamOrder, ...]) -> Screen:
    """Upstream orders that nothing explains yet, to bind this order to one of them."""
    back = _back_to(t, one.id)
    if not found:
        return Screen(
            paragraphs(
                t("The upstream's list holds no order that fits order #{id}.", id=one.id),
                t("Keep waiting, deliver by hand, or give the money back."),
            ),
            (back,),
        )
    shown = [
        t(
            "{reference} · {provider} {plan} · seen {at}",
            reference=Code(short(stray.reference, MOST_NAME)),
            provider=short(stray.provider or "–", MOST_NAME),
            plan=short(stray.plan or "–", MOST_NAME),
            at=stray.seen_at,
        )
        for stray in found[:MOST_LISTED]
    ]
    buttons = [
        Button(
            t("Bind {reference}", reference=short(stray.reference, MOST_LABEL - 10)),
            Bind(order=one.id, upstream_order=stray.id),
        )
        for stray in found[:MOST_LISTED]
    ]
    return Screen(
        paragraphs(
            t("<b>Which of these is order #{id}, {plan}?</b>", id=one.id, plan=plan_of(one)),
            _fitting(t, shown, 3_000),
            t("Bind charges the customer and delivers what the upstream order holds."),
        ),
        (*_rows(buttons, 1), back),
    )


def hand_over(
    t: Texts, order: OrderId, problem: Text | None = None, *, is_exchange: bool = False
) -> Screen:
    """The next typed text is delivered to the customer of this order."""
    return Screen(
        paragraphs(
            problem,
            t("<b>Deliver order #{id} by hand</b>", id=order),
            t(
                "Paste what the order holds now, one line for each: {example}; or send it as a "
                "text file. It takes the place of what was delivered, and nothing is charged; "
                "/cancel leaves it.",
                example=Code("host:port:user:pass"),
            )
            if is_exchange
            else t(
                "Paste what the customer gets, one line for each: {example}, or the code of a "
                "key order; or send it as a text file. It is charged and delivered at once; "
                "/cancel leaves it.",
                example=Code("host:port:user:pass"),
            ),
        ),
        (_back_to(t, order),),
        asks=HandOver(order=order),
    )


def bad_line(t: Texts, line: int) -> Text:
    """The pasted line that could not be read."""
    return t(
        "Line {line} could not be read. Nothing was delivered. No line may stand there twice.",
        line=line,
    )


def wrong_count(t: Texts, found: int, wanted: int) -> Text:
    """More or fewer lines than were bought."""
    return t(
        "{wanted} were bought, and these are {found} lines. Nothing was delivered.",
        wanted=wanted,
        found=found,
    )


def bad_file(t: Texts, most: int) -> Text:
    """A file that is no text, or too large."""
    return t(
        "This is not a text file of at most {most} KB in UTF-8. Nothing was delivered.",
        most=most // 1000,
    )


def delivered_before(t: Texts, order: OrderId) -> Text:
    """Somebody has some of what was pasted."""
    return t(
        "Order #{order} got some of this already, and nobody else may. Nothing was delivered.",
        order=order,
    )


def give_back(t: Texts, order: OrderId) -> Screen:
    """Once more before a hold is released: a delivery may still come."""
    return Screen(
        paragraphs(
            t("<b>Give the money of order #{id} back?</b>", id=order),
            t(
                "The customer is told that nothing was charged. If the provider made the order "
                "all the same, its cost is the shop's loss."
            ),
        ),
        (
            (
                Button(t("Keep it"), OwnerOrder(order=order)),
                Button(t("Give back"), GiveBack(order=order, sure=True), Style.DANGER),
            ),
        ),
    )


def ask_refund_reason(t: Texts, order: OrderId, problem: Text | None = None) -> Screen:
    """The next typed text is the reason of a refund."""
    return Screen(
        paragraphs(
            problem,
            t("<b>Why is order #{id} refunded?</b>", id=order),
            t(
                "Write the reason in a few words; the customer reads it. "
                "You see everything before anything happens; /cancel leaves it."
            ),
        ),
        (_back_to(t, order),),
        asks=RefundFor(order=order),
    )


def refund_preview(t: Texts, preview: RefundPreview) -> Screen:
    """What a refund would do, before it does it."""
    one = preview.order
    return Screen(
        paragraphs(
            t("<b>Refund order #{id}?</b>", id=one.id),
            lines(
                t(
                    "{plan}: {price} goes back to {person}.",
                    plan=plan_of(one),
                    price=one.price,
                    person=preview.person,
                ),
                t("Reason: {reason}", reason=cut(preview.reason, MOST_NOTE)),
            ),
            _not_taken_back(t, one),
            t("Nothing happens until you confirm, within ten minutes."),
        ),
        (_confirm(t("Confirm"), t("Drop"), preview.request),),
    )


def _not_taken_back(t: Texts, one: Order) -> Text:
    if not one.is_code:
        return t("The proxy itself is not taken back.")
    if one.shown_at is None:
        return t("The customer has not seen the code yet, and cannot after the refund.")
    return t("The customer saw the code at {at}, so it may be redeemed already.", at=one.shown_at)


def refunded(t: Texts, one: Order) -> Screen:
    """What was done; a second tap on Confirm shows the same."""
    return Screen(
        t(
            "<b>Done.</b> Order #{id} is refunded: {price} is back in the customer's balance. "
            "The customer and the other owners are told.",
            id=one.id,
            price=one.price,
        ),
        (_back_to(t, one.id), (*_shop(t), *_home(t))),
    )


def block_whom(t: Texts) -> Screen:
    """How to name the person to block or unblock."""
    return Screen(
        t(
            "Write whom: {block} or {unblock}, with an id or an @name.",
            block=Code("/block @name"),
            unblock=Code("/unblock @name"),
        ),
        (_shop(t),),
    )


def blocked(t: Texts, person: Person) -> Screen:
    """Buying and typing are stopped, and how to allow them again."""
    return Screen(
        paragraphs(
            t("<b>{person} is blocked.</b>", person=person),
            t(
                "Buying and writing are stopped; what was bought stays readable. "
                "To allow them again: {example}",
                example=Code(f"/unblock {person.id}"),
            ),
        ),
        (_shop(t),),
    )


def unblocked(t: Texts, person: Person) -> Screen:
    """Buying and typing are allowed again."""
    return Screen(t("{person} can buy and write again.", person=person), (_shop(t),))


def not_yourself(t: Texts) -> Screen:
    """An owner who is blocked could not type the way out."""
    return Screen(t("You cannot block yourself. Name somebody else."), (_shop(t),))


def ask_reply(t: Texts, person: Person, problem: Text | None = None) -> Screen:
    """The next typed text goes to this customer."""
    return Screen(
        paragraphs(
            problem,
            t("<b>What shall {person} read?</b>", person=person),
            t("Write it here; it is sent as it is. /cancel leaves it."),
        ),
        (_shop(t),),
        asks=Reply(customer=person.id),
    )


def replied(t: Texts, customer: CustomerId) -> Screen:
    """The words are on their way."""
    return Screen(
        t("Sent."),
        (
            (
                Button(t("Write more"), Reply(customer=customer)),
                Button(t("Top up"), TopUpFor(customer=customer)),
            ),
            (*_shop(t), *_home(t)),
        ),
    )


def _note(t: Texts, asked: TopUp) -> Text | None:
    if not asked.note:
        return None
    note = cut(asked.note, MOST_NOTE)
    return t("Reason: {reason}", reason=note) if asked.is_debit else t("Note: {note}", note=note)


def _confirm(yes: Text, no: Text, request: RequestId) -> Row:
    return (
        Button(no, Drop(request=request)),
        Button(yes, Confirm(request=request), Style.SUCCESS),
    )


def _home(t: Texts) -> Row:
    return (Button(t("🏠 Home"), Home()),)


def _shop(t: Texts) -> Row:
    return (Button(t("🛠 Shop"), Shop()),)


def _back_to(t: Texts, order: OrderId) -> Row:
    return (Button(t("Order #{id}", id=order), OwnerOrder(order=order)),)


def _rows(buttons: list[Button], width: int) -> tuple[Row, ...]:
    return tuple(tuple(buttons[start : start + width]) for start in range(0, len(buttons), width))


def _rule(t: Texts, line: RuleLine) -> Text:
    scope = scope_words(t, line.name)
    if line.is_default:
        return t("{scope}: <b>{rule}</b>, from the settings", scope=scope, rule=line.rule)
    return t("{scope}: <b>{rule}</b>", scope=scope, rule=line.rule)


def _age(t: Texts, since: datetime, now: datetime) -> Text:
    seconds = max(int((now - since).total_seconds()), 0)
    if seconds < 120:
        return t("{n} s", n=seconds)
    if seconds < 2 * 3600:
        return t("{n} min", n=seconds // 60)
    if seconds < 2 * 86_400:
        return t("{n} h", n=seconds // 3600)
    return t("{n} days", n=seconds // 86_400)


def _stop(t: Texts, stop: Stop, lanes: tuple[LaneState, ...]) -> Text:
    why = _stopped_because(t, stop.reason)
    if stop.scope == "shop":
        return t(
            "<b>Selling has been stopped</b> since {since}: {reason}.",
            since=stop.since,
            reason=why,
        )
    number = stop.scope.removeprefix("lane:")
    upstream = next((lane.upstream for lane in lanes if str(lane.id) == number), "")
    return t(
        "<b>{upstream} account {lane} has been stopped</b> since {since}: {reason}.",
        upstream=upstream_name(upstream),
        lane=short(number, MOST_NAME),
        since=stop.since,
        reason=why,
    )


def _stopped_because(t: Texts, reason: str) -> Text:
    match reason:
        case "audit" | "audit_red":
            return t("the books do not balance")
        case "restored":
            return t("a backup was restored")
        case "out_of_service":
            return t("the provider does not serve this account")
        case "unauthorized" | "invalid_api_key":
            return t("the token was refused")
        case "insufficient_balance":
            return t("fund the account")
        case "insufficient_permissions":
            return t("the key lacks a permission")
        case "same_account":
            return t("two tokens belong to this account")
        case "shared_account":
            return t("somebody else buys with this account")
        case "lane_without_token":
            return t("no token in the settings")
        case _:
            return as_is(t, short(reason, MOST_NAME))


def _lane(t: Texts, lane: LaneState, now: datetime) -> Text:
    upstream = upstream_name(lane.upstream)
    if not lane.has_token:
        return t(
            "{upstream} account {lane}: no token in the settings", upstream=upstream, lane=lane.id
        )
    if not lane.is_listed:
        return t(
            "{upstream} account {lane}: its order list could not be read, so nothing is sold",
            upstream=upstream,
            lane=lane.id,
        )
    if not lane.has_balance:
        return t(
            "{upstream} account {lane}: {waiting} in line",
            upstream=upstream,
            lane=lane.id,
            waiting=lane.waiting,
        )
    if lane.balance is None or lane.read_at is None:
        return t(
            "{upstream} account {lane}: balance not read yet", upstream=upstream, lane=lane.id
        )
    return t(
        "{upstream} account {lane}: {balance}, read {age} ago, {waiting} in line",
        upstream=upstream,
        lane=lane.id,
        balance=lane.balance,
        age=_age(t, lane.read_at, now),
        waiting=lane.waiting,
    )


def _reason(t: Texts, one: Order) -> Text | None:
    if not one.reason:
        return None
    if one.state is not OrderState.RELEASED:
        return t("Reason: {reason}", reason=reviewed_because(t, one.reason))
    # The code stands beside the customer's words: an owner may need the exact one.
    return t(
        "Reason: {reason} ({code})",
        reason=released_because(t, one.reason),
        code=short(one.reason, MOST_NAME),
    )


def _decisions(t: Texts, one: Order) -> tuple[Row, ...]:
    can = MOVES[one.state]
    by_hand = Button(t("Deliver by hand"), HandOver(order=one.id))
    answer = Button(t("Write to customer"), Reply(customer=one.customer))
    match one.state:
        case OrderState.REVIEW:
            return (
                (Button(t("Bind"), ShowStrays(order=one.id)), by_hand),
                (
                    Button(t("Give money back"), GiveBack(order=one.id, sure=False)),
                    Button(t("Keep waiting"), KeepWaiting(order=one.id)),
                ),
                (answer,),
            )
        case OrderState.PREPARING if OrderState.DELIVERED in can:
            return ((by_hand, answer),)
        case _ if OrderState.REFUNDED in can:
            return ((Button(t("Refund"), RefundFor(order=one.id)), answer),)
        case _:
            return ((answer,),)


def _move(t: Texts, move: Move) -> Text:
    note = t(" ({note})", note=short(move.note, MOST_NAME)) if move.note else ""
    return t(
        "{at} · {state}, by {actor}{note}",
        at=move.at,
        state=state_words(t, move.target),
        actor=_actor(t, move.actor),
        note=note,
    )


def _actor(t: Texts, actor: str) -> Text:
    match actor.partition(":"):
        case ("shop", _, _):
            return t("the bot")
        case ("customer", _, _):
            return t("the customer")
        case ("owner", _, number):
            return t("owner {id}", id=short(number, 20))
        case _:
            return as_is(t, short(actor, 40))


def _attempt(t: Texts, made: Attempt) -> Text:
    return t(
        "{number}. {at} · {outcome}",
        number=made.number,
        at=made.sent_at,
        outcome=as_is(t, short(made.outcome, MOST_NAME)) if made.outcome else t("no answer known"),
    )


def _posting(t: Texts, moved: Posting) -> Text:
    amount = Money(abs(moved.change.micros), moved.change.currency)
    return t("{at} · {words}: {amount}", at=moved.at, words=_moved(t, moved.kind), amount=amount)


def _moved(t: Texts, kind: PostingKind) -> Text:
    match kind:
        case PostingKind.TOPUP:
            return t("topped up")
        case PostingKind.DEBIT:
            return t("debited")
        case PostingKind.HOLD:
            return t("held")
        case PostingKind.CAPTURE:
            return t("charged")
        case PostingKind.RELEASE:
            return t("given back")
        case PostingKind.REFUND:
            return t("refunded")
        case PostingKind.COST:
            return t("paid to the upstream")
        case PostingKind.STRAY:
            return t("lost to a stray order")


def _sent(t: Texts, sent: Sent) -> Text:
    return t(
        "{at} · {what} to {to}: {outcome}",
        at=sent.at,
        what=_told(t, sent.kind),
        to=sent.to,
        outcome=_outcome(t, sent),
    )


def _outcome(t: Texts, sent: Sent) -> Text:
    match sent.outcome:
        case "sent":
            return t("sent")
        case "dead":
            return t("given up")
        case None | "":
            return t("on its way") if sent.done_at is None else t("sent")
        case other:
            return as_is(t, short(other, 40))


def _told(t: Texts, kind: str) -> Text:
    match kind:
        case "order_moved":
            return t("screen of the order")
        case "order_delivered":
            return t("credentials")
        case "order_in_doubt":
            return t("“being checked”")
        case "order_in_review":
            return t("“a person is checking”")
        case "order_released":
            return t("“not charged”")
        case "order_refunded":
            return t("“refunded”")
        case "usage_alerted" | "usage_unwatched":
            return t("usage alert")
        case "proxy_tested":
            return t("test of the proxy")
        case "customer_complains":
            return t("complaint")
        case "order_needs_person":
            return t("“needs you”")
        case "order_decided":
            return t("decision")
        case "sold":
            return t("sale")
        case _:
            return as_is(t, short(kind, 40))


def _section(t: Texts, head: Text, found: list[Text], most: int) -> Joined | None:
    return lines(head, _fitting(t, found, most, newest=True)) if found else None


def _fitting(t: Texts, found: list[Text], most: int, *, newest: bool = False) -> Joined:
    """As many lines as fit into `most` units, first or newest; the rest is counted."""
    kept: list[Text] = []
    left = most
    for line in reversed(found) if newest else found:
        left -= units(line.plain()) + 1
        if left < 0:
            break
        kept.append(line)
    hidden = len(found) - len(kept)
    if not hidden:
        return lines(*found)
    if newest:
        earlier = t.n("… {n} earlier line", "… {n} earlier lines", n=hidden)
        return lines(earlier, *reversed(kept))
    return lines(*kept, t.n("… and {n} more line", "… and {n} more lines", n=hidden))
