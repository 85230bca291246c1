"""Fingerprints: by what a delivery is known again, should it be delivered a second time."""

from __future__ import annotations

from ipaddress import IPv4Address

from bot.domain.orders import Credentials, Delivery, Proxy, RedeemCode


def traits(delivery: Delivery) -> frozenset[str]:
    """What may be delivered once only, as texts that are as secret as the delivery itself.

    Gateways are shared: there username and password alone decide whose traffic it is. An address
    of its own is part of the proxy, as some providers use one login for all that they rent out.
    """
    match delivery:
        case Credentials(proxies):
            return frozenset(map(_trait, proxies))
        case RedeemCode(codes):
            return frozenset(f"code {''.join(code.split()).casefold()}" for code in codes)


def _trait(proxy: Proxy) -> str:
    host = proxy.host if _is_address(proxy.host) else ""
    # With its length in front, no username runs over into the password.
    return f"proxy {host} {len(proxy.username)} {proxy.username} {proxy.password}"


def _is_address(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True
