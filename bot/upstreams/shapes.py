"""Shapes of foreign JSON: what an adapter looks for where the documents say little."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from bot.domain.errors import BadCredentials
from bot.domain.orders import Proxy, is_host, is_port, parse_proxies


def fields_of(data: object) -> dict[str, object]:
    """A JSON object; an empty one where it is something else."""
    return data if isinstance(data, dict) else {}


def nested_in(data: object, keys: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """An object, and the objects that it wraps under one of `keys`, three deep at most."""
    layer = [fields_of(data)]
    for _ in range(3):
        yield from (fields for fields in layer if fields)
        layer = [fields_of(fields[key]) for fields in layer for key in keys if key in fields]


def names_order(data: object) -> bool:
    """Whether an answer holds an order's id, wherever the adapters would look for one.

    A bare `id` beside a refusal is that of a request; inside of what it wraps, an order's.
    """
    wraps = ("order", "data", "result")
    ids = [
        fields.get(key)
        for fields in nested_in(data, (*wraps, "error"))
        for key in ("order_id", "subscription_id")
    ]
    wrapped = [
        fields_of(fields[key])
        for fields in nested_in(data, wraps)
        for key in wraps
        if key in fields
    ]
    return any(ids) or any(fields.get("id") for fields in wrapped)


def rows_of(data: object, keys: tuple[str, ...]) -> list[object] | None:
    """A list, bare or under one of `keys`; None where there is none."""
    if isinstance(data, list):
        return data
    for fields in nested_in(data, keys):
        for key in keys:
            found = fields.get(key)
            if isinstance(found, list):
                return found
    return None


def proxies_of(found: object) -> tuple[Proxy, ...] | None:
    """Proxies out of an object, a text or a list of them; None if any is not whole."""
    match found:
        case str():
            try:
                proxies = parse_proxies(found).proxies
            except BadCredentials:
                return None
            return proxies if all(_is_usable(proxy) for proxy in proxies) else None
        case dict():
            proxy = _proxy(found)
            return None if proxy is None else (proxy,)
        case list():
            parts = [proxies_of(entry) for entry in found if isinstance(entry, str | dict)]
            if len(parts) != len(found):
                return None
            whole: tuple[Proxy, ...] = ()
            for part in parts:
                if part is None:
                    return None
                whole += part
            return whole
        case _:
            return None


def _proxy(fields: dict[str, object]) -> Proxy | None:
    host = fields.get("host", fields.get("ip"))
    port = text_of(fields.get("port"))
    username = text_of(fields.get("username", fields.get("login")))
    password = text_of(fields.get("password"))
    if not isinstance(host, str) or not is_host(host) or port is None or not is_port(port):
        return None
    if username is None or password is None:
        return None
    protocol = fields.get("protocol")
    word = protocol.strip().upper() if isinstance(protocol, str) else ""
    proxy = Proxy(host, int(port), username, password, word if is_plain(word, 16) else "HTTP")
    return proxy if _is_usable(proxy) else None


def _is_usable(proxy: Proxy) -> bool:
    return is_plain(proxy.username, 256) and is_plain(proxy.password, 256)


def text_of(value: object) -> str | None:
    """A text, or a number as it was written."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    return str(value)


def is_plain(text: str, most: int) -> bool:
    """Whether a text is printable and at most so long."""
    return 0 < len(text) <= most and text.isprintable()
