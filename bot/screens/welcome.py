"""What an owner reads at the first contact: what works, and what to do next."""

from __future__ import annotations

from bot.callbacks import Browse, Shop, ShowMarkup
from bot.domain.desk import LaneState, ShopState
from bot.domain.markup import RuleLine
from bot.i18n import Text, Texts, lines, paragraphs
from bot.screens.base import Button, Screen
from bot.screens.words import upstream_name

MOST_LANES = 20
"""Named here; `/shop` says how many more there are."""


def welcome(t: Texts, state: ShopState, everything: RuleLine) -> Screen:
    """The list of `check` as the running shop knows it; `everything` is the global rule."""
    return Screen(
        paragraphs(
            t("<b>You own this shop.</b> What works, and what does not yet:"),
            lines(
                _works(t, t("Telegram: this message reached you")),
                *(_account(t, lane) for lane in state.lanes[:MOST_LANES]),
                _price_list(t, state),
                _works(
                    t, t("Markup: {rule}, until you set another one", rule=str(everything.rule))
                ),
                _books(t, state),
                _works(t, t("Backup: made"))
                if state.backed_up_at
                else _waits(t, t("Backup: none yet; README tells where they go")),
            ),
            lines(
                t("<b>Next:</b>"),
                t("1. Look at your prices: /markup"),
                t("2. Give people the link of this bot, and try it yourself: /browse"),
                t("3. When somebody has paid you, enter it: /topup"),
                t("4. Copy the key of the shop to another place: without it, backups are lost."),
            ),
        ),
        (
            (Button(t("🛠 Shop"), Shop()), Button(t("Markup"), ShowMarkup())),
            (Button(t("🛒 Browse"), Browse()),),
        ),
        kept=True,
    )


def _account(t: Texts, lane: LaneState) -> Text:
    name = upstream_name(lane.upstream)
    if not lane.has_token:
        line = t(
            "{upstream} account {lane}: no token in the settings", upstream=name, lane=lane.id
        )
        return _waits(t, line)
    if not lane.is_listed:
        line = t(
            "{upstream} account {lane}: its order list could not be read, so nothing is sold",
            upstream=name,
            lane=lane.id,
        )
        return _waits(t, line)
    if not lane.has_balance:
        line = t("{upstream} account {lane}: its order list was read", upstream=name, lane=lane.id)
        return _works(t, line)
    if lane.balance is None:
        return _waits(
            t, t("{upstream} account {lane}: balance not read yet", upstream=name, lane=lane.id)
        )
    return _works(
        t,
        t(
            "{upstream} account {lane}: {balance}",
            upstream=name,
            lane=lane.id,
            balance=lane.balance,
        ),
    )


def _price_list(t: Texts, state: ShopState) -> Text:
    if not state.plans:
        return _waits(t, t("Price list: not read yet."))
    return _works(t, t.n("Price list: {n} plan", "Price list: {n} plans", n=state.plans))


def _books(t: Texts, state: ShopState) -> Text:
    if any(one.scope == "shop" for one in state.stops):
        return _waits(t, t("Books: selling is stopped, see /shop"))
    if state.audited_at is None:
        return _waits(t, t("Books: not audited yet"))
    return _works(t, t("Books: they balance"))


def _works(t: Texts, line: Text) -> Text:
    return t("✅ {line}", line=line)


def _waits(t: Texts, line: Text) -> Text:
    return t("⚠️ {line}", line=line)
