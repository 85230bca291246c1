"""Markup rules: what a typed rule means, which rule decides, and what a plan then costs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalog import Plan, PlanId, Provider, ProviderId, UsageByApi
from bot.domain.errors import BadMarkup
from bot.domain.markup import EVERYTHING, MOST_BP, Markups, Rule, Scope, parse_rule
from bot.domain.money import CENT, Money, usd

NODEMAVEN = Provider(ProviderId(1), "gateproxy", "nodemaven", "NodeMaven", UsageByApi())


def plan(number: int, cost: str) -> Plan:
    read_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Plan(PlanId(number), NODEMAVEN, "1", "1 GB", Money.parse(cost, "USDT"), None, read_at)


GIG = plan(7, "3.50")


@pytest.mark.parametrize(
    ("rule", "cost", "price"),
    [
        (Rule(), "3.50", "3.50"),
        (Rule(percent_bp=1500), "3.50", "4.03"),
        (Rule(percent_bp=2000), "0.45", "0.54"),
        (Rule(percent_bp=2000), "3.50", "4.20"),
        (Rule(percent_bp=1), "1.00", "1.01"),
        (Rule(percent_bp=2800), "1.50", "1.92"),  # a float says 1.93
        (Rule(percent_bp=5000), "0.006667", "0.02"),  # half a micro-unit is not given away
        (Rule(fixed=usd("0.50")), "3.50", "4.00"),
        (Rule(percent_bp=1500, fixed=usd("0.20")), "3.50", "4.23"),
        (Rule(percent_bp=1500, least=usd("0.30")), "0.45", "0.75"),
        (Rule(percent_bp=1500, least=usd("0.30")), "3.50", "4.03"),
        (Rule(), "3.501", "3.51"),
        (Rule(), "3.500001", "3.51"),
    ],
    ids=str,
)
def test_a_price_is_the_cost_with_its_markup_rounded_up(rule: Rule, cost: str, price: str) -> None:
    assert rule.price(usd(cost)) == usd(price)


rules = st.builds(
    Rule,
    percent_bp=st.integers(0, MOST_BP),
    fixed=st.integers(0, 10**8).map(lambda cents: Money(cents * CENT)),
    least=st.integers(0, 10**8).map(lambda cents: Money(cents * CENT)),
)


@given(rules, st.integers(1, 10**9).map(Money))
def test_a_price_is_whole_cents_and_never_below_the_cost(rule: Rule, cost: Money) -> None:
    price = rule.price(cost)

    assert price.micros % CENT == 0
    assert price - cost >= rule.least
    assert price - cost >= rule.fixed


@given(rules, st.integers(1, 10**9), st.integers(1, 10**6))
def test_a_dearer_plan_is_never_cheaper(rule: Rule, cost: int, more: int) -> None:
    assert rule.price(Money(cost)) <= rule.price(Money(cost + more))


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("20%", Rule(2000)),
        ("+20%", Rule(2000)),
        ("0%", Rule()),
        ("12.5%", Rule(1250)),
        ("12,5%", Rule(1250)),
        ("12.55%", Rule(1255)),
        ("1000%", Rule(100_000)),
        ("+0.50", Rule(fixed=usd("0.50"))),
        ("+0,50", Rule(fixed=usd("0.50"))),
        ("+1", Rule(fixed=usd("1"))),
        ("15% +0.20", Rule(1500, usd("0.20"))),
        ("15% +0.20 min 0.30", Rule(1500, usd("0.20"), usd("0.30"))),
        ("15% MIN 0.30", Rule(1500, least=usd("0.30"))),
        ("15% мин 0,30", Rule(1500, least=usd("0.30"))),
        ("  15%   +0.20  ", Rule(1500, usd("0.20"))),
    ],
)
def test_a_typed_rule_is_read(typed: str, rule: Rule) -> None:
    assert parse_rule(typed) == rule


@pytest.mark.parametrize(
    ("typed", "misread"),
    [
        ("", ""),
        ("  ", "  "),
        ("20", "20"),
        ("-5%", "-5%"),
        ("-0.50", "-0.50"),
        ("20 %", "20"),
        ("%", "%"),
        ("1e3%", "1e3%"),
        ("1_0%", "1_0%"),
        ("NaN%", "NaN%"),
        ("007%", "007%"),
        ("12.555%", "12.555%"),
        ("1000.01%", "1000.01%"),
        ("9999%", "9999%"),
        ("\u0661\u0662%", "\u0661\u0662%"),
        ("20% 30%", "30%"),
        ("+0.20 15%", "15%"),
        ("+0.20 +0.30", "+0.30"),
        ("15% min", "min"),
        ("15% min x", "min"),
        ("15% min 0.10 min 0.20", "min"),
        ("min 0.30", "min 0.30"),
        ("+0", "+0"),
        ("+1e3", "+1e3"),
        ("15% off", "off"),
        ("15%+0.20", "15%+0.20"),
    ],
)
def test_what_is_not_a_rule_is_refused_with_the_part_not_understood(
    typed: str, misread: str
) -> None:
    with pytest.raises(BadMarkup) as refused:
        parse_rule(typed)

    assert refused.value.typed == misread


@given(st.text())
def test_no_text_breaks_the_parser(typed: str) -> None:
    try:
        rule = parse_rule(typed)
    except BadMarkup:
        return
    assert rule.price(usd("1")) >= usd("1")


@given(rules.filter(lambda rule: max(rule.fixed, rule.least) <= usd("1000000")))
def test_a_rule_reads_back_as_it_is_printed(rule: Rule) -> None:
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("rule", "printed"),
    [
        (Rule(), "0%"),
        (Rule(2000), "20%"),
        (Rule(1250), "12.5%"),
        (Rule(1205), "12.05%"),
        (Rule(fixed=usd("0.50")), "+0.50"),
        (Rule(1500, usd("0.20"), usd("0.30")), "15% +0.20 min 0.30"),
        (Rule(least=usd("0.30")), "0% min 0.30"),
    ],
    ids=str,
)
def test_a_rule_prints_as_it_is_typed(rule: Rule, printed: str) -> None:
    assert str(rule) == printed


def test_the_most_specific_rule_replaces_the_wider_ones_whole() -> None:
    setting, wide, narrow, own = Rule(2000), Rule(1000), Rule(500), Rule(fixed=usd("0.50"))
    of_provider, of_plan = Scope(provider=NODEMAVEN.id), Scope(plan=GIG.id)
    markups = Markups({}, setting)

    assert markups.deciding(GIG) == (None, setting)
    markups = markups.changed(EVERYTHING, wide)
    assert markups.deciding(GIG) == (EVERYTHING, wide)
    markups = markups.changed(of_provider, narrow)
    assert markups.deciding(GIG) == (of_provider, narrow)
    markups = markups.changed(of_plan, own)
    assert markups.deciding(GIG) == (of_plan, own)
    assert markups.price(GIG) == usd("4.00")
    assert markups.price(plan(8, "3.50")) == usd("3.68")


def test_a_rule_that_goes_lets_the_next_wider_one_hold() -> None:
    of_plan = Scope(plan=GIG.id)
    markups = Markups({of_plan: Rule(100), EVERYTHING: Rule(1000)}, Rule(2000))

    assert markups.changed(of_plan, None).deciding(GIG) == (EVERYTHING, Rule(1000))
    assert markups.changed(of_plan, None).changed(EVERYTHING, None).deciding(GIG)[0] is None
    assert markups.deciding(GIG) == (of_plan, Rule(100))
