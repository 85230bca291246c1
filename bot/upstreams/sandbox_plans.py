"""What the pretend GateProxy sells."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(slots=True)
class SandboxPlan:
    """One plan for sale."""

    traffic: str
    code: str
    price: Decimal
    in_stock: bool = True


@dataclass(slots=True)
class SandboxProvider:
    """One provider with its plans."""

    code: str
    name: str
    plans: list[SandboxPlan]
    is_active: bool = True


def catalogue() -> list[SandboxProvider]:
    """Six providers with believable plans; the two of NodeMaven's documents are among them."""

    def provider(code: str, name: str, *rows: tuple[str, str, str]) -> SandboxProvider:
        plans = [SandboxPlan(traffic, plan, Decimal(price)) for traffic, plan, price in rows]
        return SandboxProvider(code, name, plans)

    return [
        provider(
            "abcproxy",
            "ABC Proxy",
            ("1 GB", "1", "2.10"),
            ("5 GB", "5", "9.75"),
            ("10 GB", "10", "18.50"),
            ("50 GB", "50", "85.00"),
        ),
        provider(
            "9proxy",
            "9Proxy",
            ("1 GB", "1", "2.80"),
            ("5 GB", "5", "13.00"),
            ("20 GB", "20", "46.00"),
            ("100 GB", "100", "198.00"),
        ),
        provider(
            "proxyseller",
            "ProxySeller",
            ("1 GB", "res-1", "3.20"),
            ("3 GB", "res-3", "9.00"),
            ("10 GB", "res-10", "27.00"),
            ("5 IPs, 30 days", "isp-5-30", "11.50"),
        ),
        provider(
            "nodemaven",
            "NodeMaven",
            ("120 MB", "0.120", "0.45"),
            ("500 MB", "0.500", "1.80"),
            ("1 GB", "1", "3.50"),
            ("5 GB", "5", "16.50"),
            ("10 GB", "10", "31.00"),
            ("25 GB", "25", "72.50"),
            ("50 GB", "50", "137.50"),
        ),
        provider(
            "dataimpulse",
            "DataImpulse",
            ("1 GB", "1", "1.15"),
            ("5 GB", "5", "5.50"),
            ("25 GB", "25", "26.25"),
            ("100 GB", "100", "99.00"),
        ),
        provider(
            "9proxy_cd_key",
            "9Proxy CD Key",
            ("25 IPs", "ip25", "2.40"),
            ("100 IPs", "ip100", "8.20"),
            ("500 IPs", "ip500", "36.00"),
        ),
    ]
