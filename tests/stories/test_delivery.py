"""What a customer does with a delivery: formats, files, pictures, templates of their own."""

from __future__ import annotations

import json
import struct

import pytest

from bot.demo.telegram import Message, UploadedFile
from bot.domain.orders import Credentials, OrderState
from bot.upstreams.pretence import Fault
from bot.upstreams.sandbox import GateProxySandbox
from tests.conftest import ON_SQLITE
from tests.stories.conftest import ShopFloor, copied, labels
from tests.telegram import Customer

# What is told here comes out of every database alike.
pytestmark = ON_SQLITE

LINE = "gate.nodemaven.com:8080:nodemaven_3755b2-country-us:fc94b52dec05"
URL = "http://nodemaven_3755b2-country-us:fc94b52dec05@gate.nodemaven.com:8080"


def sent(app: ShopFloor, message: Message) -> UploadedFile:
    """The file that came with a message."""
    known = message.document or (message.photo or [{}])[-1]
    found = app.core.file(
        app.core.call("getFile", {"file_id": known["file_id"]}).result["file_path"]
    )
    assert found is not None
    return found


async def test_a_format_is_chosen_by_a_button_and_remembered(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    kept = customer.messages[-1]
    assert LINE in kept.text
    await customer.tap("Formats and files")
    living = customer.message.id
    assert living != kept.id

    for label, written in (("curl", f"curl -x {URL}"), ("Python", f"'{URL}'"), ("URL", URL)):
        await customer.tap(label)
        assert customer.message.id == living
        assert f"✅ {label}" in customer.labels
        assert written in customer.text
        assert written in copied(customer.message)["📋 Copy"]

    assert next(one for one in customer.messages if one.id == kept.id).text == kept.text
    app.clock.turn(20)
    await customer.buy("120 MB", "NodeMaven")
    assert "URL:\nhttp://nodemaven_" in customer.messages[-1].text


async def test_a_customer_writes_a_format_of_their_own(app: ShopFloor, customer: Customer) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.tap("Formats and files")
    await customer.tap("My own")
    assert "{host} {port} {user} {password} {protocol}" in customer.text

    await customer.send("<b>{user}</b>;{password}|{port.real}")

    assert "<b>anna</b>;s3cret|{port.real}" in customer.text
    assert "Not replaced: {port.real}" in customer.text
    await customer.tap("Order #1 in it")
    assert "<b>nodemaven_3755b2-country-us</b>;fc94b52dec05|{port.real}" in customer.text
    await customer.send("/start o_1")
    await customer.tap("Show credentials")
    kept = customer.messages[-1]
    assert copied(kept)["📋 Copy my own"] == (
        "<b>nodemaven_3755b2-country-us</b>;fc94b52dec05|{port.real}"
    )


@pytest.mark.parametrize("words", ["hello", "{}", "{" * 4000, "{host}" * 600, "{host}\u202e"])
async def test_what_is_no_format_is_refused_and_asked_for_again(
    app: ShopFloor, customer: Customer, words: str
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.tap("Formats and files")
    await customer.tap("My own")

    await customer.send(words)

    assert "This cannot be a format." in customer.text
    await customer.send("{host}")
    assert "This is your format now." in customer.text


async def test_a_format_of_their_own_can_be_left_and_taken_again(customer: Customer) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.tap("Formats and files")
    await customer.tap("My own")
    await customer.send("{host}")
    await customer.tap("Order #1 in it")
    await customer.tap("Line")
    assert LINE in customer.text

    await customer.tap("My own")

    assert "format: My own" in customer.text


async def test_files_come_in_messages_of_their_own(app: ShopFloor, customer: Customer) -> None:
    await app.top_up(customer, "10")
    await customer.buy("5 IPs, 30 days", "ProxySeller")
    await customer.tap("Formats and files")
    before = len(customer.messages)
    living = customer.message.id

    for label in (".txt", ".csv", ".json"):
        customer.core.tap(customer.person, living, customer.button(label).data)
        await customer.settle()

    files = [sent(app, one) for one in customer.messages[before:]]
    assert [one.name for one in files] == ["order-1.txt", "order-1.csv", "order-1.json"]
    lines = files[0].data.decode().splitlines()
    assert len(lines) == 5
    assert all(line.startswith("203.0.113.") for line in lines)
    assert files[1].data.decode().splitlines()[0] == "host,port,user,password,protocol"
    assert [f"{row['host']}:{row['port']}" for row in json.loads(files[2].data)] == [
        ":".join(line.split(":")[:2]) for line in lines
    ]
    assert any(one.id == living for one in customer.messages)


async def test_a_picture_can_be_scanned(app: ShopFloor, customer: Customer) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.tap("Formats and files")

    await customer.tap("QR picture")

    shown = customer.messages[-1]
    assert shown.photo
    assert "Whoever scans this can use it." in shown.text
    assert LINE not in shown.text
    width, height = struct.unpack(">II", sent(app, shown).data[16:24])
    assert width == height > 200


async def test_more_than_ten_proxies_are_delivered_as_a_file(
    app: ShopFloor, customer: Customer, owner: Customer, sandbox: GateProxySandbox
) -> None:
    sandbox.faults.append(Fault(pending=10**6))
    await customer.buy("1 GB", "NodeMaven")
    await app.pass_time(2000)
    assert await app.state(customer) is OrderState.REVIEW
    pasted = "\n".join(f"203.0.113.{n}:8080:u{n}:p{n}" for n in range(11))
    await owner.send("/order 1")
    await owner.tap("Deliver by hand")

    await owner.send(pasted)

    kept = customer.messages[-1]
    assert "11 proxies" in kept.text
    assert "203.0.113." not in kept.text
    assert sent(app, kept).data.decode().splitlines() == pasted.splitlines()
    assert {"🧩 Formats and files", "🔁 Same again"} <= set(labels(kept))


async def test_nobody_gets_files_of_somebody_elses_order(
    app: ShopFloor, customer: Customer, boris: Customer
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.tap("Formats and files")
    wanted = [button.data for button in customer.buttons if button.data]
    before = len(boris.messages)

    for data in [*wanted, "tmpl:1", "qr:1", "fmt:1:own", "creds:1:0", "code:1:0"]:
        await boris.press(data)

    told = [one for one in boris.messages[before:] if one.document or one.photo]
    assert told == []
    assert not any("nodemaven_3755b2" in one.text for one in boris.messages)


@pytest.mark.parametrize("data", ["fmt:1:xml", "fmt:1:", "file:1:exe", "file:1:../../x", "qr:x"])
async def test_a_made_up_button_gets_a_sentence(
    app: ShopFloor, customer: Customer, data: str
) -> None:
    await customer.buy("1 GB", "NodeMaven")
    await customer.tap("Formats and files")
    before = customer.text

    answer = await customer.press(data)

    assert customer.text != before or (answer is not None and answer.text)


async def test_a_code_has_no_formats(app: ShopFloor, customer: Customer) -> None:
    await customer.buy("25 IPs", "9Proxy CD Key")

    for data in ("fmts:1", "file:1:txt", "qr:1", "fmt:1:url"):
        await customer.press(data)

    assert not any("9P-" in one.text or one.document for one in customer.messages)


async def test_the_delivery_itself_stays_as_the_upstream_gave_it(
    app: ShopFloor, customer: Customer
) -> None:
    await customer.buy("1 GB", "DataImpulse")

    _, delivery = await app.shop.orders.delivered((await app.order(customer)).id)

    assert isinstance(delivery, Credentials)
    [proxy] = delivery.proxies
    for value in (proxy.host, str(proxy.port), proxy.username, proxy.password):
        assert value in customer.messages[-1].text
