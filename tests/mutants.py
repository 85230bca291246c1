"""Mutants: guards taken out one at a time, each with the test that must notice it.

`python -m tests.mutants` copies the project, breaks one line of the copy, runs the one test that
is named beside it, and says whether that test failed. A test that nothing can make fail protects
nobody.

Not in the list, because this code has no such line to break:

- the comparison of a webhook's secret: the bot polls, and has no webhook yet;
- an answer that leaves before the commit: handlers return what is drawn, and the polling loop
  draws it after the handler; its two seams are `woken before the commit` and `handled too early`;
- the second half of adopting without a baseline, the order in `_oldest_after`: no two orders of
  one match group are ever in doubt together, so that nothing can tell it from its first half.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PARTS: Final = ("bot", "migrations", "tests", "pyproject.toml", "README.md", ".env.example")
"""What a test needs of the project."""
AT_ONCE: Final = 2
MOST_SECONDS: Final = 900.0

_AGAIN: Final = '; await tx.exec_driver_sql("COMMIT"); await tx.exec_driver_sql("BEGIN IMMEDIATE")'
"""Ends the transaction on SQLite and begins another one."""
_ORDERS: Final = "bot/services/orders.py"
_MOVES: Final = "bot/services/moves.py"
_PLACING: Final = "bot/services/placing.py"
_FULFILMENT: Final = "bot/services/fulfilment.py"
_DOUBTS: Final = "bot/services/doubts.py"
_FIRST_ORDERS: Final = "bot/services/first_orders.py"
_WALLETS: Final = "bot/services/wallets.py"
_EXCHANGES: Final = "bot/services/exchanges.py"
_EXCHANGE_MOVES: Final = "bot/services/exchange_moves.py"
_LOOKS: Final = "bot/services/looks.py"
_LOST_EXCHANGES: Final = "bot/services/lost_exchanges.py"
_SESSION: Final = "bot/db/session.py"
_TABLES: Final = "migrations/versions/0001_tables_and_triggers.py"
_PLAN_HISTORY: Final = "migrations/versions/0013_plan_facts.py"
_GUARDS: Final = "tests/services/test_guards.py::"
_BUYING: Final = "tests/services/test_orders.py::"
_STRAYS: Final = "bot/services/strays.py"
_FINDING: Final = "tests/services/test_finding_out.py::"
_STRAY: Final = "tests/services/test_strays.py::"
_FIRST: Final = "tests/services/test_first_orders.py::"
_STAT: Final = "tests/stories/test_statproxies.py::"
_EXCHANGED: Final = "tests/services/test_exchanges.py::"
_EXCHANGE: Final = "tests/stories/test_exchange.py::"
_RESTORED: Final = "tests/stories/test_restored_exchanges.py::"
_TROUBLE: Final = "tests/stories/test_trouble.py::"
_PLANS: Final = "tests/stories/test_owner_plans.py::"
_LAWS: Final = "tests/db/test_laws.py::"
_MACHINE: Final = "tests/machines/test_machines.py::test_orders_move_as_the_table_says"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One line of one file, what it is turned into, and the test that must fail then."""

    name: str
    file: str
    line: str
    """It stands exactly once in the file; with a neighbour where it needs one to be found."""
    instead: str
    test: str

    def broken(self, text: str) -> str:
        """The file with this guard taken out; raises `ValueError` where the line is gone."""
        found = text.count(self.line)
        if found != 1:
            raise ValueError(f"{self.name}: the line stands {found} times in {self.file}")
        return text.replace(self.line, self.instead)


def _unique(name: str, constraint: str) -> Mutant:
    test = _LAWS + "test_whatever_must_be_unique_is_refused_the_second_time"
    if name == "postings_reference":
        # On SQLite a trigger refuses the second one as well: only the models miss the constraint.
        test = "tests/test_migrations.py::test_the_migrations_make_the_tables_of_the_models"
    return Mutant(f"no unique {name}", _TABLES, constraint, "", test)


MUTANTS: Final = (
    # The ledger
    Mutant(
        "a debit beyond the balance",
        _WALLETS,
        "                        WalletRow.balance >= -change,\n",
        "",
        "tests/stories/test_owner_money.py"
        "::test_a_debit_that_was_previewed_before_the_money_was_spent_takes_nothing",
    ),
    Mutant(
        "a request done twice",
        "bot/services/requests.py",
        "                RequestRow.done_at.is_(None),\n                RequestRow.at >= now - VALID,",
        "                RequestRow.at >= now - VALID,",
        "tests/stories/test_owner_money.py"
        "::test_confirm_moves_the_money_once_and_everybody_is_told",
    ),
    Mutant(
        "another owner's request",
        "bot/services/requests.py",
        ".where(RequestRow.id == request, RequestRow.by == by)\n        async",
        ".where(RequestRow.id == request)\n        async",
        "tests/stories/test_owner_money.py"
        "::test_another_owners_preview_can_neither_be_confirmed_nor_dropped",
    ),
    Mutant(
        "a hold that resolves twice",
        _MOVES,
        'tx, PostingKind.CAPTURE, f"order:{order}:settle"',
        'tx, PostingKind.CAPTURE, f"order:{order}:capture"',
        _GUARDS + "test_a_hold_that_was_given_back_is_never_captured_whatever_its_state_says",
    ),
    Mutant(
        "a difference that the audit does not see",
        "bot/services/audit.py",
        "select(wallet, WalletRow.balance, sums).where(WalletRow.balance != sums)",
        "select(wallet, WalletRow.balance, sums).where(WalletRow.balance < 0)",
        "tests/test_restore.py::test_a_backup_whose_books_were_changed_changes_nothing",
    ),
    Mutant(
        "a red audit that stops nothing",
        "bot/services/audit.py",
        "if not report.is_green:",
        "if report.is_green:",
        "tests/stories/test_owner_shop.py"
        "::test_books_that_do_not_balance_freeze_the_money_and_nothing_else",
    ),
    # The database
    _unique("lanes_token", '''        sa.UniqueConstraint(
            "upstream", "token_fingerprint", name=op.f("uq_lanes_upstream_token_fingerprint")
        ),
'''),
    _unique("providers_code", '''        sa.UniqueConstraint("upstream", "code", name=op.f("uq_providers_upstream_code")),
'''),
    _unique("plans_code", '''        sa.UniqueConstraint("provider_id", "code", name=op.f("uq_plans_provider_id_code")),
'''),
    _unique("rule_changes_request", '''        sa.UniqueConstraint("request_id", name=op.f("uq_rule_changes_request_id")),
'''),
    _unique("orders_intent", '''        sa.UniqueConstraint("customer_id", "intent", name=op.f("uq_orders_customer_id_intent")),
'''),
    _unique("orders_upstream_order", '''        sa.UniqueConstraint(
            "lane_id", "upstream_order_id", name=op.f("uq_orders_lane_id_upstream_order_id")
        ),
'''),
    _unique("orders_tag", '''        sa.UniqueConstraint("tag", name=op.f("uq_orders_tag")),
'''),
    _unique("outbox_dedupe", '''        sa.UniqueConstraint("dedupe", name=op.f("uq_outbox_dedupe")),
'''),
    _unique("postings_reference", '''        sa.UniqueConstraint("reference", name=op.f("uq_postings_reference")),
'''),
    _unique("upstream_orders_reference", '''        sa.UniqueConstraint(
            "lane_id", "reference", name=op.f("uq_upstream_orders_lane_id_reference")
        ),
'''),
    _unique("upstream_orders_order", '''        sa.UniqueConstraint("order_id", name=op.f("uq_upstream_orders_order_id")),
'''),
    Mutant(
        "sold under cost",
        _TABLES,
        'sa.CheckConstraint("price_micros >= cost_micros"',
        'sa.CheckConstraint("price_micros >= 0"',
        _LAWS + "test_every_broken_check_is_refused",
    ),
    Mutant(
        "a balance below zero",
        _TABLES,
        '"balance >= 0 AND balance <= 1000 * 1000000000000"',
        '"balance <= 1000 * 1000000000000"',
        _LAWS + "test_every_broken_check_is_refused",
    ),
    Mutant(
        "triggers dropped by a migration",
        _TABLES,
        "for trigger in SQLITE_TRIGGERS if is_sqlite",
        "for trigger in () if is_sqlite",
        _LAWS + "test_a_posting_is_never_changed_or_deleted",
    ),
    Mutant(
        "BEGIN for BEGIN IMMEDIATE",
        _SESSION,
        'connection.exec_driver_sql("BEGIN IMMEDIATE")',
        'connection.exec_driver_sql("BEGIN")',
        _GUARDS + "test_nothing_is_written_between_a_reading_and_what_follows_from_it",
    ),
    Mutant(
        "foreign keys off",
        _SESSION,
        '"foreign_keys = ON",',
        '"foreign_keys = OFF",',
        _LAWS + "test_nothing_points_at_a_row_that_is_not_there",
    ),
    Mutant(
        "a commit that does not wait for the disk",
        _SESSION,
        "{'FULL' if wal else 'EXTRA'}",
        "{'OFF' if wal else 'NORMAL'}",
        _GUARDS + "test_a_new_database_is_ready_with_foreign_keys_and_full_syncs",
    ),
    Mutant(
        "credentials that fit any order",
        "bot/db/vault.py",
        'return f"delivery:{order}".encode()',
        'return b"delivery"',
        "tests/db/test_vault.py::test_a_value_moved_to_another_order_does_not_open",
    ),
    # One transaction
    Mutant(
        "order and hold in two commits",
        _ORDERS,
        "row = (await tx.execute(insertion.returning(*ORDER))).one()",
        "row = (await tx.execute(insertion.returning(*ORDER))).one()" + _AGAIN,
        _GUARDS + "test_an_order_whose_money_cannot_be_held_is_not_there",
    ),
    Mutant(
        "a notice outside the transaction",
        "bot/services/outbox.py",
        "        now = self._clock.now()\n",
        "        now = self._clock.now()" + _AGAIN + "\n",
        _GUARDS + "test_a_top_up_that_nobody_would_be_told_of_does_not_happen",
    ),
    Mutant(
        "credentials after the message",
        _MOVES,
        "await self._deliveries.keep(",
        "await self._outbox.owe(tx, CustomerId(moved.customer_id), OrderDelivered(order))"
        + _AGAIN
        + "; await self._deliveries.keep(",
        _GUARDS + "test_a_delivery_whose_credentials_cannot_be_kept_is_not_told",
    ),
    Mutant(
        "woken before the commit",
        _SESSION,
        "tx.info[_WAKES].add(sleeper)",
        "sleeper.set()",
        "tests/db/test_session.py::test_a_sleeper_wakes_after_the_commit_and_not_before",
    ),
    Mutant(
        "handled too early",
        "bot/handlers/polling.py",
        "            place = place_of(update)\n",
        "            self._handled.add(update.update_id); place = place_of(update)\n",
        "tests/handlers/test_polling.py"
        "::test_an_unreachable_database_leaves_the_batch_unconfirmed",
    ),
    Mutant(
        "a message sent twice when the database fails",
        "bot/handlers/courier.py",
        "self._taken.add(owed.id)",
        "pass",
        "tests/handlers/test_courier.py"
        "::test_a_database_that_fails_after_the_sending_makes_no_second_message",
    ),
    # An order's moves
    Mutant(
        "a move without its compare-and-set",
        _MOVES,
        ".where(OrderRow.id == order, OrderRow.state.in_(legal))",
        ".where(OrderRow.id == order)",
        _MACHINE,
    ),
    Mutant(
        "a move that is not in the table",
        "bot/domain/orders.py",
        "_S.IN_DOUBT: frozenset({_S.DELIVERED,",
        "_S.IN_DOUBT: frozenset({_S.PLACING, _S.DELIVERED,",
        "tests/domain/test_orders.py::test_an_order_in_doubt_is_never_sent_again",
    ),
    Mutant(
        "sent again after a restart",
        _FULFILMENT,
        'await self._placing.doubt(OrderId(row.id), "interrupted")',
        'await self._placing.back_in_line(OrderId(row.id), "interrupted", 0)',
        _BUYING + "test_an_order_left_in_placing_by_a_crash_is_never_sent_again",
    ),
    Mutant(
        "sent again after a lost answer",
        _FULFILMENT,
        "await self._placing.doubt(order, unclear.code, is_documented=unclear.documented)",
        "await self._placing.back_in_line(order, unclear.code, after=0)",
        _BUYING + "test_a_lost_request_is_given_back_after_the_quarantine",
    ),
    Mutant(
        "given back after a lost answer",
        _FULFILMENT,
        "await self._placing.doubt(order, unclear.code, is_documented=unclear.documented)",
        'await self._placing.release(order, "unavailable", outcome=unclear.code)',
        _BUYING + "test_a_lost_answer_is_found_by_listing",
    ),
    Mutant(
        "sent too late",
        _FULFILMENT,
        "if is_late or not timedelta(0) <= waited <= SEND_WITHIN:",
        "if False:",
        _GUARDS + "test_a_request_that_leaves_too_late_is_not_sent",
    ),
    Mutant(
        "delivered before it is finished",
        "bot/upstreams/base.py",
        "if self.progress is not Progress.READY:",
        "if False:",
        "tests/faults/test_attacks.py"
        "::test_an_answer_that_calls_the_order_unfinished_is_not_delivered",
    ),
    # Finding out
    Mutant(
        "no quarantine",
        _PLACING,
        "\nQUARANTINE = timedelta(minutes=15)",
        "\nQUARANTINE = timedelta(0)",
        _BUYING + "test_a_lost_request_is_given_back_after_the_quarantine",
    ),
    Mutant(
        "no short quarantine",
        _PLACING,
        "SHORT_QUARANTINE = timedelta(minutes=1)",
        "SHORT_QUARANTINE = timedelta(0)",
        _GUARDS + "test_an_error_in_their_own_form_is_waited_for_a_minute",
    ),
    Mutant(
        "a quarantine as long as a wrong clock makes it",
        _DOUBTS,
        "return min(left, QUARANTINE).total_seconds()",
        "return left.total_seconds()",
        _FINDING + "test_a_quarantine_of_a_clock_that_was_ahead_is_no_longer_than_any_other",
    ),
    Mutant(
        "a clock set forward ends a quarantine",
        _DOUBTS,
        "elif listing.began_at >= self._over_at[_quarantine(row)]:",
        "elif self._left(row) <= 0:",
        _FINDING + "test_a_clock_set_forward_ends_no_quarantine",
    ),
    Mutant(
        "an order in a stopped lane for as long as a clock was ahead",
        _FULFILMENT,
        "known = [at for at in moments if at <= now]",
        "known = list(moments)",
        "tests/services/test_lanes.py"
        "::test_nothing_waits_in_a_stopped_lane_as_long_as_a_clock_was_ahead",
    ),
    Mutant(
        "an order without a lane for as long as a clock was ahead",
        "bot/services/abandoned.py",
        "if abs(self._clock.now() - row.accepted_at) >= IDLE:",
        "if self._clock.now() - row.accepted_at >= IDLE:",
        "tests/services/test_lanes.py"
        "::test_an_order_without_a_lane_does_not_wait_as_long_as_a_clock_was_ahead",
    ),
    Mutant(
        "no cancelling for as long as a clock was ahead",
        _ORDERS,
        "return abs(waited) >= SLOW",
        "return waited >= SLOW",
        _TROUBLE + "test_an_order_of_a_clock_that_was_ahead_can_be_cancelled_once_it_is_right",
    ),
    Mutant(
        "nobody told that it may be cancelled while a clock was ahead",
        _PLACING,
        "or_(OrderRow.accepted_at <= now - SLOW, OrderRow.accepted_at >= now + SLOW),",
        "OrderRow.accepted_at <= now - SLOW,",
        _TROUBLE + "test_an_order_of_a_clock_that_was_ahead_can_be_cancelled_once_it_is_right",
    ),
    Mutant(
        "an overdue order not told for as long as a clock was ahead",
        "bot/services/overdue.py",
        "since = self._ahead.get((row.id, row.moved_at), row.moved_at)",
        "since = row.moved_at",
        "tests/services/test_overdue.py"
        "::test_an_order_that_a_clock_ahead_has_moved_is_told_as_soon_as_any_other",
    ),
    Mutant(
        "another plan for the same price",
        _FULFILMENT,
        "if not is_same and not plan.provider.is_priced_here:",
        "if False:",
        _GUARDS + "test_nobody_gets_another_plan_for_the_same_price",
    ),
    Mutant(
        "a loss beside the cost of what was delivered by hand",
        _STRAYS,
        "if await self._bind_by_hand(tx, stray, other_ids):",
        "if False:",
        _FINDING + "test_what_an_owner_delivered_and_is_listed_later_is_paid_for_once",
    ),
    Mutant(
        "a stranger's order taken for one that the list leaves out",
        "bot/services/other_ids.py",
        "return [row for row in rows if row.id > last.get(row.provider, 0)]",
        "return rows",
        _FINDING + "test_an_order_that_the_list_leaves_out_hides_no_strangers_order",
    ),
    Mutant(
        "an order delivered by hand bound to somebody else's",
        _STRAYS,
        "is_sure = self._lane.upstream.exchange is None or stray.tag == by_hand.tag",
        "is_sure = True",
        "tests/stories/test_restored_exchanges.py"
        "::test_who_got_proxies_by_hand_never_gets_those_that_somebody_else_bought",
    ),
    Mutant(
        "what an owner delivered explains one order after another",
        _STRAYS,
        "                makers.take(one)\n        mine",
        "                pass\n        mine",
        _FINDING + "test_what_was_first_listed_after_a_restore_explains_what_an_owner_delivers",
    ),
    Mutant(
        "one order of the shop that explains any number of others",
        "bot/services/makers.py",
        "            self.left.remove(mine)",
        "            pass",
        _FINDING
        + "test_an_order_of_the_shop_under_another_id_hides_no_second_order_of_a_stranger",
    ),
    Mutant(
        "an order of the shop that explains one more every hour",
        "bot/services/other_ids.py",
        "                found.take(one)",
        "                pass",
        _FINDING
        + "test_an_order_of_the_shop_under_another_id_hides_no_second_order_of_a_stranger",
    ),
    Mutant(
        "an order delivered by hand that explains what a sale explains",
        _STRAYS,
        "if not other_ids.is_explained(one):",
        "if True:",
        _STRAY
        + "test_what_a_sale_explains_explains_nothing_that_was_delivered_by_hand",
    ),
    Mutant(
        "an order under review that explains any number of others",
        _STRAYS,
        "waiting = reviewed.take(stray) or",
        "waiting = next((one for one in reviewed.left if self._fits(one, stray)), None) or",
        _STRAY + "test_an_order_under_review_explains_one_order_and_no_second",
    ),
    Mutant(
        "an empty list taken for a first look",
        "bot/services/listings.py",
        "is_blank = is_first and not listed and not lane.is_blank",
        "is_blank = False",
        _STRAY
        + "test_what_is_older_than_the_bot_is_no_stray_though_the_first_list_was_empty",
    ),
    Mutant(
        "what the lost books may have sold found for another order after a restore",
        "bot/services/listings.py",
        "                UpstreamOrderRow.is_flagged == 0,\n",
        "                UpstreamOrderRow.is_flagged == 2,\n",
        _FINDING + "test_what_nobody_had_before_a_restore_serves_no_order",
    ),
    Mutant(
        "what a restore sets apart paid for again",
        "bot/services/listings.py",
        "            for one in loose:\n",
        "            for one in loose[:0]:\n",
        _STRAY + "test_what_nobody_had_before_a_restore_is_paid_for_once",
    ),
    Mutant(
        "a new token that opens a new lane over an empty list",
        "bot/services/lanes.py",
        "if not listed and account.fingerprint not in self._blank:",
        "if False:",
        "tests/services/test_lanes.py"
        "::test_an_unknown_token_waits_until_its_list_can_be_read",
    ),
    Mutant(
        "a sale between the two looks at an empty list",
        "bot/services/lanes.py",
        "if not lane.is_looked_through:",
        "if False:",
        _FIRST + "test_the_first_order_is_not_placed_between_two_looks_at_an_empty_list",
    ),
    Mutant(
        "selling again after a restore before a list was looked at",
        "bot/services/lanes.py",
        "all(lane.is_looked_through for lane in self)",
        "all(lane.is_listed for lane in self)",
        _FINDING + "test_what_the_list_hid_just_after_a_restore_serves_no_order",
    ),
    Mutant(
        "a subscription ended by a list that shows nothing",
        "bot/services/cancellations.py",
        "return bool(listed) and await self._was_listed(row)",
        "return await self._was_listed(row)",
        _STAT + "test_a_404_and_a_list_that_shows_nothing_at_all_end_no_subscription",
    ),
    Mutant(
        "a subscription ended by a list that never showed it",
        "bot/services/cancellations.py",
        "return bool(listed) and await self._was_listed(row)",
        "return bool(listed)",
        _STAT + "test_a_404_and_a_list_that_never_showed_the_order_end_no_subscription",
    ),
    Mutant(
        "what was made before a retry written off while its order goes on",
        _STRAYS,
        "or tagged.get(stray.tag)",
        "or None",
        _STRAY + "test_what_was_made_before_a_retry_is_no_stray_while_its_order_goes_on",
    ),
    Mutant(
        "what waits for a person paid for again",
        _STRAYS,
        "                await self._end(stray, waiting)\n",
        "",
        _STRAY + "test_what_waits_for_a_person_is_paid_for_once_however_long_they_take",
    ),
    Mutant(
        "what waits for a person cancelled as what the list does not call it",
        _STRAYS,
        "self._lane.plan_of(stray.plan, waiting.plan)",
        '(stray.plan or "")',
        _STRAY + "test_what_waits_for_a_person_is_paid_for_once_however_long_they_take",
    ),
    Mutant(
        "what somebody else bought cancelled as what the order that waits has bought",
        _STRAYS,
        "self._lane.plan_of(stray.plan, waiting.plan)",
        "waiting.plan",
        _STRAY + "test_what_is_not_sold_here_is_cancelled_as_what_it_is_while_an_order_waits",
    ),
    Mutant(
        "what an order takes over cancelled as what the list does not call it",
        "bot/services/subscriptions.py",
        ".values(plan=plan, **told))",
        ".values(**told))",
        _STRAY
        + "test_what_the_books_lost_is_cancelled_as_what_the_order_says_that_an_owner_binds",
    ),
    Mutant(
        "a subscription that nobody had taken over as if it began later",
        "bot/services/subscriptions.py",
        "await tx.execute(update(SubscriptionRow).where(*which).values(plan=plan, **told))",
        "pass",
        _STRAY + "test_what_waits_for_a_person_is_paid_for_once_however_long_they_take",
    ),
    Mutant(
        "an order given back that explains any number of others",
        _STRAYS,
        "            makers.take(one)\n        return makers",
        "            pass\n        return makers",
        _STRAY + "test_what_was_given_back_explains_one_strangers_order_or_none",
    ),
    Mutant(
        "a refused order that explains a stranger's",
        _STRAYS,
        "MoveRow.target.in_((_S.IN_DOUBT, _S.PREPARING)),",
        'MoveRow.target != "",',
        _STRAY + "test_what_was_given_back_explains_one_strangers_order_or_none",
    ),
    Mutant(
        "a late order that costs what the list makes of it",
        _STRAYS,
        "return None if stray.tag is None else",
        "return None if stray.tag is not None else",
        _STRAY
        + "test_what_is_made_late_is_a_loss_of_what_its_order_cost_and_paid_for_once",
    ),
    Mutant(
        "a stray of unknown cost that takes the place of a sale",
        _STRAYS,
        ", plan, is_written_off=1)",
        ", plan)",
        _STRAY + "test_a_stray_of_unknown_cost_takes_no_place_of_a_sale",
    ),
    Mutant(
        "ids of a list believed from what the list itself told",
        "bot/services/other_ids.py",
        "            IS_TOLD,\n",
        "",
        _STRAY + "test_an_order_found_by_its_tag_says_nothing_of_the_ids_of_a_list",
    ),
    Mutant(
        "a list believed for what a person bound",
        "bot/services/listings.py",
        "told = [row for row in ours if row.is_told]",
        "told = ours",
        _STRAY + "test_what_an_owner_binds_says_nothing_of_the_tags_of_a_list",
    ),
    Mutant(
        "a quarantine that a clock ends before it was looked at",
        _FULFILMENT,
        "        self._doubts.begin_to_count(doubtful)\n",
        "        if any(_is_due(row, now) for row in doubtful):\n            self._doubts.begin_to_count(doubtful)\n",
        _FINDING + "test_a_clock_set_forward_ends_no_quarantine",
    ),
    Mutant(
        "one upstream order delivered twice to the same customer",
        _MOVES,
        "return await tx.scalar(told) is None",
        "return False",
        _FINDING + "test_no_customer_pays_twice_for_what_is_listed_under_another_id",
    ),
    Mutant(
        "another plan adopted than the list names",
        _DOUBTS,
        "if self._may_have_made(row, one)), None)",
        "if True), None)",
        _FINDING + "test_no_customer_gets_another_plan_than_the_list_names",
    ),
    Mutant(
        "one of two plans taken where the list names none",
        _DOUBTS,
        "or self._are_mixed(candidates, group)",
        "",
        _FINDING
        + "test_a_list_that_names_no_plans_does_not_say_which_of_two_orders_was_made",
    ),
    Mutant(
        "what was set apart forgotten beside a candidate",
        _DOUBTS,
        "or len(listed) > len(group) or",
        "or len(candidates) > len(group) or",
        _FINDING + "test_what_was_set_apart_by_a_restore_makes_the_next_one_unsure",
    ),
    Mutant(
        "an answer that names an older order believed",
        _MOVES,
        "if bound_to != order and (is_older or bound_to is not None):",
        "if bound_to not in (None, order):",
        _GUARDS + "test_an_answer_that_names_an_order_known_before_delivers_nothing",
    ),
    Mutant(
        "a refusal believed that names an order",
        "bot/upstreams/http.py",
        "if buys and names_order(answer.data):",
        "if False:",
        "tests/upstreams/test_gateproxy.py"
        "::test_a_refusal_that_names_an_order_is_no_refusal",
    ),
    Mutant(
        "an order under review that explains an order beside its own",
        _STRAYS,
        " and row.upstream_order_id is None\n",
        "\n",
        _STRAY
        + "test_an_order_under_review_that_has_its_own_explains_no_other",
    ),
    Mutant(
        "an order with our tag taken for somebody else's",
        _STRAYS,
        "if mine is None and not await self._is_late(tx, stray):",
        "if not await self._is_late(tx, stray):",
        _STRAY + "test_what_has_our_tag_is_lost_but_nobody_elses",
    ),
    Mutant(
        "a list believed for what a person bound anew",
        "bot/services/rows.py",
        "    ~exists().where(MoveRow.order_id == OrderRow.id, MoveRow.note == BOUND),\n",
        "",
        _STRAY
        + "test_what_an_owner_binds_in_the_place_of_what_was_told_says_nothing_of_tags",
    ),
    Mutant(
        "an older order delivered as the first one",
        _DOUBTS,
        "may_be_older or len(listed) > len(group)",
        "len(listed) > len(group)",
        _FIRST
        + "test_of_the_first_order_an_unmoved_balance_proves_that_what_is_listed_is_older",
    ),
    Mutant(
        "an older order delivered as the first one after a payment into the account",
        _FIRST_ORDERS,
        "max(spent, default=0) == cost",
        "any(spent)",
        _FIRST + "test_of_the_first_order_what_was_paid_in_makes_no_older_order_ours",
    ),
    Mutant(
        "an empty list that proves what was never attempted",
        _FIRST_ORDERS,
        "spent == [0] * len(group)",
        "spent is not None and not any(spent)",
        _FIRST
        + "test_a_restored_first_order_that_an_empty_list_hides_is_not_given_back",
    ),
    Mutant(
        "a refusal of the first order that no list proves",
        _FIRST_ORDERS,
        "is_proof=is_unspent or is_refused,",
        "is_proof=is_unspent,",
        _STAT + "test_of_the_first_order_a_refusal_in_their_own_form_is_given_back",
    ),
    Mutant(
        "an answer with our tag taken for an older one",
        _MOVES,
        "                and known.tag != before.tag\n",
        "",
        _STAT + "test_an_answer_with_our_tag_is_believed_though_it_is_older",
    ),
    Mutant(
        "what an owner bound cancelled as another product",
        _MOVES,
        "                plan = opened.plan_of(listed.plan, plan)\n",
        "                pass\n",
        _STRAY + "test_what_an_owner_binds_is_cancelled_as_the_product_it_is",
    ),
    Mutant(
        "proxies found again refused to their own customer",
        "bot/services/fingerprints.py",
        "literal(is_found), or_(~is_listed, unlisted))",
        "literal(is_found))",
        _FINDING
        + "test_the_same_customer_is_found_the_same_proxies_with_new_traffic",
    ),
    Mutant(
        "an order listed before a retry forgotten",
        _DOUBTS,
        "UpstreamOrderRow.tag.in_([row.tag for row in group]),",
        "False,",
        _STAT + "test_what_was_listed_before_a_retry_is_found_by_its_tag",
    ),
    Mutant(
        "a first order that the list never proves",
        _FIRST_ORDERS,
        "if not is_unspent and await self._has_sold_since(group):",
        "if False:",
        _FIRST + "test_a_list_that_others_have_proven_proves_the_first_order_as_well",
    ),
    Mutant(
        "proxies found again where another order may have them",
        "bot/services/fingerprints.py",
        "or_(~is_listed, unlisted))",
        "~is_listed)",
        _FINDING
        + "test_what_another_order_of_the_customer_may_be_is_not_found_a_third_time",
    ),
    Mutant(
        "what an owner delivered by hand found again for the next order",
        "bot/services/fingerprints.py",
        "and_(mine.by_hand == 1, mine.upstream_order_id.is_(None)),",
        "False,",
        _FINDING + "test_what_an_owner_delivered_by_hand_is_not_found_for_the_next_order",
    ),
    Mutant(
        "what was found for the next order delivered by hand as well",
        "bot/services/fingerprints.py",
        "may_be_it, _is_found_since(order, customer))",
        "may_be_it)",
        _FINDING
        + "test_what_was_found_for_the_next_order_is_not_delivered_by_hand_as_well",
    ),
    Mutant(
        "what was told for the next order not delivered by hand as well",
        "bot/services/fingerprints.py",
        "            ~IS_TOLD,\n",
        "",
        _FINDING
        + "test_what_an_answer_told_for_the_next_order_may_be_delivered_by_hand_as_well",
    ),
    Mutant(
        "what a person bound in the place of what was told taken for told",
        "bot/services/rows.py",
        "    ~exists().where(MoveRow.order_id == OrderRow.id, MoveRow.note == BOUND),\n",
        "",
        _FINDING
        + "test_no_customer_pays_twice_for_what_is_bound_in_the_place_of_what_was_told",
    ),
    Mutant(
        "no late watch",
        _FULFILMENT,
        "        await self._strays.watch()\n",
        "",
        _FINDING + "test_an_order_made_after_it_was_given_back_is_written_off_and_told",
    ),
    Mutant(
        "no late watch while somebody waits in line",
        _FULFILMENT,
        "        await self._strays.watch()\n",
        "        if not waiting:\n            await self._strays.watch()\n",
        _FINDING + "test_strays_are_found_while_there_is_always_somebody_in_line",
    ),
    Mutant(
        "a 502 taken for a refusal",
        "bot/upstreams/gateproxy.py",
        "return Unclear(code, status=status, documented=True)",
        "return Refused(code, status=status)",
        "tests/upstreams/test_gateproxy.py"
        "::test_the_code_of_a_refused_order_says_what_is_known",
    ),
    Mutant(
        "a failed listing taken for an empty one",
        _DOUBTS,
        "            await self._look_all_later(doubtful)\n            return\n",
        "            listing = Listing(self._clock.elapsed(), is_proof=True)\n",
        _FINDING + "test_a_listing_that_fails_never_counts_as_nothing_found",
    ),
    Mutant(
        "an empty list that proves that the first order was not made",
        _FIRST_ORDERS,
        "is_unspent = spent == [0] * len(group)",
        "is_unspent = True",
        _FIRST
        + "test_of_the_first_order_an_empty_list_proves_nothing_once_money_has_moved",
    ),
    Mutant(
        "adopted without a baseline",
        _PLACING,
        "                    func.coalesce(func.max(UpstreamOrderRow.id), 0)\n"
        "                ).scalar_subquery(),",
        "                    func.coalesce(func.min(UpstreamOrderRow.id), 1) - 1\n"
        "                ).scalar_subquery(),",
        _GUARDS + "test_an_upstream_order_known_before_the_attempt_is_not_what_the_attempt_made",
    ),
    Mutant(
        "one of several candidates taken",
        _DOUBTS,
        "may_be_older or len(listed) > len(group) or",
        "may_be_older or",
        _FINDING + "test_more_candidates_than_orders_ask_a_person",
    ),
    Mutant(
        "matched on a shared account",
        _DOUBTS,
        "elif candidates and await self._is_shared():",
        "elif False:",
        _FINDING + "test_somebody_elses_order_is_never_sold_and_makes_the_bot_careful",
    ),
    # Exchanges
    Mutant(
        "two exchanges of one order at a time",
        _EXCHANGES,
        "or_(ExchangeRow.intent == intent, ExchangeRow.ended_at.is_(None)),",
        "ExchangeRow.intent == intent,",
        _EXCHANGE + "test_two_confirm_screens_at_once_exchange_once",
    ),
    Mutant(
        "exchanged again by an old button",
        _EXCHANGES,
        "or_(ExchangeRow.intent == intent, ExchangeRow.ended_at.is_(None)),",
        "ExchangeRow.ended_at.is_(None),",
        _EXCHANGE + "test_a_double_tap_exchanges_once",
    ),
    Mutant(
        "no unique exchanges_under_way",
        "migrations/versions/0007_exchanges.py",
        """        ["order_id"],
        unique=True,""",
        """        ["order_id"],
        unique=False,""",
        _LAWS + "test_whatever_must_be_unique_is_refused_the_second_time",
    ),
    Mutant(
        "no unique exchanges_intent",
        "migrations/versions/0007_exchanges.py",
        '''        sa.UniqueConstraint("order_id", "intent", name=op.f("uq_exchanges_order_id_intent")),
''',
        "",
        _LAWS + "test_whatever_must_be_unique_is_refused_the_second_time",
    ),
    Mutant(
        "anybody's order exchanged",
        _EXCHANGES,
        "line = await self._orders.line(customer, order)\n        now",
        "line, _ = await self._orders.living(order)\n        now",
        _EXCHANGE + "test_nobody_exchanges_what_is_not_theirs",
    ),
    Mutant(
        "exchanged where it cannot be",
        _EXCHANGES,
        "if not (is_there and line.can_exchange):",
        "if not is_there:",
        _EXCHANGE + "test_an_order_of_another_provider_has_no_such_button",
    ),
    Mutant(
        "an exchange sent again after a restart",
        _EXCHANGES,
        'await self._moves.unclear(row, "interrupted")',
        "await self._moves.move(row, _S.ASKED)",
        _EXCHANGE + "test_what_a_crash_left_behind_is_read_and_not_sent",
    ),
    Mutant(
        "an exchange sent again after a lost answer",
        _EXCHANGES,
        "await self._moves.unclear(row, unclear.code)",
        "await self._moves.move(row, _S.ASKED)",
        _EXCHANGE + "test_a_lost_answer_is_read_again_and_never_sent_again",
    ),
    Mutant(
        "an exchange taken for undone after a lost answer",
        _EXCHANGES,
        "await self._moves.unclear(row, unclear.code)",
        "await self._moves.end(row, ANSWERED, _S.REFUSED, unclear.code)",
        _EXCHANGE + "test_a_lost_answer_is_read_again_and_never_sent_again",
    ),
    Mutant(
        "an exchange sent too late",
        _EXCHANGES,
        "if self._clock.elapsed() - started > SEND_WITHIN.total_seconds():",
        "if False:",
        _EXCHANGED + "test_an_exchange_that_leaves_too_late_is_not_sent",
    ),
    Mutant(
        "a refunded order exchanged",
        _EXCHANGE_MOVES,
        "        return state == OrderState.DELIVERED",
        "        return True",
        _EXCHANGED + "test_an_order_refunded_while_others_are_sent_is_not_exchanged",
    ),
    Mutant(
        "new proxies for somebody who has the money back",
        _EXCHANGE_MOVES,
        "if not await self.is_there(tx, order):",
        "if False:",
        _EXCHANGED + "test_nobody_gets_new_proxies_of_an_order_refunded_while_it_is_read",
    ),
    Mutant(
        "an exchange ended on an old look",
        _EXCHANGE_MOVES,
        "UNSENT: Final = (_S.ASKED,)",
        "UNSENT: Final = (_S.ASKED, _S.SENDING, _S.READING, _S.UNCLEAR)",
        _EXCHANGED
        + "test_what_another_process_has_sent_meanwhile_is_not_ended_by_an_old_look",
    ),
    Mutant(
        "an exchange moved without its compare-and-set",
        _EXCHANGE_MOVES,
        ".where(ExchangeRow.id == row.id, ExchangeRow.state.in_(sources))",
        ".where(ExchangeRow.id == row.id)",
        _EXCHANGED
        + "test_what_another_process_has_sent_meanwhile_is_not_ended_by_an_old_look",
    ),
    Mutant(
        "an account that may not exchange asked again",
        _EXCHANGES,
        "if not lane.may_exchange(now):",
        "if False:",
        _EXCHANGED + "test_an_account_that_may_not_exchange_is_asked_once",
    ),
    Mutant(
        "the old proxies taken for new ones",
        _LOOKS,
        "        if _same(before, after):\n            return False",
        "        if _same(before, after):\n            return True",
        _EXCHANGE + "test_a_lost_request_that_did_nothing_is_told_so_in_the_end",
    ),
    Mutant(
        "an exchange ended when it is half done",
        _LOOKS,
        "return not left or now - since >= STEADY.total_seconds()",
        "return True",
        _EXCHANGED + "test_proxies_exchanged_one_after_another_are_delivered_when_all_are_new",
    ),
    Mutant(
        "no wait for a late exchange",
        _EXCHANGES,
        "SURE = timedelta(minutes=15)",
        "SURE = timedelta(0)",
        _EXCHANGE + "test_a_lost_request_that_did_nothing_is_told_so_in_the_end",
    ),
    Mutant(
        "new proxies told in a transaction of their own",
        _EXCHANGE_MOVES,
        "await self._deliveries.replace(tx, order, delivery, raw)",
        "await self._deliveries.replace(tx, order, delivery, raw)" + _AGAIN,
        _EXCHANGED
        + "test_new_proxies_that_nobody_would_be_told_of_do_not_replace_the_old_ones",
    ),
    Mutant(
        "no look at an exchange that was given up",
        _EXCHANGES,
        "for row in await self._rows(given_up, AT_ONCE):",
        "for row in ():",
        _EXCHANGED
        + "test_an_exchange_that_is_done_after_it_was_given_up_reaches_its_customer",
    ),
    Mutant(
        "an old reading in the place of newer proxies",
        _EXCHANGE_MOVES,
        "return is_there and not await tx.scalar(select(moved))",
        "return is_there",
        _EXCHANGED + "test_an_old_reading_never_takes_the_place_of_newer_proxies",
    ),
    Mutant(
        "an exchange lost with the books that nobody looks for",
        _LOST_EXCHANGES,
        "await tx.execute(insert(ExchangeRow).from_select(columns, orders))",
        "pass",
        _RESTORED + "test_who_exchanged_after_the_backup_gets_the_new_proxies_again",
    ),
    Mutant(
        "a lost exchange looked for twice at a time",
        _LOST_EXCHANGES,
        ".where(OrderRow.state.in_(_BOUND), runs, ~waits)",
        ".where(OrderRow.state.in_(_BOUND), runs)",
        _RESTORED + "test_a_second_restore_looks_no_twice_at_an_order",
    ),
    Mutant(
        "a lost exchange given up on the first look",
        _EXCHANGES,
        "is_sure = row.error == LOST and began_at - row.asked_at >= SURE",
        "is_sure = row.error == LOST",
        _RESTORED
        + "test_what_was_sent_just_before_the_books_were_lost_is_found_when_it_is_done",
    ),
    Mutant(
        "a lost exchange given up on an old reading",
        _EXCHANGE_MOVES,
        "if since is not None and not await self._is_still(tx, row, since):",
        "if False:",
        _RESTORED + "test_a_wish_of_today_is_not_undone_by_what_is_read_after_a_restore",
    ),
    Mutant(
        "a lost exchange given up while another one may be done late",
        _EXCHANGES,
        "if is_sure and is_same and await self._moves.let_be(row, began_at - SURE):",
        "if is_sure and is_same and await self._moves.let_be(row, began_at):",
        _RESTORED + "test_a_wish_of_today_that_is_done_late_is_found_beside_the_lost_one",
    ),
    Mutant(
        "an order that is over looked at for ever",
        _EXCHANGES,
        "if is_over(row, self._clock.now()) or self._is_said(row):",
        "if self._is_said(row):",
        _RESTORED + "test_only_what_still_runs_and_can_be_exchanged_is_read",
    ),
    Mutant(
        "an exchange that waits as long as a clock was ahead",
        _EXCHANGES,
        "return or_(ExchangeRow.next_at <= now, ExchangeRow.next_at > now + LONGEST)",
        "return ExchangeRow.next_at <= now",
        _EXCHANGED + "test_no_exchange_waits_as_long_as_a_clock_was_ahead",
    ),
    Mutant(
        "an exchange read for as long as a clock was ahead",
        _EXCHANGE_MOVES,
        "                sent_at=min(row.sent_at, now),\n",
        "",
        _EXCHANGED + "test_no_exchange_waits_as_long_as_a_clock_was_ahead",
    ),
    Mutant(
        "a lost exchange that waits as long as a clock was ahead",
        _EXCHANGES,
        "and_(IS_LOST, _is_due(now))",
        "and_(IS_LOST, ExchangeRow.next_at <= now)",
        _RESTORED
        + "test_a_lost_exchange_is_looked_for_at_once_though_the_clock_of_the_restore_was_ahead",
    ),
    Mutant(
        "an exchange undone by an owner's late word",
        _EXCHANGE_MOVES,
        "if not await self._is_still(tx, row, row.asked_at, _MADE):",
        "if False:",
        _RESTORED
        + "test_an_owners_late_word_after_a_restore_undoes_no_exchange_that_was_read_since",
    ),
    Mutant(
        "no word on a lost exchange after one that was not done",
        _EXCHANGE_MOVES,
        "if not await self._is_still(tx, row, row.asked_at, _MADE):",
        "if not await self._is_still(tx, row, row.asked_at):",
        _RESTORED
        + "test_an_exchange_refused_since_a_restore_leaves_an_owner_the_word_on_the_lost_one",
    ),
    Mutant(
        "a lost exchange not looked for where a delivery is waited for",
        _LOST_EXCHANGES,
        ".where(OrderRow.state.in_(_BOUND), runs, ~waits)",
        ".where(OrderRow.state == OrderState.DELIVERED, runs, ~waits)",
        _RESTORED + "test_who_waited_when_the_books_were_saved_gets_what_is_exchanged_late",
    ),
    Mutant(
        "a lost exchange given up before the order is delivered",
        _LOST_EXCHANGES,
        "is_paid_back = row.order_state in {OrderState.RELEASED, OrderState.REFUNDED}",
        "is_paid_back = row.order_state != OrderState.DELIVERED",
        _RESTORED + "test_who_waited_when_the_books_were_saved_gets_what_is_exchanged_late",
    ),
    Mutant(
        "an order compared with what nobody has yet",
        _EXCHANGES,
        "look = await self._looks.at(row) if is_there else None",
        "look = await self._looks.at(row)",
        _RESTORED + "test_who_waited_when_the_books_were_saved_gets_what_is_exchanged_late",
    ),
    Mutant(
        "a first delivery taken for the word on a lost exchange",
        _EXCHANGES,
        "and_(IS_LOST, ExchangeRow.order_id == order, is_there)",
        "and_(IS_LOST, ExchangeRow.order_id == order)",
        _RESTORED + "test_who_waited_when_the_books_were_saved_gets_what_is_exchanged_late",
    ),
    Mutant(
        "an order still to be compared that an owner has looked at",
        _EXCHANGES,
        "if is_over(row, self._clock.now()) or self._is_said(row):",
        "if is_over(row, self._clock.now()):",
        _RESTORED
        + "test_nothing_lost_is_looked_for_once_the_order_is_paid_back_or_an_owner_has_looked",
    ),
    Mutant(
        "another customer's proxies by an exchange",
        "bot/services/delivery.py",
        "        await self.refuse_known(tx, order, customer, delivery)\n",
        "",
        _EXCHANGED + "test_nobody_gets_by_an_exchange_what_another_customer_has",
    ),
    Mutant(
        "the old proxies still known as the order's",
        "bot/services/delivery.py",
        "await self._fingerprints.replace(tx, order, delivery)",
        "await self._fingerprints.keep(tx, order, delivery)",
        _EXCHANGE + "test_all_proxies_are_exchanged_and_the_old_ones_forgotten",
    ),
    # Prices and amounts
    Mutant(
        "the price of the button charged",
        _ORDERS,
        "offer = self._catalog.offer(claim.plan)",
        'offer = __import__("dataclasses").replace('
        "self._catalog.offer(claim.plan), price=claim.price)",
        _TROUBLE + "test_a_price_in_a_forged_button_is_never_the_one_that_is_charged",
    ),
    Mutant(
        "the price of the button not compared",
        _ORDERS,
        "if price != claim.price:",
        "if False:",
        _BUYING + "test_a_changed_price_is_asked_about_and_nothing_is_held",
    ),
    Mutant(
        "amounts read as Python reads numbers",
        "bot/domain/money.py",
        "    found = _AMOUNT.fullmatch(text)\n",
        "    return Money.parse(text)\n    found = _AMOUNT.fullmatch(text)\n",
        "tests/domain/test_money.py::test_what_is_not_plainly_an_amount_is_refused",
    ),
    Mutant(
        "float in the markup",
        "bot/domain/markup.py",
        "share = -(-cost.micros * self.percent_bp // 10_000)",
        "share = int(cost.micros * (self.percent_bp / 10_000))",
        "tests/domain/test_markup.py::test_a_price_is_the_cost_with_its_markup_rounded_up",
    ),
    Mutant(
        "prices rounded down",
        "bot/domain/money.py",
        "return Money(-(-self.micros // CENT) * CENT, self.currency)",
        "return Money(self.micros // CENT * CENT, self.currency)",
        "tests/domain/test_money.py::test_rounding_goes_up_to_the_cent",
    ),
    # Plans that owners price
    Mutant(
        "a hidden plan sold",
        "bot/services/catalog.py",
        "        if found.is_hidden:\n            raise OfferGone\n",
        "",
        _PLANS + "test_a_hidden_plan_is_not_listed_and_no_old_button_buys_it",
    ),
    Mutant(
        "an accepted order dropped with its plan",
        _FULFILMENT,
        "        plan = self._catalog.agreed(PlanId(row.plan_id))\n        if not",
        "        plan = self._catalog.offer(PlanId(row.plan_id)).plan\n        if not",
        _PLANS + "test_an_order_that_was_accepted_goes_on_when_its_plan_is_hidden",
    ),
    Mutant(
        "a cost set by every tap",
        "bot/services/plans.py",
        "if await self._requests.take(tx, request.id):",
        "if await self._requests.take(tx, request.id) or True:",
        _PLANS + "test_a_cost_holds_once_and_the_other_owners_are_told",
    ),
    Mutant(
        "a cost set after a preview that is not true any more",
        "bot/services/plans.py",
        "                        PlanRow.cost_micros == asked.old.micros,\n",
        "",
        _PLANS + "test_of_two_previews_of_one_cost_the_second_would_not_tell_the_truth",
    ),
    Mutant(
        "another time sold than the button said",
        _ORDERS,
        "if (plan.days, title_mark(plan.title)) != (claim.days, claim.title):",
        "if title_mark(plan.title) != claim.title:",
        _PLANS + "test_a_plan_of_one_piece_is_bought_for_its_time",
    ),
    Mutant(
        "another plan sold than the button said",
        _ORDERS,
        "if (plan.days, title_mark(plan.title)) != (claim.days, claim.title):",
        "if plan.days != claim.days:",
        "tests/stories/test_buying.py::test_a_button_never_buys_another_size_than_it_said",
    ),
    Mutant(
        "an accepted order that works as long as its plan says now",
        "bot/services/rows.py",
        "        days=row.days,\n",
        "        days=7,\n",
        _PLANS + "test_an_accepted_order_keeps_what_it_was_accepted_with",
    ),
    Mutant(
        "days changed anew by every word",
        "bot/services/plans.py",
        "            if row.old == new:\n                return None\n",
        "",
        _PLANS
        + "test_a_fact_is_changed_by_words_or_after_a_tap_and_the_other_owners_are_told",
    ),
    Mutant(
        "a setting that goes before the owner",
        "bot/services/catalog.py",
        "            if one.is_seed:\n",
        "            if False:\n",
        "tests/services/test_plans.py"
        "::test_a_look_at_the_setting_leaves_costs_and_what_is_hidden",
    ),
    Mutant(
        "a plan of a price list hidden",
        "bot/services/plans.py",
        ".where(PlanRow.id == plan, _PRICED_HERE, where)",
        ".where(PlanRow.id == plan, where)",
        "tests/services/test_plans.py"
        "::test_a_plan_of_a_price_list_is_neither_priced_nor_hidden",
    ),
    Mutant(
        "a history of plans that can be written anew",
        _PLAN_HISTORY,
        "    for trigger in TRIGGERS:\n        op.execute(trigger)\n",
        "",
        _LAWS + "test_what_owners_did_to_plans_is_never_changed_or_deleted",
    ),
    Mutant(
        "no unique plan_changes_request",
        _PLAN_HISTORY,
        '        sa.UniqueConstraint("request_id", name=op.f("uq_plan_changes_request_id")),\n',
        "",
        # On SQLite a trigger refuses the second one as well.
        "tests/test_migrations.py::test_the_migrations_make_the_tables_of_the_models",
    ),
    # Rights and secrets
    Mutant(
        "plans hidden by everybody",
        "bot/handlers/plans.py",
        "tap(HidePlan, hide, role=Role.OWNER)",
        "tap(HidePlan, hide)",
        "tests/stories/test_rights.py::test_nobody_sees_or_moves_what_another_has_bought",
    ),
    Mutant(
        "anybody's order shown again",
        _ORDERS,
        "select(*ORDER).where(OrderRow.id == order, OrderRow.customer_id == customer)",
        "select(*ORDER).where(OrderRow.id == order)",
        _TROUBLE + "test_somebody_elses_order_is_nothing_here",
    ),
    Mutant(
        "one owner's button for everybody",
        "bot/handlers/cases.py",
        "tap(GiveBack, give_back, role=Role.OWNER)",
        "tap(GiveBack, give_back)",
        _TROUBLE + "test_an_owners_buttons_do_nothing_for_a_customer",
    ),
    Mutant(
        "everybody is an owner",
        "bot/handlers/routes.py",
        "return customer.is_owner",
        "return True",
        "tests/handlers/test_arrival.py::test_owner_routes_do_not_exist_for_others",
    ),
    Mutant(
        "taps in a group",
        "bot/handlers/arrival.py",
        "return chat.type == ChatType.PRIVATE and chat.id == user.id",
        "return True",
        "tests/handlers/test_arrival.py::test_a_tap_in_a_group_gets_a_toast",
    ),
    Mutant(
        "names that are HTML",
        "bot/i18n.py",
        "return html.escape(_as_plain(value, locale), quote=False)",
        "return _as_plain(value, locale)",
        "tests/test_texts.py::test_a_hostile_name_stays_harmless_in_every_text",
    ),
    Mutant(
        "secrets of any shape in the log",
        "bot/logs.py",
        "return _SECRETS.sub(_MASK, text)",
        "return text",
        "tests/test_logs.py::test_no_secret_is_in_a_line_whoever_wrote_it",
    ),
    Mutant(
        "known secrets in the log",
        "bot/logs.py",
        "text = self._known.sub(_MASK, text)",
        "pass",
        "tests/test_logs.py::test_no_secret_is_in_a_line_whoever_wrote_it",
    ),
    Mutant(
        "an older price list in the place of a newer one",
        "bot/services/catalog.py",
        "newer = await self._read_since(tx, upstream, began_at)",
        "newer = set[str]()",
        _GUARDS + "test_an_older_price_list_never_covers_a_newer_one",
    ),
    # Several processes
    Mutant(
        "two processes at work",
        "bot/services/leases.py",
        "or_(LeaseRow.holder == self._holder, LeaseRow.until < now)",
        "LeaseRow.name == self._name",
        _GUARDS + "test_one_process_works_until_its_lease_runs_out",
    ),
    Mutant(
        "a lease that is renewed taken",
        "bot/services/leases.py",
        "if self._seen is None or self._seen[0] != until:",
        "self._seen = until, self._seen[1] if self._seen else elapsed\n"
        "                    if False:",
        _GUARDS + "test_a_lease_that_is_renewed_is_kept_however_far_the_clocks_are_apart",
    ),
)  # fmt: skip


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the project that may be broken."""
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in PARTS:
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / part)
        yield copy


def verdict(mutant: Mutant) -> tuple[str, float]:
    """Break the line in a copy of the project and run the test: `killed`, or what went wrong."""
    began = time.monotonic()
    with copied() as copy:
        file = copy / mutant.file
        try:
            file.write_text(mutant.broken(file.read_text(encoding="utf-8")), encoding="utf-8")
        except ValueError as gone:
            return str(gone), 0.0
        return _told_by((mutant.test,), copy), time.monotonic() - began


def _told_by(tests: Sequence[str], folder: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "hung"
    # Only a test that ran and failed is a verdict: 2 to 5 say that it could not even be run.
    said = {0: "survived", 1: "killed"}.get(done.returncode)
    return said or f"broken\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all mutants, or the one named; 1 when any is not killed."""
    reader = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    reader.add_argument("--only", metavar="NAME", help="this mutant alone")
    name = reader.parse_args(arguments).only
    chosen = [one for one in MUTANTS if name in (None, one.name)]
    if not chosen:
        reader.error(f"no mutant is called {name!r}")
    survivors = 0
    began = time.monotonic()
    with copied() as copy:
        # A test that is red anyway would pass for one that notices.
        told = _told_by(sorted({one.test for one in chosen}), copy)
    if told != "survived":
        print(f"the tests must be green before anything is broken, and are not: {told}")
        return 1
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for mutant, (told, seconds) in zip(chosen, pool.map(verdict, chosen), strict=True):
            survivors += told != "killed"
            print(f"{seconds:5.0f} s  {told:8}  {mutant.name}", flush=True)
    seconds = time.monotonic() - began
    print(f"{len(chosen) - survivors} of {len(chosen)} killed in {seconds:.0f} s")
    return int(survivors > 0)


if __name__ == "__main__":
    raise SystemExit(main())
