"""The laws of the database: what it refuses, whatever the code above believes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Integer, LargeBinary, Table, UniqueConstraint, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.db.models import Base, Moment
from bot.db.session import Database
from bot.domain.money import MOST_MICROS
from tests.conftest import ON_SQLITE

Row = Mapping[str, Any]

TABLES = Base.metadata.tables
NOW = 1_700_000_000_000_000
TOO_MUCH = MOST_MICROS + 1

# One lawful row of each table whose laws are tried, in an order that references allow.
ROWS: dict[str, Row] = {
    "providers": {
        "id": 1,
        "upstream": "gateproxy",
        "code": "nodemaven",
        "name": "NodeMaven",
        "usage": "bot",
        "usage_url": "https://t.me/checker",
        "is_code": 0,
        "is_open": 1,
        "is_priced_here": 0,
    },
    "plans": {
        "id": 1,
        "provider_id": 1,
        "code": "0.120",
        "title": "1 GB",
        "cost_micros": 3_350_000,
        "currency": "USDT",
        "is_open": 1,
        "read_at": NOW,
    },
    "customers": {
        "id": 7,
        "name": "Ann",
        "username": "Ann",
        "language": "en",
        "is_blocked": 0,
        "is_reachable": 1,
        "wants_sales": 0,
        "created_at": NOW,
    },
    "formats": {"customer_id": 7, "format": "own", "template": "{host}"},
    "wallets": {"customer_id": 7, "balance": 10_000_000},
    "requests": {"id": 1, "kind": "markup", "body": "{}", "by": 9, "at": NOW},
    "rule_changes": {
        "id": 1,
        "provider_id": 1,
        "plan_id": None,
        "percent_bp": 2000,
        "fixed_micros": 0,
        "least_micros": 0,
        "request_id": 1,
        "by": 9,
        "at": NOW,
    },
    "plan_changes": {
        "id": 1,
        "plan_id": 1,
        "kind": "cost",
        "old_micros": 2_000_000,
        "new_micros": 2_500_000,
        "old_text": None,
        "new_text": None,
        "request_id": 1,
        "by": 9,
        "at": NOW,
    },
    "lanes": {
        "id": 1,
        "upstream": "gateproxy",
        "token_fingerprint": "f1",
        "is_listed": 1,
        "list_names_plans": 1,
        "opened_at": NOW,
    },
    "orders": {
        "id": 1,
        "customer_id": 7,
        "intent": "c0ffee",
        "lane_id": 1,
        "plan_id": 1,
        "provider": "nodemaven",
        "plan": "0.120",
        "provider_name": "NodeMaven",
        "title": "1 GB",
        "is_code": 0,
        "quantity": 1,
        "cost_micros": 3_350_000,
        "price_micros": 4_030_000,
        "state": "delivered",
        "tag": "abc",
        "upstream_order_id": "G-1",
        "by_hand": 0,
        "accepted_at": NOW,
        "moved_at": NOW,
        "next_at": NOW,
    },
    "fingerprints": {"fingerprint": "a1", "order_id": 1},
    "postings": {
        "id": 1,
        "reference": "order:1:hold",
        "source": "customer:7",
        "destination": "held:1",
        "micros": 4_030_000,
        "kind": "hold",
        "order_id": 1,
        "actor": "customer:7",
        "reason": "bought",
        "at": NOW,
    },
    "upstream_orders": {
        "id": 1,
        "lane_id": 1,
        "reference": "G-1",
        "order_id": 1,
        "is_flagged": 0,
        "seen_at": NOW,
    },
    "subscriptions": {
        "id": 1,
        "lane_id": 1,
        "reference": "sub_1a",
        "subscription": "sub_1A",
        "order_id": 1,
        "cancelled_at": NOW,
        "cancelled_by": "shop",
    },
    "exchanges": {"id": 1, "order_id": 1, "intent": "c0ffee", "state": "asked", "ended_at": None},
    "usage_alerts": {"order_id": 1, "lane_id": 1, "percent": 80, "next_at": NOW},
    "outbox": {
        "id": 1,
        "chat_id": 7,
        "notice": "{}",
        "dedupe": "order:1:delivered",
        "created_at": NOW,
        "next_at": NOW,
    },
}

# What a second lawful row has different.
SECOND: dict[str, Row] = {
    "providers": {"id": 2, "code": "abc"},
    "plans": {"id": 2, "code": "0.121"},
    "subscriptions": {"id": 2, "reference": "sub_1b"},
    "customers": {"id": 8, "username": "Bob"},
    "formats": {"customer_id": 8},
    "wallets": {"customer_id": 8},
    "requests": {"id": 2},
    "rule_changes": {"id": 2, "request_id": 2},
    "plan_changes": {"id": 2, "request_id": 2},
    "lanes": {"id": 2, "token_fingerprint": "f2"},
    "fingerprints": {"fingerprint": "a2"},
    "orders": {"id": 2, "intent": "decade", "tag": "abd", "upstream_order_id": "G-2"},
    "postings": {"id": 2, "reference": "order:1:settle"},
    "upstream_orders": {"id": 2, "reference": "G-2", "order_id": 2},
    "outbox": {"id": 2, "dedupe": "order:2:delivered"},
    "exchanges": {"id": 2, "order_id": 2, "intent": "decade"},
    "usage_alerts": {"order_id": 2},
}

# What a change has that is none of a cost.
NO_COST: Row = {"old_micros": None, "new_micros": None, "request_id": None}

# What breaks a law, and as far as possible no other; every CHECK of the models stands here.
BROKEN: list[tuple[str, Row]] = [
    ("ck_customers_is_blocked", {"is_blocked": 2}),
    ("ck_customers_is_reachable", {"is_reachable": -1}),
    ("ck_customers_wants_sales", {"wants_sales": 2}),
    ("ck_exchanges_ended_at", {"ended_at": NOW}),
    ("ck_exchanges_ended_at", {"state": "done"}),
    ("ck_exchanges_state", {"state": "failed", "ended_at": NOW}),
    ("ck_formats_format", {"format": "xml"}),
    ("ck_formats_own_has_template", {"template": None}),
    ("ck_lanes_is_listed", {"is_listed": 2}),
    ("ck_lanes_list_names_plans", {"list_names_plans": 2}),
    ("ck_lanes_list_tells_tags", {"list_tells_tags": 2}),
    ("ck_orders_by_hand", {"by_hand": 2}),
    ("ck_orders_cost_micros", {"cost_micros": 0}),
    ("ck_orders_cost_micros", {"cost_micros": TOO_MUCH, "price_micros": TOO_MUCH}),
    ("ck_orders_days", {"days": 0}),
    ("ck_orders_delivered_is_bound", {"upstream_order_id": None}),
    ("ck_orders_delivered_is_bound", {"upstream_order_id": None, "state": "refunded"}),
    ("ck_orders_not_under_cost", {"price_micros": 3_349_999}),
    ("ck_orders_price_micros", {"price_micros": TOO_MUCH}),
    ("ck_orders_quantity", {"quantity": 0}),
    ("ck_orders_state", {"state": "failed"}),
    ("ck_orders_state", {"state": ""}),
    ("ck_plan_changes_kind", {"kind": "gift", **NO_COST}),
    ("ck_plan_changes_new_micros", {"new_micros": 0}),
    ("ck_plan_changes_new_micros", {"old_micros": 0}),
    ("ck_plan_changes_new_micros", {"new_micros": TOO_MUCH}),
    ("ck_plan_changes_new_text", {"kind": "days", "old_text": "7", "new_text": "7", **NO_COST}),
    ("ck_plan_changes_whole_cost", {"old_micros": None}),
    ("ck_plan_changes_whole_cost", {"new_micros": None}),
    ("ck_plan_changes_whole_cost", {"request_id": None}),
    ("ck_plan_changes_whole_cost", {"kind": "hide"}),
    ("ck_plan_changes_whole_cost", {**NO_COST, "request_id": 2, "kind": "show"}),
    ("ck_plan_changes_whole_text", {"kind": "days", **NO_COST}),
    ("ck_plan_changes_whole_text", {"kind": "days", "old_text": "30", **NO_COST}),
    ("ck_plan_changes_whole_text", {"kind": "most", "new_text": "7", **NO_COST}),
    ("ck_plan_changes_whole_text", {"kind": "title", "new_text": "ISP", **NO_COST}),
    ("ck_plan_changes_whole_text", {"old_text": "30"}),
    ("ck_plan_changes_whole_text", {"old_text": "30", "new_text": "7"}),
    ("ck_plan_changes_whole_text", {"kind": "hide", "new_text": "7", **NO_COST}),
    ("ck_plans_cost_micros", {"cost_micros": 0}),
    ("ck_plans_cost_micros", {"cost_micros": TOO_MUCH}),
    ("ck_plans_days", {"days": 0}),
    ("ck_plans_is_hidden", {"is_hidden": 2}),
    ("ck_plans_is_open", {"is_open": 2}),
    ("ck_plans_most", {"most": 0}),
    ("ck_plans_most", {"most": 1001}),
    ("ck_postings_kind", {"kind": "gift"}),
    ("ck_postings_micros", {"micros": 0}),
    ("ck_postings_micros", {"micros": -1}),
    ("ck_postings_micros", {"micros": 1000 * MOST_MICROS + 1}),
    ("ck_postings_two_accounts", {"destination": "customer:7"}),
    ("ck_providers_is_code", {"is_code": 2}),
    ("ck_providers_is_open", {"is_open": 2}),
    ("ck_providers_is_priced_here", {"is_priced_here": 2}),
    ("ck_providers_usage", {"usage": "fax", "usage_url": None}),
    ("ck_providers_usage_url", {"usage_url": None}),
    ("ck_providers_usage_url", {"usage": "api"}),
    ("ck_requests_kind", {"kind": "gift"}),
    ("ck_rule_changes_not_negative", {"percent_bp": -1}),
    ("ck_rule_changes_not_negative", {"fixed_micros": -1}),
    ("ck_rule_changes_not_negative", {"least_micros": -1}),
    ("ck_rule_changes_scope", {"plan_id": 1}),
    ("ck_rule_changes_whole_rule", {"percent_bp": None}),
    ("ck_rule_changes_whole_rule", {"percent_bp": 2000, "least_micros": None}),
    ("ck_subscriptions_cancelled_by", {"cancelled_by": None}),
    ("ck_subscriptions_cancelled_by", {"cancelled_at": None}),
    ("ck_upstream_orders_is_flagged", {"is_flagged": 2}),
    ("ck_upstream_orders_is_listed", {"is_listed": 2}),
    ("ck_upstream_orders_is_written_off", {"is_written_off": 2}),
    ("ck_upstream_orders_quantity", {"quantity": 0}),
    ("ck_usage_alerts_percent", {"percent": 100}),
    ("ck_wallets_balance", {"balance": -1}),
    ("ck_wallets_balance", {"balance": 1000 * MOST_MICROS + 1}),
]

# Keeps the law of one exchange at a time out of another law's way.
ENDED: Row = {"state": "done", "ended_at": NOW}

# What is only ever added to, and how the database speaks of it.
KEPT = {"postings": "postings", "plan_changes": "plan changes"}

# What a second row must not have in common with the first; every UNIQUE of the models.
TAKEN: list[tuple[str, Row]] = [
    ("uq_customers_username", {"username": "aNN"}),
    ("uq_exchanges_order_id_intent", {"order_id": 1, "intent": "c0ffee", **ENDED}),
    ("uq_exchanges_under_way", {"order_id": 1}),
    ("uq_lanes_upstream_token_fingerprint", {"token_fingerprint": "f1"}),
    ("uq_orders_customer_id_intent", {"intent": "c0ffee"}),
    ("uq_orders_lane_id_upstream_order_id", {"upstream_order_id": "G-1"}),
    ("uq_orders_tag", {"tag": "abc"}),
    ("uq_outbox_dedupe", {"dedupe": "order:1:delivered"}),
    ("uq_plan_changes_request_id", {"request_id": 1}),
    ("uq_plans_provider_id_code", {"code": "0.120"}),
    ("uq_postings_reference", {"reference": "order:1:hold"}),
    ("uq_providers_upstream_code", {"code": "nodemaven"}),
    ("uq_rule_changes_request_id", {"request_id": 1}),
    ("uq_subscriptions_lane_id_reference", {"reference": "sub_1a"}),
    ("uq_upstream_orders_lane_id_reference", {"reference": "G-1"}),
    ("uq_upstream_orders_order_id", {"order_id": 1}),
]


def lawful(table: str) -> Row:
    """The lawful row, and something in each other column that must not be empty."""
    # 1 will do for numbers, times and references alike.
    needed = {
        column.name: 1 if isinstance(column.type, Integer | Moment) else "-"
        for column in TABLES[table].columns
        if not column.nullable and column.server_default is None
    }
    return {**needed, **ROWS[table]}


def second(table: str) -> Row:
    return {**lawful(table), **SECOND[table]}


def checks(table: Table) -> set[str]:
    return {str(law.name) for law in table.constraints if isinstance(law, CheckConstraint)}


def uniques(table: Table) -> set[str]:
    constraints = {str(law.name) for law in table.constraints if isinstance(law, UniqueConstraint)}
    return constraints | {str(index.name) for index in table.indexes if index.unique}


def table_of(law: str) -> str:
    """The table whose law it is, by the models."""
    (name,) = (name for name, table in TABLES.items() if law in checks(table) | uniques(table))
    return name


async def insert(
    connection: AsyncConnection, table: str, row: Row, command: str = "INSERT"
) -> None:
    columns = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(f":{name}" for name in row)
    statement = f"{command} INTO {table} ({columns}) VALUES ({values})"
    await connection.execute(text(statement), dict(row))


async def fill(database: Database, *, twice: bool = False) -> None:
    """Write the lawful rows, and the second ones as well."""
    async with database.write() as connection:
        for table in ROWS:
            await insert(connection, table, lawful(table))
        for table in SECOND if twice else ():
            await insert(connection, table, second(table))


async def refusal(database: Database, table: str, row: Row, command: str = "INSERT") -> str:
    """What the database says about a row that it refuses as unlawful."""
    with pytest.raises(IntegrityError) as refused:
        async with database.write() as connection:
            await insert(connection, table, row, command)
    return str(refused.value.orig)


async def run(database: Database, statement: str, values: Row | None = None) -> None:
    async with database.write() as connection:
        await connection.execute(text(statement), dict(values or {}))


async def postings(database: Database) -> list[tuple[int, str, int]]:
    statement = text("SELECT id, reference, micros FROM postings ORDER BY id")
    async with database.read() as connection:
        return [(row.id, row.reference, row.micros) for row in await connection.execute(statement)]


def test_every_check_and_unique_of_the_models_is_tried_here() -> None:
    laws = set[str]().union(*(checks(table) | uniques(table) for table in TABLES.values()))

    assert {law for law, _ in (*BROKEN, *TAKEN)} == laws


async def test_two_lawful_rows_of_each_table_are_taken(database: Database) -> None:
    await fill(database, twice=True)


async def test_every_broken_check_is_refused(database: Database) -> None:
    await fill(database)

    for law, changes in BROKEN:
        table = table_of(law)
        row = {**second(table), **changes}
        assert law in await refusal(database, table, row), (law, changes)


async def test_an_update_that_breaks_a_check_is_refused(database: Database) -> None:
    await fill(database)

    for law, changes in BROKEN:
        table = table_of(law)
        if table in KEPT:
            continue
        new = ", ".join(f'"{column}" = :{column}' for column in changes)
        with pytest.raises(IntegrityError, match=law):
            await run(database, f"UPDATE {table} SET {new}", changes)  # noqa: S608


async def test_whatever_must_be_unique_is_refused_the_second_time(database: Database) -> None:
    await fill(database)

    for law, shared in TAKEN:
        table = table_of(law)
        told = await refusal(database, table, {**second(table), **shared})
        if not database.is_sqlite:
            assert law in told
        elif table in KEPT:
            assert told == f"{KEPT[table]} are never replaced"
        else:
            assert told.startswith("UNIQUE constraint failed: ")
            assert all(column in told for column in shared if column not in ENDED)


async def test_a_fingerprint_belongs_to_one_order(database: Database) -> None:
    await fill(database, twice=True)

    told = await refusal(database, "fingerprints", {"fingerprint": "a1", "order_id": 2})

    assert "fingerprint" in told


async def test_one_intent_makes_one_order_for_each_customer(database: Database) -> None:
    await fill(database, twice=True)
    other_customer = {**lawful("orders"), "id": 3, "customer_id": 8, "tag": "x", "lane_id": 2}

    async with database.write() as connection:
        await insert(connection, "orders", other_customer)

    await refusal(database, "orders", {**other_customer, "id": 4, "tag": "y", "lane_id": 1})


async def test_another_lane_may_know_the_same_upstream_id(database: Database) -> None:
    await fill(database, twice=True)
    changes = {"id": 3, "intent": "facade", "tag": "x", "lane_id": 2}

    async with database.write() as connection:
        await insert(connection, "orders", {**lawful("orders"), **changes})


async def test_orders_that_no_upstream_knows_yet_do_not_stand_in_each_others_way(
    database: Database,
) -> None:
    await fill(database)
    changes = {"state": "reserved", "upstream_order_id": None}

    async with database.write() as connection:
        for number in (2, 3):
            row = {"id": number, "intent": f"i{number}", "tag": f"t{number}", **changes}
            await insert(connection, "orders", {**lawful("orders"), **row})


async def test_an_order_that_was_delivered_by_hand_needs_no_upstream_id(
    database: Database,
) -> None:
    await fill(database)
    changes = {**SECOND["orders"], "upstream_order_id": None, "by_hand": 1}

    async with database.write() as connection:
        await insert(connection, "orders", {**lawful("orders"), **changes})


async def test_nothing_points_at_a_row_that_is_not_there(database: Database) -> None:
    await fill(database)
    async with database.write() as connection:
        for table in ("requests", "orders"):
            await insert(connection, table, second(table))

    for table in ROWS.keys() - {"requests", "orders"}:
        for key in TABLES[table].foreign_keys:
            lost = {**second(table), key.parent.name: 999}
            if key.parent.name == "plan_id" and table == "rule_changes":
                lost["provider_id"] = None
            told = await refusal(database, table, lost)
            assert "foreign key constraint" in told.lower(), (table, key.parent.name)


async def test_a_customer_with_orders_cannot_be_deleted(database: Database) -> None:
    await fill(database)

    for table in ("customers", "lanes", "plans", "orders", "requests"):
        with pytest.raises(IntegrityError):
            await run(database, f"DELETE FROM {table}")  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE postings SET micros = 1",
        "UPDATE postings SET reason = reason",
        "UPDATE postings SET reference = 'order:9:hold' WHERE id = 1",
        "DELETE FROM postings",
        "DELETE FROM postings WHERE id = 1",
    ],
)
async def test_a_posting_is_never_changed_or_deleted(database: Database, statement: str) -> None:
    await fill(database)

    with pytest.raises(IntegrityError, match="postings are never"):
        await run(database, statement)

    assert await postings(database) == [(1, "order:1:hold", 4_030_000)]


async def test_an_insert_cannot_turn_into_a_change_of_a_posting(database: Database) -> None:
    await fill(database)
    row = lawful("postings")
    columns, values = ", ".join(row), ", ".join(repr(value) for value in row.values())

    for target in ("id", "reference"):
        with pytest.raises(IntegrityError, match="postings are never"):
            await run(
                database,
                f"INSERT INTO postings ({columns}) VALUES ({values})"  # noqa: S608
                f" ON CONFLICT ({target}) DO UPDATE SET micros = 1",
            )

    assert await postings(database) == [(1, "order:1:hold", 4_030_000)]


async def plan_changes(database: Database) -> list[tuple[int, int, int]]:
    statement = text("SELECT id, old_micros, new_micros FROM plan_changes ORDER BY id")
    async with database.read() as connection:
        found = await connection.execute(statement)
        return [(row.id, row.old_micros, row.new_micros) for row in found]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE plan_changes SET new_micros = 1",
        'UPDATE plan_changes SET "by" = "by"',
        "DELETE FROM plan_changes",
        "TRUNCATE plan_changes",
        "TRUNCATE plans CASCADE",
    ],
)
async def test_what_owners_did_to_plans_is_never_changed_or_deleted(
    database: Database, statement: str
) -> None:
    await fill(database)

    with pytest.raises(DBAPIError) as refused:
        await run(database, statement)

    # SQLite has no such statement as the last two.
    is_known = not (database.is_sqlite and statement.startswith("TRUNCATE"))
    told = str(refused.value)
    assert not is_known or "plan changes are never" in told or "postings are never" in told
    assert await plan_changes(database) == [(1, 2_000_000, 2_500_000)]


@ON_SQLITE
@pytest.mark.parametrize("changes", [{"id": 2}, {"request_id": 2}], ids=["request", "id"])
async def test_what_owners_did_to_plans_is_never_replaced(
    database: Database, changes: Row
) -> None:
    await fill(database)
    async with database.write() as connection:
        await insert(connection, "requests", second("requests"))
    row = {**lawful("plan_changes"), "new_micros": 1, **changes}

    told = await refusal(database, "plan_changes", row, "INSERT OR REPLACE")

    assert told == "plan changes are never replaced"
    assert await plan_changes(database) == [(1, 2_000_000, 2_500_000)]


@ON_SQLITE
@pytest.mark.parametrize("changes", [{"id": 2}, {"reference": "topup:1"}], ids=["reference", "id"])
@pytest.mark.parametrize("command", ["INSERT OR REPLACE", "REPLACE"])
async def test_a_posting_is_never_replaced(database: Database, command: str, changes: Row) -> None:
    await fill(database)

    told = await refusal(
        database, "postings", {**lawful("postings"), "micros": 1, **changes}, command
    )

    assert told == "postings are never replaced"
    assert await postings(database) == [(1, "order:1:hold", 4_030_000)]


@ON_SQLITE
@pytest.mark.parametrize("changes", [{"id": 2}, {"reference": "topup:1"}], ids=["reference", "id"])
async def test_a_program_without_our_settings_cannot_replace_a_posting_either(
    database: Database, changes: Row
) -> None:
    await fill(database)
    row = {**lawful("postings"), "micros": 1, **changes}
    columns, marks = ", ".join(row), ", ".join("?" for _ in row)
    statement = f"INSERT OR REPLACE INTO postings ({columns}) VALUES ({marks})"  # noqa: S608

    with closing(sqlite3.connect(str(database.url.database))) as stranger:
        assert stranger.execute("PRAGMA recursive_triggers").fetchone() == (0,)
        with pytest.raises(sqlite3.IntegrityError, match="postings are never replaced"):
            stranger.execute(statement, [*row.values()])


async def test_postings_get_new_numbers_of_their_own(database: Database) -> None:
    await fill(database)
    row = {**lawful("postings"), "reference": "order:1:settle"}
    del row["id"]
    if not database.is_sqlite:
        await run(database, "SELECT setval('postings_id_seq', 1)")

    async with database.write() as connection:
        await insert(connection, "postings", row)

    assert [number for number, *_ in await postings(database)] == [1, 2]


@pytest.mark.parametrize("statement", ["TRUNCATE postings", "TRUNCATE orders CASCADE"])
async def test_postings_are_never_emptied(database: Database, statement: str) -> None:
    await fill(database)

    with pytest.raises(DBAPIError) as refused:
        await run(database, statement)

    # SQLite has no such statement.
    assert database.is_sqlite or "postings are never" in str(refused.value)
    assert await postings(database) == [(1, "order:1:hold", 4_030_000)]


@ON_SQLITE
async def test_a_column_of_numbers_takes_no_text_on_sqlite(database: Database) -> None:
    await fill(database)

    for table in ROWS:
        row = second(table)
        columns = TABLES[table].columns
        numbers = [name for name in row if isinstance(columns[name].type, Integer | Moment)]
        for name in numbers:
            told = await refusal(database, table, {**row, name: "12abc"})
            # The second is what a primary key says.
            assert told.startswith(
                ("cannot store TEXT value in INTEGER column", "datatype mismatch")
            )


@ON_SQLITE
async def test_every_table_is_strict_on_sqlite(database: Database) -> None:
    async with database.read() as connection:
        found = await connection.execute(
            text("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 1")
        )

    assert set(found.scalars()) == set(TABLES)


async def test_a_sum_beyond_64_bits_is_an_error_and_no_approximation(database: Database) -> None:
    await fill(database)

    with pytest.raises(DBAPIError):
        await run(database, f"UPDATE wallets SET balance = balance + {2**63 - 1}")  # noqa: S608


async def test_bytes_come_back_as_they_went_in(database: Database) -> None:
    await fill(database)
    sealed = bytes(range(256))
    assert isinstance(TABLES["deliveries"].columns["sealed"].type, LargeBinary)

    async with database.write() as connection:
        await insert(connection, "deliveries", {"order_id": 1, "sealed": sealed, "at": NOW})

    async with database.read() as connection:
        found = await connection.execute(text("SELECT sealed FROM deliveries"))
        assert found.scalar_one() == sealed
