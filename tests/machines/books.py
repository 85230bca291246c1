"""The model: what the ledger must say, as plain Python that anybody can check by reading."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Books:
    """Every customer's money, where it is. Each method is one event that happens once."""

    wallets: dict[int, int] = field(default_factory=dict)
    holds: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By order: whose money, and how much of it."""
    sold: dict[int, tuple[int, int]] = field(default_factory=dict)
    sales: int = 0
    adjustments: int = 0
    paid_in: int = 0
    references: list[str] = field(default_factory=list)
    """Of every posting there must be, in the order in which they were made."""

    def top_up(self, request: int, customer: int, micros: int) -> None:
        self.wallets[customer] += micros
        self.paid_in += micros
        self.references.append(f"topup:{request}")

    def debit(self, request: int, customer: int, micros: int) -> None:
        self._take(customer, micros)
        self.adjustments += micros
        self.references.append(f"debit:{request}")

    def hold(self, order: int, customer: int, micros: int) -> None:
        self._take(customer, micros)
        self.holds[order] = customer, micros
        self.references.append(f"order:{order}:hold")

    def capture(self, order: int) -> None:
        self.sold[order] = self.holds.pop(order)
        self.sales += self.sold[order][1]
        self.references += [f"order:{order}:settle", f"order:{order}:cost"]

    def release(self, order: int) -> None:
        customer, micros = self.holds.pop(order)
        self.wallets[customer] += micros
        self.references.append(f"order:{order}:settle")

    def refund(self, order: int) -> None:
        customer, micros = self.sold.pop(order)
        self.sales -= micros
        self.wallets[customer] += micros
        self.references.append(f"order:{order}:refund")

    @property
    def totals(self) -> dict[str, int]:
        """The sums that the audit must come to."""
        parts = {
            "customers": sum(self.wallets.values()),
            "held": sum(micros for _, micros in self.holds.values()),
            "sales": self.sales,
            "adjustments": self.adjustments,
        }
        whole = {"parts": sum(parts.values()), "paid in": self.paid_in}
        return {**parts, **whole, "postings": len(self.references)}

    def _take(self, customer: int, micros: int) -> None:
        assert self.wallets[customer] >= micros > 0
        self.wallets[customer] -= micros
