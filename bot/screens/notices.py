"""Notices as messages: each one is kept, says what happened and offers the next step."""

from __future__ import annotations

from bot.callbacks import (
    AskOwner,
    Browse,
    Buy,
    BuyMany,
    HandOver,
    Inbox,
    OwnerOrder,
    Reply,
    RollBack,
    Shop,
    ShowBalance,
    ShowMarkup,
    ShowOrder,
    ShowPlan,
    ShowSubscriptions,
    TopUpFor,
)
from bot.domain.catalog import Offer
from bot.domain.customers import Person
from bot.domain.markup import NamedChange
from bot.domain.notices import (
    BackupMade,
    CustomerAsks,
    CustomerComplains,
    MarkupMoved,
    OrderDecided,
    OrderInDoubt,
    OrderInReview,
    OrderNeedsPerson,
    OrderRefunded,
    OrderReleased,
    OrderToDeliver,
    OwnerReplied,
    Sold,
    StrayFound,
    SubscriptionRuns,
    Trouble,
    WalletChanged,
    WalletMoved,
)
from bot.domain.orders import Order, OrderState
from bot.domain.usage import AskBot, Measured, Unknowable, Unreachable, UsageSeen
from bot.i18n import Code, Text, Texts, Value, lines, paragraphs
from bot.screens.base import MOST_LABEL, Button, Row, Screen, Style, short

# Telegram allows 4096 characters; what people wrote shares them with our own words.
MOST_WORDS = 3_500
MOST_NOTE = 300
MOST_NAME = 80

_UPSTREAMS = {"gateproxy": "GateProxy", "statproxies": "StatProxies"}


def order_in_doubt(t: Texts, notice: OrderInDoubt, order: Order) -> Screen:
    """The provider did not answer; what is held, and until when."""
    return _kept(
        paragraphs(
            t(
                "The provider did not answer about order #{id}, {plan}. We are checking. "
                "At most 15 minutes; then you get the code or your money back.",
                id=order.id,
                plan=plan_of(order),
            )
            if order.is_code
            else t(
                "The provider did not answer about order #{id}, {plan}. We are checking. "
                "At most 15 minutes; then you get the proxy or your money back.",
                id=order.id,
                plan=plan_of(order),
            ),
            t("{price} is held, not spent.", price=order.price),
            t("Other orders of this provider wait as well until it is known.")
            if notice.lane_waits
            else None,
        ),
        _order_row(t, order),
    )


def order_in_review(t: Texts, _: OrderInReview, order: Order) -> Screen:
    """A person decides about the order; the money is held."""
    return _kept(
        paragraphs(
            t(
                "A person is checking your order #{id}, {plan}. Your money is held.",
                id=order.id,
                plan=plan_of(order),
            ),
            t(
                "You get a message here as soon as it is decided: what you bought, or "
                "{price} back.",
                price=order.price,
            ),
        ),
        _order_row(t, order),
    )


def order_released(t: Texts, notice: OrderReleased, order: Order, intent: str) -> Screen:
    """Not charged, and why; a new price comes with a button that buys at it, as `intent`."""
    if order.reason == "cancelled":
        said: Value = t(
            "Order #{id}, {plan}, is cancelled. {price} is back in your balance.",
            id=order.id,
            plan=plan_of(order),
            price=order.price,
        )
    else:
        said = lines(
            t(
                "Not charged: {price} for order #{id}, {plan}, is back in your balance.",
                price=order.price,
                id=order.id,
                plan=plan_of(order),
            ),
            t("Reason: {reason}.", reason=released_because(t, order.reason)),
        )
    look = Button(t("See the plan"), ShowPlan(plan=order.plan, again=False))
    browse = Button(t("🛒 Browse"), Browse())
    if notice.new_price is not None:
        # The first order bought nothing, so this purchase is no accidental second one.
        micros = notice.new_price.micros
        if order.quantity == 1:
            buy = Button(
                t("Buy for {price}", price=notice.new_price),
                Buy(plan=order.plan, micros=micros, intent=intent, again=True),
                Style.SUCCESS,
            )
        else:
            buy = Button(
                t("Buy {n} for {price}", n=order.quantity, price=notice.new_price),
                BuyMany(
                    plan=order.plan, quantity=order.quantity, micros=micros, intent=intent,
                    again=True,
                ),
                Style.SUCCESS,
            )  # fmt: skip
        return _kept(
            paragraphs(
                said,
                t(
                    "The price was {old} and is <b>{new}</b> now. Buy at the new price, "
                    "or look around.",
                    old=order.price,
                    new=notice.new_price,
                ),
            ),
            (buy,),
            (look, browse),
        )
    if order.reason == "plan_gone":
        return _kept(paragraphs(said, t("Other plans are in the shop.")), (browse,))
    if order.reason == "cancelled":
        return _kept(said, (look, browse))
    return _kept(
        paragraphs(said, t("You can try again later, or pick another plan.")), (look, browse)
    )


def order_refunded(t: Texts, notice: OrderRefunded, order: Order) -> Screen:
    """A delivered order's price came back, and why."""
    return _kept(
        lines(
            t(
                "Order #{id}, {plan}, is refunded. {price} is back in your balance.",
                id=order.id,
                plan=plan_of(order),
                price=order.price,
            ),
            t("Reason: {reason}", reason=cut(notice.reason, MOST_NOTE)) if notice.reason else None,
        ),
        (
            Button(t("💰 Balance"), ShowBalance(before=0)),
            Button(t("🛒 Browse"), Browse()),
        ),
    )


def wallet_changed(t: Texts, notice: WalletChanged, wanted: Offer | None) -> Screen:
    """The balance moved, and why; `wanted` is the plan that money was missing for."""
    said = (
        t(
            "<b>{amount}</b> was taken from your balance. You have {balance} now.",
            amount=notice.amount,
            balance=notice.balance,
        )
        if notice.is_debit
        else t(
            "<b>{amount}</b> is added to your balance. You have {balance} now.",
            amount=notice.amount,
            balance=notice.balance,
        )
    )
    note = None
    if notice.note:
        why = cut(notice.note, MOST_NOTE)
        note = (
            t("Reason: {reason}", reason=why) if notice.is_debit else t("Note: {note}", note=why)
        )
    everywhere = (
        Button(t("🛒 Browse"), Browse()),
        Button(t("💰 Balance"), ShowBalance(before=0)),
    )
    if wanted is None or notice.is_debit:
        return _kept(lines(said, note), everywhere)
    plan = short(f"{wanted.plan.provider.name} {wanted.plan.title}", MOST_NAME)
    back = Button(
        t("Back to {plan}", plan=short(plan, MOST_LABEL - 10)),
        ShowPlan(plan=wanted.plan.id, again=False),
        Style.PRIMARY,
    )
    return _kept(
        paragraphs(
            lines(said, note),
            t("You wanted {plan} for {price}.", plan=plan, price=wanted.price),
        ),
        (back,),
        everywhere,
    )


def owner_replied(t: Texts, notice: OwnerReplied) -> Screen:
    """An owner's answer in the owner's own words."""
    return _kept(
        paragraphs(t("<b>The shop answers:</b>"), as_is(t, cut(notice.words, MOST_WORDS))),
        (Button(t("Answer"), AskOwner()),),
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
    return _kept(lines(said, note), _shop_row(t))


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
        (Button(t("Subscriptions"), ShowSubscriptions()), *_shop_row(t)),
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
        (_shop_row(t),),
        kept=True,
        attached=notice.file,
    )


def trouble(t: Texts, notice: Trouble) -> Screen:
    """What is wrong, and what the owner does about it."""
    return _kept(_trouble(t, notice.code, cut(notice.detail, MOST_NOTE)), _shop_row(t))


def _trouble(t: Texts, code: str, detail: str) -> Value:
    match code:
        case "out_of_service":
            return _out_of_service(t, detail)
        case "unknown_code":
            said = t(
                "<b>The provider answered with a code that the bot does not know.</b> "
                "The money of the order is held where the answer leaves a doubt. "
                "Look it up in the provider's documents, and see whether a newer bot knows it."
            )
        case "refused":
            said = t(
                "<b>The provider refused an order.</b> The customer has the money back. "
                "If it happens again, look at the provider's site and at the plans it sells."
            )
        case "catalog_old":
            said = t(
                "<b>The price list is old.</b> Nothing is sold from it until it is read again. "
                "See whether the provider's site answers and the token is right."
            )
        case "audit_red":
            said = t(
                "<b>The books do not balance, so selling is stopped.</b> "
                "On the server, <code>python -m bot audit</code> says what differs. "
                "Selling goes on after a green audit and your tap on Resume."
            )
        case "restored":
            said = t(
                "<b>A backup was restored, so the shop is read-only.</b> What happened after it "
                "was made is not in the books. Read the messages that follow, decide about the "
                "orders in the inbox, and tap Resume. Then enter the top-ups and debits since "
                "that time again."
            )
        case "restored_money":
            said = t(
                "<b>These movements are not in the restored books.</b> "
                "Enter each of them again after Resume, if it is still right."
            )
        case "restored_orders" if detail == "0":
            return t(
                "<b>The provider's list holds nothing that the restored books do not know.</b>"
            )
        case "restored_orders":
            said = t(
                "<b>Orders at the provider that the restored books do not know.</b> "
                "They were made after the backup: no order of the shop takes them over, and "
                "nothing is booked for them. Bind one to an order in the inbox if it is its own."
            )
        case "backup_failed":
            said = t(
                "<b>The backup failed.</b> The shop goes on selling, but what happens now is "
                "kept in one place only. See to it on the server."
            )
        case "backup_old":
            said = t(
                "<b>The newest backup is old.</b> "
                "See on the server whether the folder of the backups can be written."
            )
        case "backup_too_large":
            said = t(
                "<b>The backup is too large for Telegram.</b> It lies in its folder on the "
                "server: copy it to another host from there."
            )
        case "disk_full":
            said = t(
                "<b>The disk of the shop is almost full.</b> When it is, nothing can be sold "
                "until there is room again. Free some now."
            )
        case "no_answer":
            said = t(
                "<b>The provider does not answer:</b> three orders are in doubt within ten "
                "minutes. Their money is held and the bot is finding out. "
                "See whether the provider's site works."
            )
        case "overdue":
            said = t(
                "<b>An order does not move on.</b> Its money is held. "
                "The log on the server says what keeps it; a new start of the bot may help."
            )
        case "notices_late":
            said = t(
                "<b>Messages to customers are late.</b> None is lost, and the bot goes on trying. "
                "If it stays so, see whether Telegram works and what the log says."
            )
        case "in_service":
            said = t(
                "<b>The bot's account at the provider works again.</b> "
                "Selling there goes on; there is nothing to do."
            )
        case "same_account":
            said = t(
                "<b>Two tokens belong to one account of the provider.</b> "
                "Remove one of them from the settings and start the bot again."
            )
        case "lane_without_token":
            said = t(
                "<b>An account with unfinished orders has no token in the settings.</b> "
                "Put the token back, or decide about each order in the inbox."
            )
        case "shared_account":
            said = t(
                "<b>Somebody else buys with the bot's account at the provider.</b> "
                "Orders in doubt come to the inbox now. "
                "Give the bot an account of its own."
            )
        case "notice_dead":
            said = t(
                "<b>A message could not be delivered and was given up.</b> "
                "Reach the person in another way if it matters."
            )
        case "no_exchange":
            said = t(
                "<b>The bot's account at the provider may not exchange proxies.</b> Nobody is "
                "offered it for a week. Ask the provider's support for it if you want it; "
                "selling is not affected."
            )
        case "second_poller":
            said = t(
                "<b>Somebody else runs with the bot's token.</b> Taps and messages reach only one "
                "of the two. Stop the other one; if it is not yours, have @BotFather make a new "
                "token and put it into the settings."
            )
        case _:
            said = t(
                "<b>Something of the shop needs you:</b> {code}. "
                "The state of the shop and the log on the server say more.",
                code=short(code, MOST_NAME),
            )
    if not detail:
        return said
    of_account = code in {"no_answer", "lane_without_token"}
    return paragraphs(
        said,
        t("Account: {detail}", detail=detail)
        if of_account
        else t("Detail: {detail}", detail=detail),
    )


def _out_of_service(t: Texts, detail: str) -> Value:
    match detail:
        case "unauthorized" | "invalid_api_key":
            return t(
                "<b>The provider refuses the bot's token.</b> "
                "Selling there is stopped. Make a new token, put it into the settings "
                "and start the bot again."
            )
        case "insufficient_balance":
            return t(
                "<b>The bot's account at the provider does not cover an order.</b> "
                "Fund the account: until then, nothing is sold there that the balance does not "
                "cover. Selling goes on by itself."
            )
        case "insufficient_permissions":
            return t(
                "<b>The bot's key at the provider lacks a permission.</b> "
                "Selling there is stopped. Allow orders for the key, or make a new one."
            )
        case _:
            return paragraphs(
                t(
                    "<b>The provider does not serve the bot's account.</b> "
                    "Selling there is stopped until it does. Look at the account on its site."
                ),
                t("Detail: {detail}", detail=detail) if detail else None,
            )


def cut(words: str, most: int) -> str:
    """`words` in at most `most` UTF-16 units, the way Telegram counts, `…` included."""
    if units(words) <= most:
        return words
    # Whole characters only: half an emoji is no text, and Telegram refuses the message.
    kept = words.encode("utf-16-le", "replace")[: 2 * (most - 1)].decode("utf-16-le", "ignore")
    return f"{kept}…"


def units(words: str) -> int:
    """The length of `words` in UTF-16 units, the way Telegram counts."""
    return len(words.encode("utf-16-le", "replace")) // 2


def plan_of(order: Order) -> str:
    """Provider and plan of an order as one name."""
    many = f" × {order.quantity}" if order.quantity > 1 else ""
    return short(f"{order.provider_name} {order.title}", MOST_NAME - len(many)) + many


def as_is(t: Texts, words: object) -> Text:
    """Somebody else's words as a text: there is nothing to translate in them."""
    return Text("{words}", {"words": words}, t.language)


def upstream_name(upstream: str) -> str:
    """An upstream's name as its owner writes it."""
    return _UPSTREAMS.get(upstream, short(upstream, MOST_NAME))


def scope_words(t: Texts, name: str) -> Text:
    """What a markup rule covers; an empty name means everything."""
    return as_is(t, short(name, MOST_NAME)) if name else t("everything")


def released_because(t: Texts, reason: str | None) -> Text:
    """Why an order was not charged, in a customer's words."""
    match reason:
        case "cancelled":
            return t("you cancelled it")
        case "price_rose":
            return t("the price rose before it was placed")
        case "plan_gone":
            return t("the provider no longer sells this plan")
        case "refused":
            return t("the provider did not take the order")
        case "not_sent":
            return t("the provider could not be reached")
        case "owner":
            return t("the owner gave the money back")
        case _:
            # `unpaid` as well: the state of the shop's own accounts is no customer's worry.
            return t("temporarily unavailable")


def reviewed_because(t: Texts, reason: str | None) -> Text:
    """Why an order needs a person; a code without words is shown as it is."""
    match reason:
        case None | "":
            return t("the bot cannot decide it alone")
        case "lane_without_token":
            return t("its account has no token in the settings")
        case "shared_account":
            return t("somebody else buys with this account, so orders cannot be told apart")
        case "too_many_candidates":
            return t("more upstream orders fit than orders wait for one")
        case "no_listing":
            return t("the provider's order list could not be read for too long")
        case "failed_there":
            return t("the provider says that the order failed after taking it")
        case "no_credentials":
            return t("the provider did not hand out the credentials for too long")
        case "delivered_before":
            return t("the provider handed out what another order has already")
        case _:
            return as_is(t, short(reason, MOST_NAME))


def state_words(t: Texts, state: OrderState) -> Text:
    """An order's state in an owner's words."""
    match state:
        case OrderState.RESERVED:
            return t("waiting in line")
        case OrderState.PLACING:
            return t("being placed")
        case OrderState.PREPARING:
            return t("being prepared by the provider")
        case OrderState.IN_DOUBT:
            return t("in doubt")
        case OrderState.REVIEW:
            return t("under review")
        case OrderState.DELIVERED:
            return t("delivered")
        case OrderState.RELEASED:
            return t("not charged")
        case OrderState.REFUNDED:
            return t("refunded")


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


def _order_row(t: Texts, order: Order) -> Row:
    return (Button(t("Order #{id}", id=order.id), ShowOrder(order=order.id)),)


def _shop_row(t: Texts) -> Row:
    return (Button(t("🛠 Shop"), Shop()),)
