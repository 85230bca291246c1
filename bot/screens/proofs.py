"""What a test through a delivered proxy has shown."""

from __future__ import annotations

from bot.callbacks import CheckUsage, Complain, Home, MyOrders, Prove, ShowOrder
from bot.domain.orders import Order
from bot.domain.proofs import OrderProof, Outcome, Proof
from bot.i18n import Code, Joined, Text, Texts, lines, paragraphs
from bot.screens.base import Button, Screen, bought, short, ways_out

MOST_PROTOCOL = 20
_NEVER = frozenset({Outcome.NOT_PUBLIC, Outcome.UNTESTABLE})


def testing(t: Texts, order: Order) -> Screen:
    """While the test runs."""
    return Screen(t("⏳ Testing the proxy…"), (ways_out(t, ShowOrder(order=order.id)),))


def tested(t: Texts, shown: OrderProof) -> Screen:
    """The last test of an order, and when the next one may be made."""
    order = shown.order
    wait = (
        t.n(
            "It can be tested again in {n} second.",
            "It can be tested again in {n} seconds.",
            n=shown.again_in,
        )
        if shown.again_in and not _ends_alike(shown.proof)
        else None
    )
    return Screen(
        paragraphs(_proof(t, order, shown.proof), wait),
        (
            *(() if _ends_alike(shown.proof) else ((_again(t, order),),)),
            (Button(t("🆘 Something is wrong"), Complain(order=order.id)),),
            ways_out(t, ShowOrder(order=order.id)),
        ),
    )


def receipt(t: Texts, order: Order, proof: Proof) -> Screen:
    """The test right after the delivery, in a message that stays below it."""
    return Screen(
        _proof(t, order, proof),
        (
            (
                *(() if _ends_alike(proof) else (_again(t, order),)),
                Button(t("📊 Check usage"), CheckUsage(order=order.id)),
            ),
            (Button(t("🧾 My orders"), MyOrders(before=0)), Button(t("🏠 Home"), Home())),
        ),
        kept=True,
    )


def _ends_alike(proof: Proof) -> bool:
    """Whether another test would end the same way."""
    return proof.probed.outcome in _NEVER


def _again(t: Texts, order: Order) -> Button:
    return Button(t("🧪 Test again"), Prove(order=order.id))


def _proof(t: Texts, order: Order, proof: Proof) -> Joined:
    probed = proof.probed
    works = probed.outcome is Outcome.WORKS
    if works:
        head = t("<b>The proxy of order #{order} works.</b>", order=order.id)
    elif _ends_alike(proof):
        head = t("<b>The proxy of order #{order} is not tested.</b>", order=order.id)
    else:
        head = t("<b>The test of order #{order} did not succeed.</b>", order=order.id)
    first = (
        t("Tested: the first of {count} proxies.", count=proof.count) if proof.count > 1 else None
    )
    return paragraphs(
        lines(head, bought(t, order), first),
        _shown(t, proof) if works else _why(t, probed.outcome),
        None
        if _ends_alike(proof)
        else lines(
            t("Tested: {at}", at=proof.at),
            t("Each test spends a little of your traffic."),
        ),
    )


def _shown(t: Texts, proof: Proof) -> Joined:
    probed = proof.probed
    return lines(
        t("Exit address: {address}", address=Code(probed.exit_address or "–")),
        _country(t, probed.country, proof.wanted),
        t("Protocol: {protocol}", protocol=short(proof.protocol, MOST_PROTOCOL)),
        t("Answered in {millis} ms", millis=probed.millis or 0),
    )


def _country(t: Texts, country: str | None, wanted: str | None) -> Text | None:
    if country is None:
        return None
    if wanted is None:
        return t("Country: {country}", country=country)
    if wanted == country:
        return t("Country: {country}, as the username asks", country=country)
    return t("Country: {country}; the username asks for {wanted}", country=country, wanted=wanted)


def _why(t: Texts, outcome: Outcome) -> Joined:
    return lines(
        _met(t, outcome),
        t("Your order is not affected.")
        if outcome in _NEVER
        else t("Your order is not affected. Test it again in a minute; if it stays so, tell us."),
    )


def _met(t: Texts, outcome: Outcome) -> Text:
    match outcome:
        case Outcome.LOGIN_REFUSED:
            return t("The proxy did not take the username and password.")
        case Outcome.NO_CONNECTION:
            return t("The proxy could not be reached, or it could not reach any further.")
        case Outcome.TOO_SLOW:
            return t("The proxy did not answer within a few seconds.")
        case Outcome.UNREADABLE:
            return t("Something answered, but not with an exit address.")
        case Outcome.NOT_PUBLIC:
            return t("Its address is not public, so the shop does not test it.")
        case Outcome.UNTESTABLE | Outcome.WORKS:
            return t("Only HTTP and SOCKS5 proxies can be tested here.")
