"""What customers get: credentials, codes, and the formats, files and pictures of them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import segno

from bot.callbacks import (
    CheckUsage,
    SendFile,
    SendPicture,
    SetFormat,
    ShowCode,
    ShowFormats,
    ShowOrder,
    ShowPlan,
    ShowTaste,
    TypeTemplate,
)
from bot.domain.formats import (
    MOST_TEMPLATE,
    FileKind,
    Format,
    Formatting,
    filled,
    is_marked,
    left_alone,
)
from bot.domain.orders import Credentials, Delivery, Order, Proxy, RedeemCode
from bot.domain.tastes import Grammar
from bot.domain.usage import AskBot, Measured, Unknowable, Unreachable, UsageSeen
from bot.i18n import Block, Code, Joined, Secret, Text, Texts, Value, lines, paragraphs
from bot.screens.base import (
    MOST_COPIED,
    MOST_NAME,
    Button,
    Copy,
    File,
    Link,
    Row,
    Screen,
    Style,
    bought,
    grid,
    kept_ways_out,
    redeem_steps,
    short,
    until,
    ways_out,
)
from bot.screens.words import units

MOST_LINES = 10
"""More proxies or codes than these come as a file."""
MOST_UNITS = 3000
"""Most UTF-16 units of credentials in one message: Telegram counts so, and stops at 4096."""
MOST_DRAWN = 800
"""Most bytes in a picture: a phone cannot read a denser one off a screen."""
SAMPLE = Proxy("proxy.example.com", 8080, "anna", "s3cret")
FIELDS = "{host} {port} {user} {password} {protocol}"
EXAMPLE = "{user}:{password}@{host}:{port}"


def delivered(
    t: Texts,
    order: Order,
    delivery: Delivery,
    usage_known: UsageSeen | None,
    formatting: Formatting,
    grammar: Grammar | None = None,
    *,
    above: Text | None = None,
) -> Screen:
    """What was bought, in a message that stays.

    `usage_known`: what is known of the traffic without asking; None where it can be asked.
    `grammar`: how country and session can be changed; None where they cannot.
    `above`: why it comes again.
    """
    body, rows, attached = _content(t, order, delivery, formatting)
    return Screen(
        paragraphs(above, _head(t, order), body, _bot_line(t, order, usage_known)),
        (
            *rows,
            *_taste_rows(t, order, grammar),
            *_usage_rows(t, order, usage_known),
            (Button(t("🔁 Same again"), ShowPlan(plan=order.plan, again=False)),),
            kept_ways_out(t),
        ),
        kept=True,
        attached=attached,
    )


def code(t: Texts, order: Order, delivery: RedeemCode) -> Screen:
    """A redeem code with the steps to redeem it, in a message that stays."""
    together = "\n".join(delivery.codes)
    attached = None
    copies: tuple[Copy, ...] = ()
    if _fits(delivery.codes, together):
        shown = lines(t("Your code:"), *(Secret(one) for one in delivery.codes))
        copies = _copies((t("📋 Copy the code"), together))
    else:
        n = len(delivery.codes)
        shown = lines(t.n("{n} code, in the file.", "{n} codes, in the file.", n=n))
        attached = _file(order, FileKind.TXT, f"{together}\n")
    return Screen(
        paragraphs(_head(t, order), shown, redeem_steps(t)),
        (
            *grid(copies),
            (Button(t("🔁 Same again"), ShowPlan(plan=order.plan, again=False)),),
            kept_ways_out(t),
        ),
        kept=True,
        attached=attached,
    )


def formats(
    t: Texts,
    order: Order,
    bought: Credentials,
    formatting: Formatting,
    grammar: Grammar | None = None,
) -> Screen:
    """An order in the customer's format, and the ways to have it otherwise."""
    proxies = bought.proxies
    together = formatting.together(proxies)
    copies = _copies((t("📋 Copy"), together))
    shown: tuple[Value, ...]
    if not _fits(proxies, together):
        first = formatting.of(proxies[0])
        is_short = units(first) <= MOST_UNITS
        n = len(proxies)
        files = t.n("{n} proxy; a file holds all.", "{n} proxies; a file holds all.", n=n)
        shown = (files, lines(t("The first one:"), Block(first))) if is_short else (files,)
    elif copies and len(proxies) == 1:
        shown = (Secret(together),)
    else:
        shown = (Block(together),)
    is_drawn = can_draw(bought, formatting)
    picture = Button(t("🔳 QR picture"), SendPicture(order=order.id))
    return Screen(
        paragraphs(
            t("<b>Order #{order}</b>, format: {format}", order=order.id,
              format=_name(t, formatting.format)),
            *shown,
            t("The format is remembered for everything you buy."),
        ),
        (
            *_format_rows(t, order, formatting),
            *((copies,) if copies else ()),
            tuple(
                Button(t("📄 .{kind}", kind=kind), SendFile(order=order.id, kind=kind))
                for kind in FileKind
            ),
            *(((picture,),) if is_drawn else ()),
            *_taste_rows(t, order, grammar),
            ways_out(t, ShowOrder(order=order.id)),
        ),
    )  # fmt: skip


def type_template(t: Texts, order: Order, *, is_refused: bool = False) -> Screen:
    """Takes the next typed text as a format; `is_refused`: the one before was none."""
    return Screen(
        paragraphs(
            t(
                "<b>This cannot be a format.</b> It needs at least one of the words in braces, "
                "at most {most} characters, and none that cannot be seen.",
                most=MOST_TEMPLATE,
            )
            if is_refused
            else t("<b>Your own format</b>"),
            t(
                "Send it as one message of at most {most} characters. "
                "These words are replaced by what a proxy has: {fields}",
                most=MOST_TEMPLATE,
                fields=Code(FIELDS),
            ),
            t("Everything else stays as you write it. For example: {example}",
              example=Code(EXAMPLE)),
            t("/cancel leaves without a change."),
        ),
        (ways_out(t, ShowFormats(order=order.id)),),
        asks=TypeTemplate(order=order.id),
    )  # fmt: skip


def template_kept(t: Texts, order: Order, template: str) -> Screen:
    """A new format, tried on a made-up proxy."""
    odd = left_alone(template)
    return Screen(
        paragraphs(
            t("<b>This is your format now.</b> A made-up proxy reads:"),
            Block(filled(template, SAMPLE)),
            t("Not replaced: {words}", words=Code(short(" ".join(odd), MOST_NAME)))
            if odd
            else None,
        ),
        (
            (Button(t("👁 Order #{order} in it", order=order.id), ShowFormats(order=order.id)),),
            (Button(t("✏️ Change it"), TypeTemplate(order=order.id)),),
            ways_out(t, ShowFormats(order=order.id)),
        ),
    )


def file(
    t: Texts, order: Order, bought: Credentials, formatting: Formatting, kind: FileKind
) -> Screen:
    """The proxies of an order as a file, in a message that stays."""
    marks = kind is FileKind.CSV and is_marked(bought.proxies)
    return Screen(
        paragraphs(
            _head(t, order),
            _count(t, bought),
            t("Format: {format}", format=_name(t, formatting.format))
            if kind is FileKind.TXT
            else None,
            t(
                "Where a value begins like a formula, an apostrophe stands before it. "
                "It is not part of the value; the other files have none."
            )
            if marks
            else None,
        ),
        (kept_ways_out(t),),
        kept=True,
        attached=_file(order, kind, formatting.file(kind, bought.proxies)),
    )


def picture(t: Texts, order: Order, bought: Credentials, formatting: Formatting) -> Screen:
    """An order as a picture that another phone can read, in a message that stays."""
    drawn = io.BytesIO()
    together = formatting.together(bought.proxies)
    segno.make(together, error="l", micro=False).save(drawn, kind="png", scale=8)
    return Screen(
        paragraphs(
            _head(t, order),
            _count(t, bought),
            t("Format: {format}", format=_name(t, formatting.format)),
            t("Whoever scans this can use it."),
        ),
        (kept_ways_out(t),),
        kept=True,
        attached=File(f"order-{order.id}.png", drawn.getvalue(), is_picture=True),
    )


def too_dense(t: Texts) -> Text:
    """No picture of so much text could be read."""
    return t("This is too much for a picture. Take a file.")


def can_draw(bought: Credentials, formatting: Formatting) -> bool:
    """Whether a phone could read a picture of it."""
    return len(formatting.together(bought.proxies).encode()) <= MOST_DRAWN


def _head(t: Texts, order: Order) -> Joined:
    return lines(
        t("<b>Order #{order} is delivered.</b>", order=order.id),
        t("{plan}, {at}", plan=bought(t, order), at=order.moved_at),
        until(t, order),
    )


def _content(
    t: Texts, order: Order, delivery: Delivery, formatting: Formatting
) -> tuple[Value, tuple[Row, ...], File | None]:
    match delivery:
        case Credentials(proxies=(proxy,)):
            return _one_proxy(t, order, proxy, formatting)
        case Credentials():
            return _many_proxies(t, order, delivery, formatting)
        case RedeemCode():
            return _code_ready(t, order)


def _one_proxy(
    t: Texts, order: Order, proxy: Proxy, formatting: Formatting
) -> tuple[Value, tuple[Row, ...], None]:
    written = formatting.of(proxy)
    is_copied = len(written) <= MOST_COPIED
    # What is monstrous would make the message too long; its parts stand above anyway.
    has_room = units(proxy.line) + units(written) <= MOST_UNITS
    body = paragraphs(
        lines(
            t("Host: {host}", host=Code(proxy.host)),
            t("Port: {port}", port=Code(str(proxy.port))),
            t("Username: {username}", username=Code(proxy.username)),
            t("Password: {password}", password=Secret(proxy.password)),
            _protocol(t, (proxy,)),
        ),
        lines(
            t("{format}:", format=_name(t, formatting.format)),
            Secret(written) if is_copied else Block(written),
        )
        if has_room
        else None,
    )
    own = formatting.template
    copies = _copies(
        (t("📋 Copy line"), proxy.line),
        (t("📋 Copy URL"), proxy.url),
        (t("📋 Copy curl"), Formatting(Format.CURL).of(proxy)),
        (t("📋 Copy Python"), Formatting(Format.PYTHON).of(proxy)),
        (t("📋 Copy my own"), "" if own is None else filled(own, proxy)),
    )
    return body, (*grid(copies), _formats_row(t, order)), None


def _many_proxies(
    t: Texts, order: Order, bought: Credentials, formatting: Formatting
) -> tuple[Value, tuple[Row, ...], File | None]:
    body, copies, attached = listing(t, order, bought, formatting)
    return body, (*copies, _formats_row(t, order)), attached


def listing(
    t: Texts, order: Order, bought: Credentials, formatting: Formatting
) -> tuple[Value, tuple[Row, ...], File | None]:
    """Proxies in the customer's format: in the message while they fit there, else as a file."""
    together = formatting.together(bought.proxies)
    name = _name(t, formatting.format)
    head = lines(_count(t, bought), _protocol(t, bought.proxies))
    if _fits(bought.proxies, together):
        body = paragraphs(head, lines(t("{format}:", format=name), Block(together)))
        return body, grid(_copies((t("📋 Copy all"), together))), None
    attached = _file(order, FileKind.TXT, formatting.file(FileKind.TXT, bought.proxies))
    told = t("The file holds all of them. Format: {format}", format=name)
    return lines(head, told), (), attached


def _code_ready(t: Texts, order: Order) -> tuple[Value, tuple[Row, ...], None]:
    body = t(
        "Your code is ready. Once shown, it cannot be taken back and the order cannot be "
        "refunded, so look at it when you are about to redeem it."
    )
    show = Button(t("🔑 Show the code"), ShowCode(order=order.id), Style.PRIMARY)
    return body, ((show,),), None


def _count(t: Texts, bought: Credentials) -> Text:
    return t.n("{n} proxy", "{n} proxies", n=len(bought.proxies))


def _protocol(t: Texts, proxies: Sequence[Proxy]) -> Text | None:
    """What a line of host and port does not say; without a word it is HTTP."""
    kinds = {proxy.is_socks for proxy in proxies}
    if kinds == {True}:
        return t("Protocol: {protocol}", protocol="SOCKS5")
    return t("Some are SOCKS5: the format URL says which.") if True in kinds else None


def _name(t: Texts, chosen: Format) -> Text:
    match chosen:
        case Format.LINE:
            return t("Line")
        case Format.URL:
            return t("URL")
        case Format.CURL:
            return t("curl")
        case Format.PYTHON:
            return t("Python")
        case Format.OWN:
            return t("My own")


def _format_rows(t: Texts, order: Order, formatting: Formatting) -> tuple[Row, ...]:
    has_own = formatting.template is not None
    buttons = [
        Button(
            t("✅ {format}", format=_name(t, one))
            if one is formatting.format
            else t("{format}", format=_name(t, one)),
            SetFormat(order=order.id, format=one),
        )
        for one in Format
        if one is not Format.OWN or has_own
    ]
    write = Button(
        t("✏️ Change my own") if has_own else t("✏️ My own"), TypeTemplate(order=order.id)
    )
    return grid([*buttons, write])


def _taste_rows(t: Texts, order: Order, grammar: Grammar | None) -> tuple[Row, ...]:
    if grammar is None:
        return ()
    start = ShowTaste(order=order.id, country="", minutes=0, lines=1)
    return ((Button(t("🌍 Country and session"), start),),)


def _formats_row(t: Texts, order: Order) -> Row:
    return (Button(t("🧩 Formats and files"), ShowFormats(order=order.id)),)


def _fits(entries: Sequence[object], together: str) -> bool:
    return len(entries) <= MOST_LINES and units(together) <= MOST_UNITS


def _file(order: Order, kind: FileKind, content: str) -> File:
    return File(f"order-{order.id}.{kind}", content.encode())


def _copies(*offered: tuple[Text, str]) -> tuple[Copy, ...]:
    """Copy buttons for what Telegram lets a button copy."""
    return tuple(Copy(label, value) for label, value in offered if 0 < len(value) <= MOST_COPIED)


def _usage_rows(t: Texts, order: Order, usage_known: UsageSeen | None) -> tuple[Row, ...]:
    match usage_known:
        case AskBot(url):
            return ((Link(t("📊 Check usage"), url),),)
        case Unknowable():
            return ()
        case Measured() | Unreachable() | None:
            return ((Button(t("📊 Check usage"), CheckUsage(order=order.id)),),)


def _bot_line(t: Texts, order: Order, usage_known: UsageSeen | None) -> Text | None:
    if not isinstance(usage_known, AskBot):
        return None
    name = short(order.provider_name, MOST_NAME)
    return t("{provider} shows usage in its own bot.", provider=name)
