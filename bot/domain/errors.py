"""Everything that is raised on purpose.

ShopError
  CustomerError            the person can act; the class decides the text
    BadAmount              a typed amount that is not one
    BadMarkup              a typed markup that is not one
    RuleHolds              a markup change that changes nothing
    CostHolds              a change of a cost that changes nothing
    CostMoved              a cost that was changed since it was previewed
    BadCredentials         pasted lines that no proxy or code can be read from
    DeliveredBefore        somebody has this already
    WrongCount             pasted lines that are more or fewer than were bought
    BadQuantity            a number of pieces that this plan is not sold in
    InsufficientFunds      the wallet does not cover the price
    OverDebit              a debit would take more than the wallet holds
    PriceChanged           the price on the button is not today's
    PlanChanged            what the button says of the plan is not so any more
    OfferGone              the plan cannot be bought now
    ShopClosed             the owner or the audit stopped selling
    TooManyOrders          too many unfinished orders of one customer
    JustBought             the same plan a moment ago: did you mean to buy one more?
    NotFound               no such thing, or not yours: the answer is the same
    TooLate                the thing has moved on: cancelled, decided or expired meanwhile
    TooSoon                asked again before the pause was over
    NoUsage                the upstream cannot tell this traffic
    BlockedCustomer        an owner stopped this customer's buying and typing
  UpstreamError            an upstream call did not end well; says what is KNOWN
    Refused                certainly not done            -> give the money back
      OutOfService         our account there is the cause -> tell the owner as well
      Lacking              our account there has no such ability
      Busy                 certainly not done, ask again in a moment
    NotSent                never left this process       -> try again, then give the money back
    Unclear                may have happened             -> hold the money, find out
  StartRefused             the process must not run like this; one line for the owner
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.domain.catalog import PlanId
    from bot.domain.money import Money
    from bot.domain.orders import OrderId


class ShopError(Exception):
    """Raised on purpose by the shop itself."""


class CustomerError(ShopError):
    """The person who tapped or typed can act on it."""


class BadAmount(CustomerError):
    """What was typed is not an amount between 0.01 and 1,000,000."""

    def __init__(self, typed: str) -> None:
        super().__init__()
        self.typed = typed


class BadMarkup(CustomerError):
    """What was typed is not a markup; `typed` is the part that was not understood."""

    def __init__(self, typed: str) -> None:
        super().__init__()
        self.typed = typed


class RuleHolds(CustomerError):
    """The scope (empty: everything) has this rule already; None: it has none of its own."""

    def __init__(self, scope: str, rule: str | None) -> None:
        super().__init__()
        self.scope = scope
        self.rule = rule


class CostHolds(CustomerError):
    """The plan of this `name` costs this already."""

    def __init__(self, name: str, cost: Money) -> None:
        super().__init__()
        self.name = name
        self.cost = cost


class CostMoved(CustomerError):
    """The plan of this `name` costs something else now than when the change was previewed."""

    def __init__(self, name: str, cost: Money) -> None:
        super().__init__()
        self.name = name
        self.cost = cost


class BadCredentials(CustomerError):
    """A pasted line holds neither a proxy nor a code; `line` counts from 1."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


class DeliveredBefore(CustomerError):
    """Some of what was pasted is what `order` got."""

    def __init__(self, order: OrderId) -> None:
        super().__init__()
        self.order = order


class WrongCount(CustomerError):
    """The pasted lines are `found`, and `wanted` were bought."""

    def __init__(self, found: int, wanted: int) -> None:
        super().__init__()
        self.found = found
        self.wanted = wanted


class BadQuantity(CustomerError):
    """One order of `plan` takes 1 to `most` pieces."""

    def __init__(self, plan: PlanId, most: int) -> None:
        super().__init__()
        self.plan = plan
        self.most = most


class InsufficientFunds(CustomerError):
    """The wallet does not cover the price of `plan`."""

    def __init__(self, plan: PlanId, price: Money, balance: Money) -> None:
        super().__init__()
        self.plan = plan
        self.price = price
        self.balance = balance


class OverDebit(CustomerError):
    """A debit would take more than the wallet's `balance`."""

    def __init__(self, balance: Money) -> None:
        super().__init__()
        self.balance = balance


class PriceChanged(CustomerError):
    """The price on the button, `shown`, is not today's price of `plan`."""

    def __init__(self, plan: PlanId, shown: Money) -> None:
        super().__init__()
        self.plan = plan
        self.shown = shown


class PlanChanged(CustomerError):
    """`plan` is called otherwise, or works for another time, than the button said."""

    def __init__(self, plan: PlanId) -> None:
        super().__init__()
        self.plan = plan


class OfferGone(CustomerError):
    """The plan cannot be bought now."""


class ShopClosed(CustomerError):
    """Selling is stopped; what was bought stays readable."""


class TooManyOrders(CustomerError):
    """The customer has as many unfinished orders as the shop allows."""


class JustBought(CustomerError):
    """The customer ordered the same plan a moment ago, as `order`."""

    def __init__(self, order: OrderId) -> None:
        super().__init__()
        self.order = order


class NotFound(CustomerError):
    """No such thing, or somebody else's: nobody learns which."""


class TooLate(CustomerError):
    """What the button offered is no longer possible."""


class TooSoon(CustomerError):
    """Asked again before a pause of `seconds` was over."""

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds


class NoUsage(CustomerError):
    """The upstream does not tell, or does not know, this traffic."""


class BlockedCustomer(CustomerError):
    """An owner stopped this customer's buying and typing."""


class UpstreamError(ShopError):
    """An upstream call did not end well.

    `code` is the upstream's own word for it, or ours; it is logged and shown to owners,
    so it never holds a body, a token or a credential.
    """

    def __init__(self, code: str, *, status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class Refused(UpstreamError):
    """Certainly not done."""


class OutOfService(Refused):
    """Certainly not done, and our account there is the cause."""


class Lacking(Refused):
    """Certainly not done: our account there may do everything but this."""


class Busy(Refused):
    """Certainly not done; `after` seconds may pass before asking again."""

    def __init__(
        self, code: str, *, status: int | None = None, after: float | None = None
    ) -> None:
        super().__init__(code, status=status)
        self.after = after


class NotSent(UpstreamError):
    """The request never left this process."""


class Unclear(UpstreamError):
    """May have happened.

    `documented`: the upstream answered in its own error form, so it is likely not done and
    finding out may be short.
    """

    def __init__(self, code: str, *, status: int | None = None, documented: bool = False) -> None:
        super().__init__(code, status=status)
        self.documented = documented


class StartRefused(ShopError):
    """The process must not run like this; the text is one clear line without secrets."""
