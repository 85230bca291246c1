"""Usage alerts: set by a tap, told once for each crossing, and asked for with patience."""

from __future__ import annotations

import httpx

from bot.callbacks import ChooseAlert, SetAlert
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, labels
from tests.telegram import Customer

ASKED = "/proxies/*"
DAY = 86_400
DAYS = 5
"""By then every order of the sandbox is used up."""


def told(customer: Customer, words: str = "is used.") -> list[str]:
    return [one.text for one in customer.messages if words in one.text and "More" in one.text]


async def watch(app: ShopFloor, days: float, *, step: float = 2 * 3600) -> None:
    """Let time pass, and meanwhile do what the job does: the other jobs are no part of this."""
    for _ in range(round(days * DAY / step)):
        app.clock.turn(step)
        await app.shop.jobs.watch.step()
    await app.settle()


async def choose(app: ShopFloor, customer: Customer, percent: str) -> None:
    """Buy a gigabyte and set its alert, by the buttons that lead there."""
    await customer.buy("1 GB", "NodeMaven")
    await customer.send("/usage")
    await customer.tap("#1")
    await customer.tap("Alert")
    await customer.tap(percent)


async def test_an_alert_is_told_once_in_a_message_of_its_own(
    app: ShopFloor, customer: Customer
) -> None:
    await choose(app, customer, "50 %")
    assert "You get a message as soon as 50 % is seen to be used." in customer.text
    bubbles = len(customer.messages)

    await watch(app, 1.5)

    (words,) = told(customer)
    assert "More than 50 % of order #1 is used." in words
    assert "left at this pace" in words
    assert "🔔 Alert" in labels(customer.messages[-1])
    await watch(app, DAYS)
    assert len(customer.messages) == bubbles + 1


async def test_the_usage_screen_says_at_what_the_alert_is_set_and_it_can_be_dropped(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await choose(app, customer, "75 %")
    await customer.tap("Back")
    await customer.tap("At 75 %")

    await customer.tap("No alert")

    assert "No alert is set." in customer.text
    asked = sandbox.count("GET", ASKED)
    await watch(app, DAYS)
    assert told(customer) == []
    assert sandbox.count("GET", ASKED) == asked


async def test_a_refilled_order_is_told_again_when_it_crosses_again(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await choose(app, customer, "50 %")
    await watch(app, DAYS)
    assert len(told(customer)) == 1

    sandbox.orders[0].made_at = app.clock.now().timestamp()
    await watch(app, DAYS + 2)

    assert len(told(customer)) == 2


@ON_SQLITE
async def test_the_same_tap_again_tells_nothing_again(app: ShopFloor, customer: Customer) -> None:
    await choose(app, customer, "50 %")
    again = customer.button("50 %")
    await watch(app, DAYS)

    await customer.press(again)
    await watch(app, 2)

    assert len(told(customer)) == 1


async def test_an_own_look_past_the_alert_tells_it_as_well(
    app: ShopFloor, customer: Customer
) -> None:
    await choose(app, customer, "50 %")
    app.clock.turn(DAYS * DAY)

    await customer.send("/usage")
    await customer.tap("#1")
    await watch(app, 1)

    assert len(told(customer)) == 1


async def test_nobody_watches_somebody_elses_order(
    app: ShopFloor, customer: Customer, boris: Customer, sandbox: GateProxySandbox
) -> None:
    await customer.buy("1 GB", "NodeMaven")

    for payload in (ChooseAlert(order=1), SetAlert(order=1, percent=50)):
        await boris.press(payload.pack())
        assert "Здесь ничего нет." in boris.text

    await watch(app, 1)
    assert sandbox.count("GET", ASKED) == 0


@ON_SQLITE
async def test_an_odd_percentage_and_an_order_without_usage_are_refused(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.buy("25 IPs", "9Proxy CD Key")

    for payload in (SetAlert(order=1, percent=51), SetAlert(order=2, percent=50)):
        await customer.press(payload.pack())
        assert "There is nothing here." in customer.text


async def test_an_account_that_does_not_answer_is_left_alone_longer_each_time(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await choose(app, customer, "50 %")
    silence = Fault(method="GET", path=ASKED, error=httpx.ReadTimeout("silence"), times=10**6)
    sandbox.faults.append(silence)
    before = sandbox.count("GET", ASKED)

    await watch(app, 1, step=300)

    # A read is tried three times: at most one question an hour in the end.
    assert 0 < sandbox.count("GET", ASKED) - before <= 3 * 32
    sandbox.faults.clear()
    await watch(app, DAYS)
    assert len(told(customer)) == 1


async def test_an_order_that_the_provider_does_not_know_any_more_ends_its_alert(
    app: ShopFloor, customer: Customer, sandbox: GateProxySandbox
) -> None:
    await choose(app, customer, "50 %")
    gone = Fault(method="GET", path=ASKED, status=404, code="proxy_not_found", times=10**6)
    sandbox.faults.append(gone)

    await watch(app, 6)

    assert "The alert for order #1 has ended." in customer.messages[-1].text
    asked = sandbox.count("GET", ASKED)
    assert asked <= 10
    await watch(app, 2)
    assert sandbox.count("GET", ASKED) == asked


async def test_a_refunded_order_is_no_longer_watched(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    await choose(app, customer, "50 %")
    await owner.send("/order 1")
    await owner.tap("Refund")
    await owner.send("does not work")
    await owner.tap("Confirm")
    asked = sandbox.count("GET", ASKED)

    await watch(app, DAYS)

    assert sandbox.count("GET", ASKED) == asked
    assert told(customer) == []
