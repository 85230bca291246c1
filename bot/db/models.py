"""The tables. Rows never leave services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bot.domain.exchanges import UNDER_WAY, ExchangeState
from bot.domain.formats import Format
from bot.domain.money import MOST_MICROS
from bot.domain.orders import OPEN, OrderState
from bot.domain.plans import PlanDeed

# STRICT tables on SQLite know INTEGER, TEXT and BLOB; BIGINT is not among them.
Big = BigInteger().with_variant(Integer, "sqlite")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """A time in UTC, stored as whole microseconds since 1970: sorts and compares everywhere."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Base(DeclarativeBase):
    """Every constraint has a name, so that a migration can find it on both databases."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {int: Big, str: Text, bytes: LargeBinary, datetime: Moment}  # noqa: RUF012 - read once, never changed


def _one_of(column: str, words: Any) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in sorted(words))})"


_STRICT: dict[str, Any] = {"sqlite_strict": True}
_MOST = str(MOST_MICROS)
_IS_OPEN = text(_one_of("state", OPEN))


class CustomerRow(Base):
    """A person who has written to the bot; the id is Telegram's."""

    __tablename__ = "customers"
    __table_args__ = (
        CheckConstraint("is_blocked IN (0, 1)", name="is_blocked"),
        CheckConstraint("is_reachable IN (0, 1)", name="is_reachable"),
        CheckConstraint("wants_sales IN (0, 1)", name="wants_sales"),
        # One holder a name, and the one seen last: names change hands.
        Index("uq_customers_username", text("lower(username)"), unique=True),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    username: Mapped[str | None]
    language: Mapped[str]
    prompt: Mapped[str | None]
    """What the next typed text answers: a packed payload."""
    wanted_plan_id: Mapped[int | None] = mapped_column(ForeignKey("plans.id"))
    """The plan the customer lacked money for."""
    is_blocked: Mapped[int] = mapped_column(server_default="0")
    is_reachable: Mapped[int] = mapped_column(server_default="1")
    """0 while Telegram says that the person blocked the bot."""
    wants_sales: Mapped[int] = mapped_column(server_default="0")
    """An owner's switch: a notice for each sale."""
    created_at: Mapped[datetime]


class FormatRow(Base):
    """How a customer has proxies written; no row where they never chose."""

    __tablename__ = "formats"
    __table_args__ = (
        CheckConstraint(_one_of("format", Format), name="format"),
        CheckConstraint("format <> 'own' OR template IS NOT NULL", name="own_has_template"),
        _STRICT,
    )

    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id"), primary_key=True, autoincrement=False
    )
    format: Mapped[str]
    template: Mapped[str | None]


class WalletRow(Base):
    """A cached balance, changed only together with a posting."""

    __tablename__ = "wallets"
    __table_args__ = (
        CheckConstraint(f"balance >= 0 AND balance <= 1000 * {_MOST}", name="balance"),
        _STRICT,
    )

    customer_id: Mapped[int] = mapped_column(
        ForeignKey("customers.id"), primary_key=True, autoincrement=False
    )
    balance: Mapped[int]


class PostingRow(Base):
    """One movement of money. Triggers refuse to change or delete it."""

    __tablename__ = "postings"
    __table_args__ = (
        UniqueConstraint("reference"),
        CheckConstraint(f"micros > 0 AND micros <= 1000 * {_MOST}", name="micros"),
        CheckConstraint("source <> destination", name="two_accounts"),
        CheckConstraint(
            _one_of(
                "kind",
                ("topup", "debit", "hold", "capture", "release", "refund", "cost", "stray"),
            ),
            name="kind",
        ),
        Index("ix_postings_source", "source", "id"),
        Index("ix_postings_destination", "destination", "id"),
        Index("ix_postings_order_id", "order_id"),
        Index("ix_postings_kind_at", "kind", "at"),
        Index(
            "ix_postings_moved",
            "micros",
            "id",
            sqlite_where=text("kind IN ('topup', 'debit')"),
            postgresql_where=text("kind IN ('topup', 'debit')"),
        ),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str]
    source: Mapped[str]
    destination: Mapped[str]
    micros: Mapped[int]
    kind: Mapped[str]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    actor: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]


class ProviderRow(Base):
    """A brand that an upstream sells."""

    __tablename__ = "providers"
    __table_args__ = (
        UniqueConstraint("upstream", "code"),
        CheckConstraint("is_open IN (0, 1)", name="is_open"),
        CheckConstraint("is_code IN (0, 1)", name="is_code"),
        CheckConstraint("is_priced_here IN (0, 1)", name="is_priced_here"),
        CheckConstraint(_one_of("usage", ("api", "bot", "unknown")), name="usage"),
        CheckConstraint("(usage = 'bot') = (usage_url IS NOT NULL)", name="usage_url"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    upstream: Mapped[str]
    code: Mapped[str]
    name: Mapped[str]
    usage: Mapped[str]
    usage_url: Mapped[str | None]
    is_code: Mapped[int]
    is_open: Mapped[int]
    is_priced_here: Mapped[int] = mapped_column(server_default="0")
    """No price list tells its costs: owners set them."""


class PlanRow(Base):
    """A plan at its cost. Closed, never deleted: orders point at it."""

    __tablename__ = "plans"
    __table_args__ = (
        UniqueConstraint("provider_id", "code"),
        CheckConstraint(f"cost_micros > 0 AND cost_micros <= {_MOST}", name="cost_micros"),
        CheckConstraint("is_open IN (0, 1)", name="is_open"),
        CheckConstraint("most >= 1 AND most <= 1000", name="most"),
        CheckConstraint("days > 0", name="days"),
        CheckConstraint("is_hidden IN (0, 1)", name="is_hidden"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id"))
    code: Mapped[str]
    title: Mapped[str]
    cost_micros: Mapped[int]
    currency: Mapped[str]
    is_open: Mapped[int]
    read_at: Mapped[datetime]
    most: Mapped[int] = mapped_column(server_default="1")
    """The most pieces of one order."""
    days: Mapped[int | None]
    """How long what was bought works; set for subscriptions alone."""
    is_hidden: Mapped[int] = mapped_column(server_default="0")
    """An owner does not offer it; what was accepted before goes on."""


class PlanChangeRow(Base):
    """What owners did to a plan that they price. Triggers refuse to change or delete it."""

    __tablename__ = "plan_changes"
    __table_args__ = (
        UniqueConstraint("request_id"),
        CheckConstraint(_one_of("kind", PlanDeed), name="kind"),
        CheckConstraint(
            "(kind = 'cost') = (old_micros IS NOT NULL)"
            " AND (kind = 'cost') = (new_micros IS NOT NULL)"
            " AND (kind = 'cost') = (request_id IS NOT NULL)",
            name="whole_cost",
        ),
        # A plan may have had no days before; a title and a number of pieces it always had.
        CheckConstraint(
            "(kind IN ('days', 'most', 'title')) = (new_text IS NOT NULL)"
            " AND (old_text IS NULL OR new_text IS NOT NULL)"
            " AND (old_text IS NOT NULL OR kind NOT IN ('most', 'title'))",
            name="whole_text",
        ),
        CheckConstraint("old_text <> new_text", name="new_text"),
        CheckConstraint(
            f"old_micros > 0 AND new_micros > 0 AND new_micros <= {_MOST}", name="new_micros"
        ),
        Index("ix_plan_changes_plan_id", "plan_id", "id"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"))
    kind: Mapped[str]
    old_micros: Mapped[int | None]
    new_micros: Mapped[int | None]
    old_text: Mapped[str | None]
    """Days, pieces or a title, as it was; costs stand in micros."""
    new_text: Mapped[str | None]
    request_id: Mapped[int | None] = mapped_column(ForeignKey("requests.id"))
    by: Mapped[int]
    at: Mapped[datetime]


class RuleChangeRow(Base):
    """The history of markup rules; the newest row of a scope is in force."""

    __tablename__ = "rule_changes"
    __table_args__ = (
        UniqueConstraint("request_id"),
        CheckConstraint("provider_id IS NULL OR plan_id IS NULL", name="scope"),
        CheckConstraint(
            "(percent_bp IS NULL) = (fixed_micros IS NULL)"
            " AND (percent_bp IS NULL) = (least_micros IS NULL)",
            name="whole_rule",
        ),
        CheckConstraint(
            "percent_bp >= 0 AND fixed_micros >= 0 AND least_micros >= 0", name="not_negative"
        ),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id"))
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plans.id"))
    percent_bp: Mapped[int | None]
    fixed_micros: Mapped[int | None]
    least_micros: Mapped[int | None]
    request_id: Mapped[int] = mapped_column(ForeignKey("requests.id"))
    by: Mapped[int]
    at: Mapped[datetime]


class RequestRow(Base):
    """A preview that waits for its Confirm button; done at most once."""

    __tablename__ = "requests"
    __table_args__ = (
        CheckConstraint(
            _one_of("kind", ("topup", "debit", "markup", "refund", "cost")), name="kind"
        ),
        Index("ix_requests_kind_done_at", "kind", "done_at"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    body: Mapped[str]
    by: Mapped[int]
    at: Mapped[datetime]
    done_at: Mapped[datetime | None]


class LaneRow(Base):
    """One upstream account; its orders are placed one at a time."""

    __tablename__ = "lanes"
    __table_args__ = (
        UniqueConstraint("upstream", "token_fingerprint"),
        CheckConstraint("list_names_plans IN (0, 1)", name="list_names_plans"),
        CheckConstraint("list_tells_tags IN (0, 1)", name="list_tells_tags"),
        CheckConstraint("is_listed IN (0, 1)", name="is_listed"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    upstream: Mapped[str]
    token_fingerprint: Mapped[str]
    is_listed: Mapped[int] = mapped_column(server_default="0")
    """Its whole order list was read once, so that old orders are not taken for strays."""
    list_names_plans: Mapped[int | None]
    """Whether the list names provider and plan as we do; None until it showed an order of ours."""
    list_tells_tags: Mapped[int | None]
    """Whether the list returns the tag of an order; None until it showed an order of ours."""
    placed_at: Mapped[datetime | None]
    shared_until: Mapped[datetime | None]
    """Somebody else bought on this account: until then no match is made without a person."""
    opened_at: Mapped[datetime]
    no_exchange_until: Mapped[datetime | None]
    """The account may not exchange proxies: until then nobody is offered to ask again."""


class StopRow(Base):
    """Selling is stopped for a scope, `shop` or `lane:N`, until somebody or something ends it."""

    __tablename__ = "stops"
    __table_args__ = (_STRICT,)

    scope: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    since: Mapped[datetime]
    by: Mapped[str]


class OrderRow(Base):
    """An intent that was accepted. The state changes by compare-and-set alone."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("customer_id", "intent"),
        UniqueConstraint("lane_id", "upstream_order_id"),
        UniqueConstraint("tag"),
        CheckConstraint(_one_of("state", OrderState), name="state"),
        CheckConstraint(f"price_micros > 0 AND price_micros <= {_MOST}", name="price_micros"),
        CheckConstraint(f"cost_micros > 0 AND cost_micros <= {_MOST}", name="cost_micros"),
        # I8: never sold under cost, whatever the code above believes.
        CheckConstraint("price_micros >= cost_micros", name="not_under_cost"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("days > 0", name="days"),
        CheckConstraint(
            "state NOT IN ('delivered', 'refunded') OR upstream_order_id IS NOT NULL"
            " OR by_hand = 1",
            name="delivered_is_bound",
        ),
        CheckConstraint("by_hand IN (0, 1)", name="by_hand"),
        Index("ix_orders_customer_id", "customer_id", "id"),
        Index(
            "ix_orders_open",
            "lane_id",
            "id",
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        Index(
            "ix_orders_open_customer_id",
            "customer_id",
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
        Index(
            "ix_orders_screen",
            "customer_id",
            "screen_message_id",
            sqlite_where=text("screen_message_id IS NOT NULL"),
            postgresql_where=text("screen_message_id IS NOT NULL"),
        ),
        Index("ix_orders_state", "state", "moved_at"),
        Index("ix_orders_provider_id", "provider_id", "id"),
        Index("ix_orders_price_micros", "price_micros", "id"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    intent: Mapped[str]
    lane_id: Mapped[int] = mapped_column(ForeignKey("lanes.id"))
    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"))
    provider: Mapped[str]
    """The upstream's code as it was when the order was accepted; so are plan and title."""
    plan: Mapped[str]
    provider_name: Mapped[str]
    title: Mapped[str]
    is_code: Mapped[int]
    quantity: Mapped[int]
    cost_micros: Mapped[int]
    price_micros: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str | None]
    tag: Mapped[str]
    upstream_order_id: Mapped[str | None]
    by_hand: Mapped[int] = mapped_column(server_default="0")
    accepted_at: Mapped[datetime]
    moved_at: Mapped[datetime]
    next_at: Mapped[datetime]
    """When the lane's worker looks at it next."""
    sent_at: Mapped[datetime | None]
    """When the last attempt was committed: the start of every pause and quarantine."""
    baseline_id: Mapped[int | None]
    """The newest upstream order known before the last attempt: none up to it can be its result."""
    quarantine_until: Mapped[datetime | None]
    checks: Mapped[int] = mapped_column(server_default="0")
    tries: Mapped[int] = mapped_column(server_default="0")
    screen_message_id: Mapped[int | None]
    is_slow_told: Mapped[int] = mapped_column(server_default="0")
    shown_at: Mapped[datetime | None]
    days: Mapped[int | None]
    """How long it works, counted from the last attempt; set for subscriptions alone."""


class AttemptRow(Base):
    """One request that may have left, and what came of it."""

    __tablename__ = "attempts"
    __table_args__ = (_STRICT,)

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sent_at: Mapped[datetime]
    send_by: Mapped[datetime]
    balance_micros: Mapped[int | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class MoveRow(Base):
    """One step in the history of an order."""

    __tablename__ = "moves"
    __table_args__ = (Index("ix_moves_order_id", "order_id", "id"), _STRICT)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    source: Mapped[str | None]
    target: Mapped[str]
    actor: Mapped[str]
    note: Mapped[str | None]
    at: Mapped[datetime]


class DeliveryRow(Base):
    """What the customer gets and the upstream's raw answer, sealed by the vault."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_indexed_with", "indexed_with"), _STRICT)

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id"), primary_key=True, autoincrement=False
    )
    sealed: Mapped[bytes]
    at: Mapped[datetime]
    indexed_with: Mapped[str | None]
    """The key that its search terms were made with, and the way; None before they are made."""


class SearchTermRow(Base):
    """A keyed hash of a host or username that an order delivered; neither is kept in the open."""

    __tablename__ = "search_terms"
    __table_args__ = (
        # One for customers, who find their own orders, and one for owners.
        Index("ix_search_terms_customer", "term", "customer_id", "order_id"),
        Index("ix_search_terms_term", "term", "order_id"),
        _STRICT,
    )

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id"), primary_key=True, autoincrement=False
    )
    term: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))


class FingerprintRow(Base):
    """A keyed hash of something delivered: a code, or the login of a proxy. One order has it."""

    __tablename__ = "fingerprints"
    __table_args__ = (Index("ix_fingerprints_order_id", "order_id"), _STRICT)

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))


class UpstreamOrderRow(Base):
    """Every order ever seen at the upstream: bound to one of ours, a stray, or from before."""

    __tablename__ = "upstream_orders"
    __table_args__ = (
        UniqueConstraint("lane_id", "reference"),
        UniqueConstraint("order_id"),
        CheckConstraint("is_flagged IN (0, 1)", name="is_flagged"),
        CheckConstraint("is_listed IN (0, 1)", name="is_listed"),
        CheckConstraint("is_written_off IN (0, 1)", name="is_written_off"),
        CheckConstraint("quantity > 0", name="quantity"),
        Index(
            "ix_upstream_orders_unlisted",
            "lane_id",
            "seen_at",
            sqlite_where=text("is_listed = 0"),
            postgresql_where=text("is_listed = 0"),
        ),
        Index(
            "ix_upstream_orders_loose",
            "lane_id",
            "id",
            sqlite_where=text("order_id IS NULL AND is_flagged = 0"),
            postgresql_where=text("order_id IS NULL AND is_flagged = 0"),
        ),
        Index("ix_upstream_orders_lane_id", "lane_id", "id"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lane_id: Mapped[int] = mapped_column(ForeignKey("lanes.id"))
    reference: Mapped[str]
    provider: Mapped[str | None]
    plan: Mapped[str | None]
    tag: Mapped[str | None]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    is_flagged: Mapped[int] = mapped_column(server_default="0")
    """Never a candidate: older than the bot, known to owners as a stray, or ours by another id."""
    is_listed: Mapped[int] = mapped_column(server_default="0")
    """A list showed it by this id; one that only an answer told may stand there by another."""
    is_written_off: Mapped[int] = mapped_column(server_default="0")
    """Told to owners as a stray, and booked as a loss where anybody knew its cost."""
    seen_at: Mapped[datetime]
    quantity: Mapped[int | None]
    subscription: Mapped[str | None]
    """The id it goes on being paid by, in its own case."""


class SubscriptionRow(Base):
    """An upstream order that is paid for every period to come, until that is cancelled."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("lane_id", "reference"),
        CheckConstraint("(cancelled_at IS NULL) = (cancelled_by IS NULL)", name="cancelled_by"),
        Index(
            "ix_subscriptions_running",
            "next_at",
            sqlite_where=text("cancelled_at IS NULL"),
            postgresql_where=text("cancelled_at IS NULL"),
        ),
        Index("ix_subscriptions_ends_at", "ends_at"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lane_id: Mapped[int] = mapped_column(ForeignKey("lanes.id"))
    reference: Mapped[str]
    subscription: Mapped[str | None]
    """None where no answer told it: then only the list can."""
    plan: Mapped[str]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    """None for a stray."""
    opened_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    """When the period ends that is paid already."""
    next_at: Mapped[datetime]
    """When its cancellation is tried next."""
    tries: Mapped[int] = mapped_column(server_default="0")
    cancelled_at: Mapped[datetime | None]
    cancelled_by: Mapped[str | None]
    error: Mapped[str | None]


class ExchangeRow(Base):
    """One wish to have every proxy of an order exchanged, written down before it is sent."""

    __tablename__ = "exchanges"
    __table_args__ = (
        UniqueConstraint("order_id", "intent"),
        CheckConstraint(_one_of("state", ExchangeState), name="state"),
        CheckConstraint(f"(ended_at IS NULL) = ({_one_of('state', UNDER_WAY)})", name="ended_at"),
        # Whatever is tapped: one at a time.
        Index(
            "uq_exchanges_under_way",
            "order_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_exchanges_state", "state", "sent_at"),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    intent: Mapped[str]
    state: Mapped[str]
    error: Mapped[str | None]
    asked_at: Mapped[datetime]
    next_at: Mapped[datetime]
    """When it is looked at next."""
    sent_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(server_default="0")
    """How often it was sent, or nearly."""
    checks: Mapped[int] = mapped_column(server_default="0")
    """How often the order was read since."""
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    """The owner who said what it brought; None where the bot found out."""


class OutboxRow(Base):
    """A message the shop owes somebody. Holds no secret: texts are drawn when it is sent."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("dedupe"),
        Index(
            "ix_outbox_due",
            "next_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
        Index("ix_outbox_order_id", "order_id"),
        Index(
            "ix_outbox_dead",
            "outcome",
            sqlite_where=text("outcome = 'dead'"),
            postgresql_where=text("outcome = 'dead'"),
        ),
        Index(
            "ix_outbox_chat_id",
            "chat_id",
            "id",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
        _STRICT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    chat_id: Mapped[int]
    notice: Mapped[str]
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    dedupe: Mapped[str | None]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(server_default="0")
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    """`sent`, or why it never will be: `dead`, `withdrawn`. `put_off` is owed, out of turn."""
    error: Mapped[str | None]


class UsageReadingRow(Base):
    """One answer to a usage check, in the upstream's own words."""

    __tablename__ = "usage_readings"
    __table_args__ = (Index("ix_usage_readings_order_id", "order_id", "id"), _STRICT)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    used: Mapped[str | None]
    remaining: Mapped[str | None]
    total: Mapped[str | None]
    at: Mapped[datetime]


class UsageAlertRow(Base):
    """A customer wants to be told once so much of an order's traffic is used."""

    __tablename__ = "usage_alerts"
    __table_args__ = (
        CheckConstraint("percent > 0 AND percent < 100", name="percent"),
        # The oldest that is due on one lane, however many orders there are.
        Index("ix_usage_alerts_due", "lane_id", "next_at"),
        _STRICT,
    )

    order_id: Mapped[int] = mapped_column(
        ForeignKey("orders.id"), primary_key=True, autoincrement=False
    )
    lane_id: Mapped[int] = mapped_column(ForeignKey("lanes.id"))
    percent: Mapped[int]
    told_at: Mapped[datetime | None]
    """When the crossing was told; None again once less is used, as after a refill."""
    next_at: Mapped[datetime]
    refusals: Mapped[int] = mapped_column(server_default="0")
    """How often in a row the upstream told nothing about this order."""


class ProofRow(Base):
    """One test through what an order delivered, sealed by the vault: it names addresses."""

    __tablename__ = "proofs"
    __table_args__ = (Index("ix_proofs_order_id", "order_id", "id"), _STRICT)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    sealed: Mapped[bytes]
    at: Mapped[datetime]


class RestoreRow(Base):
    """These books took the place of others, of which they know nothing that came later."""

    __tablename__ = "restores"
    __table_args__ = (_STRICT,)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]


class LeaseRow(Base):
    """Which process works; the compare-and-set, not this row, protects the money."""

    __tablename__ = "leases"
    __table_args__ = (_STRICT,)

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]
