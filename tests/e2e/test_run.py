"""`python -m bot run` over real HTTP: it sells, it is killed, and it never sells twice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from bot.demo.telegram import Fault as Misfortune
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import TOKEN as GATEPROXY_TOKEN
from tests.conftest import IS_CI, POSTGRES
from tests.demo.running import pass_the_lease
from tests.e2e.conftest import Neighbours, Street, audited, until

TAKEOVER_SECONDS = 15


async def test_the_shop_opens_sells_and_closes_after_the_purchase_in_flight(
    street: Street,
) -> None:
    shop = await street.start_python("run")
    await until(lambda: shop.said, seconds=1)
    await street.fund("10")
    await street.go_to("NodeMaven", "1 GB")
    await street.alice.tap("Buy")
    receipt = await street.alice.sees("gate.nodemaven.com")
    assert "nodemaven_" in receipt.text
    await until((street.folder / "data" / "heartbeat").exists)
    assert (street.folder / "data" / "secret.key").stat().st_mode & 0o777 == 0o600

    await street.go_to("NodeMaven", "500 MB")
    street.sandbox.faults.append(Fault(delay=1.0))
    street.alice.touch("Buy")
    await until(lambda: is_placing(street))
    shop.send(signal.SIGTERM)

    assert await shop.ended() == 0
    assert len(street.delivered) == 2
    assert street.sandbox.count("POST") == len(street.sandbox.orders) == 2
    assert "the shop is closed" in shop.said
    assert "Traceback" not in shop.said
    assert GATEPROXY_TOKEN not in shop.said


async def test_fifty_taps_at_once_buy_once_and_a_stumbling_telegram_loses_nothing(
    street: Street,
) -> None:
    shop = await street.open()
    await street.fund("10")
    await street.go_to("NodeMaven", "1 GB")

    taps = await street.alice.tap("Buy", times=50)
    await until(lambda: street.delivered)

    assert len({street.core.answers(tap) for tap in taps}) == 1
    assert street.sandbox.count("POST") == len(street.sandbox.orders) == 1

    # What is not taken is sent again; only an answer that got lost may show a message twice.
    await street.go_to("NodeMaven", "500 MB")
    street.core.faults += [
        Misfortune("getUpdates", status=502),
        Misfortune("editMessageText", status=429, retry_after=1),
        Misfortune("answerCallbackQuery", status=502),
        # The pauses after these two grow with each failure; that after a 429 is Telegram's.
        Misfortune("sendMessage", status=502),
        Misfortune("sendMessage", lose_call=True),
        Misfortune("sendMessage", status=429, retry_after=1),
    ]
    street.alice.touch("Buy")
    await until(lambda: len(street.delivered) == 2)
    await until(lambda: not street.core.faults)

    assert street.sandbox.count("POST") == len(street.sandbox.orders) == 2
    await street.alice.say("/balance")
    await street.alice.sees("3.64 USD")
    assert "Traceback" not in shop.said


async def test_a_purchase_cut_by_a_kill_is_found_by_the_next_start_and_delivered_once(
    street: Street,
) -> None:
    shop = await street.open()
    await street.fund("10")
    await street.go_to("NodeMaven", "1 GB")
    street.sandbox.faults.append(Fault(delay=1.0))
    street.alice.touch("Buy")
    await until(lambda: is_placing(street))

    shop.send(signal.SIGKILL)
    await shop.ended()
    pass_the_lease(street.folder / "data" / "bot.db")
    # Typed while nobody runs: it is handled after the restart.
    await street.alice.say("/language")
    again = await street.start("run")
    await until(lambda: street.delivered)

    await street.alice.sees("Русский")
    # In a message of its own, or on the living screen until the delivery was there.
    told = [str(call.params.get("text")) for call in street.core.calls]
    assert any("The provider did not answer" in text for text in told)
    assert len(street.delivered) == 1
    assert street.sandbox.count("POST") == len(street.sandbox.orders) == 1
    assert "Traceback" not in again.said


@pytest.mark.parametrize(
    "backend", ["postgresql" if POSTGRES or IS_CI else "sqlite"], indirect=True
)
async def test_a_second_process_waits_and_takes_over_when_the_first_is_killed(
    neighbours: Neighbours, tmp_path: Path, blank_url: str
) -> None:
    await neighbours.telegram.open()
    await neighbours.gateproxy.open()
    async with audited(neighbours, tmp_path, DATABASE_URL=blank_url) as street:
        first = await street.open()
        await street.fund("10")
        await street.go_to("NodeMaven", "1 GB")
        second = await street.start("run")
        await until(lambda: street.says(second, "waiting for it to be gone"))

        # Frozen, it takes the update from Telegram and never gets to confirming it.
        first.send(signal.SIGSTOP)
        tap = street.alice.touch("Buy")
        first.send(signal.SIGKILL)
        await first.ended()
        await until(lambda: street.says(second, "the shop is open"), TAKEOVER_SECONDS)

        await until(lambda: street.delivered)
        assert street.core.answers(tap) is not None
        assert street.sandbox.count("POST") == len(street.sandbox.orders) == 1


async def test_neighbours_that_are_away_at_the_start_are_waited_for(quiet_street: Street) -> None:
    street = quiet_street
    shop = await street.start("run")
    await until(lambda: street.says(shop, "TELEGRAM_API_URL: no answer, trying again"))

    await street.neighbours.telegram.open()
    await street.fund("10")
    await street.alice.asks("/browse")
    assert not street.alice.has("NodeMaven")
    await until(lambda: street.says(shop, "the price list cannot be read"))

    await street.neighbours.gateproxy.open()
    async with asyncio.timeout(20):
        await street.go_to("NodeMaven", "1 GB")
    await street.alice.tap("Buy")
    await until(lambda: street.delivered)

    assert "Traceback" not in shop.said


async def test_a_shop_that_waits_for_telegram_closes_at_once(quiet_street: Street) -> None:
    shop = await quiet_street.start("run")
    await until(lambda: quiet_street.says(shop, "trying again"))

    shop.send(signal.SIGTERM)

    assert await shop.ended(10) == 0


def is_placing(street: Street) -> bool:
    """Whether an order is on its way, with the answer outstanding."""
    return street.sandbox.accounts[GATEPROXY_TOKEN].is_working
