"""Formats: the ways in which a customer has proxies written."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.orders import Proxy
from bot.domain.tables import cell

MOST_TEMPLATE = 300
"""Most characters of a customer's own template."""

_FIELD = re.compile(r"\{(host|port|user|password|protocol)\}")


class Format(StrEnum):
    """How one proxy is written."""

    LINE = "line"
    URL = "url"
    CURL = "curl"
    PYTHON = "python"
    OWN = "own"


class FileKind(StrEnum):
    """What a file of proxies holds: text in the customer's format, or all values by name."""

    TXT = "txt"
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Formatting:
    """A customer's choice; without a template of their own, that format is a line."""

    format: Format = Format.LINE
    template: str | None = None

    def of(self, proxy: Proxy) -> str:
        """One proxy, complete in itself."""
        match self.format:
            case Format.URL:
                return proxy.url
            case Format.CURL:
                return f"curl -x {shlex.quote(_resolving_url(proxy))} https://api.ipify.org"
            case Format.PYTHON:
                return _python(proxy)
            case Format.OWN if self.template is not None:
                return filled(self.template, proxy)
            case Format.OWN | Format.LINE:
                return proxy.line

    def together(self, proxies: Sequence[Proxy]) -> str:
        """Several proxies as one text that can be used as it is."""
        if self.format is Format.PYTHON and len(proxies) > 1:
            urls = "".join(f"    {_resolving_url(proxy)!r},\n" for proxy in proxies)
            return f"proxies = [\n{urls}]"
        return "\n".join(map(self.of, proxies))

    def file(self, kind: FileKind, proxies: Sequence[Proxy]) -> str:
        """The content of a file with these proxies."""
        match kind:
            case FileKind.TXT:
                return self.together(proxies) + "\n"
            case FileKind.CSV:
                return _csv(proxies)
            case FileKind.JSON:
                return json.dumps([_values(one) for one in proxies], ensure_ascii=False, indent=1)


def is_template(text: str) -> bool:
    """Whether proxies can be written in it: not too long, and one value at least is in it."""
    return len(text) <= MOST_TEMPLATE and _FIELD.search(text) is not None


def filled(template: str, proxy: Proxy) -> str:
    """The template with the proxy's values.

    By plain replacement in one pass: other braces stay as they are, and so do braces in a value.
    """
    values = _values(proxy)
    return _FIELD.sub(lambda field: str(values[field[1]]), template)


def left_alone(template: str) -> tuple[str, ...]:
    """Words in braces that look like values and are none."""
    found = re.findall(r"\{[^{}\s]*\}", template)
    return tuple(dict.fromkeys(word for word in found if not _FIELD.fullmatch(word)))


def is_marked(proxies: Sequence[Proxy]) -> bool:
    """Whether the CSV file has apostrophes that are not part of a value."""
    return any(cell(value) != str(value) for one in proxies for value in _values(one).values())


def _values(proxy: Proxy) -> dict[str, str | int]:
    return {
        "host": proxy.host,
        "port": proxy.port,
        "user": proxy.username,
        "password": proxy.password,
        "protocol": "socks5" if proxy.is_socks else "http",
    }


def _resolving_url(proxy: Proxy) -> str:
    """The URL by which curl and Python leave names for the proxy to look up."""
    # In the URL, as curl decodes percent signs in what follows -U too.
    return proxy.url.replace("socks5://", "socks5h://", 1)


def _python(proxy: Proxy) -> str:
    needs = '  # pip install "requests[socks]"' if proxy.is_socks else ""
    return (
        f"import requests{needs}\n\n"
        f"proxy = {_resolving_url(proxy)!r}\n"
        'proxies = {"http": proxy, "https": proxy}\n'
        'print(requests.get("https://api.ipify.org", proxies=proxies).text)'
    )


def _csv(proxies: Sequence[Proxy]) -> str:
    out = io.StringIO()
    rows = [_values(proxy) for proxy in proxies]
    table = csv.writer(out, lineterminator="\n")
    table.writerow(rows[0])
    table.writerows([cell(value) for value in row.values()] for row in rows)
    return out.getvalue()
