"""Troubles: what is wrong with the shop, and what its owner does about it."""

from __future__ import annotations

from datetime import datetime

from bot.domain.notices import Trouble
from bot.i18n import Texts, Value, paragraphs
from bot.screens.base import Screen, short, to_shop
from bot.screens.words import MOST_NAME, MOST_NOTE, cut


def trouble(t: Texts, notice: Trouble) -> Screen:
    """What is wrong, and what the owner does about it."""
    body = _trouble(t, notice.code, cut(notice.detail, MOST_NOTE))
    return Screen(body, (to_shop(t),), kept=True)


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
        case "restored_exchanges":
            said = t(
                "<b>These exchanges are not in the restored books.</b> Nothing is sent again. "
                "Orders that the bot can read are read at the provider, and who has other "
                "proxies there gets them. For the others, see what they hold now, and use "
                "/order and Deliver by hand."
            )
        case "restored_orders" if detail == "0":
            return t(
                "<b>The provider's list holds nothing that the restored books do not know.</b>"
            )
        case "restored_orders":
            said = t(
                "<b>Orders at the provider that nobody has in the restored books.</b> They were "
                "made after the backup, or waited for a decision: no order of the shop takes them "
                "over, and nothing is booked for them. Bind one to an order in the inbox if it is "
                "its own."
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
        case "other_ids":
            said = t(
                "<b>The provider lists orders by other ids than it gives when it sells them.</b> "
                "So an order that somebody else makes with the bot's account can look like one of "
                "the shop's. Only what is listed beyond what the shop made is booked as a loss, "
                "and the order named then may be the shop's own. "
                "Let nobody else use the account, and compare its balance with the sales "
                "now and then."
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
    if code == "restored":
        return paragraphs(said, t("The backup was made: {at}", at=datetime.fromisoformat(detail)))
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
