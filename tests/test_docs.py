"""What is written for people and tools says the same as the code."""

import inspect
import json
import re
import shutil
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from bot.__main__ import main
from bot.callbacks import ShowProvider
from bot.domain.catalog import Offer, Plan, PlanId, Provider, ProviderId, UsageByApi
from bot.domain.errors import Busy, OutOfService, Refused, Unclear, UpstreamError
from bot.domain.formats import Formatting
from bot.domain.money import usd
from bot.domain.orders import (
    MOVES,
    Credentials,
    CustomerId,
    Line,
    Order,
    OrderId,
    OrderState,
    Proxy,
)
from bot.handlers import ROUTES
from bot.handlers.routes import Said
from bot.i18n import texts
from bot.screens import delivery as delivery_screens
from bot.screens import orders as order_screens
from bot.screens import shop as shop_screens
from bot.settings import Settings
from bot.upstreams.base import Progress, Upstream
from tests.gallery import drawn

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIRED = ("BOT_TOKEN", "ADMIN_IDS", "GATEPROXY_TOKENS")

# In pieces, so that this file passes its own test.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pypi", "io"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("deb", "debian"),
    )
)


@pytest.fixture
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def example_lines() -> list[str]:
    """Give the NAME=value lines of the example, commented out or not."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return re.findall(r"^(?:# )?[A-Z][A-Z_]*=.*$", text, re.MULTILINE)


def pins(file: str) -> dict[str, Version]:
    """Give each pinned name with its version, and hold every entry to an exact pin with hashes."""
    entries = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found: dict[str, Version] = {}
    for entry in entries:
        wanted, _, hashes = entry.partition("--hash=")
        requirement = Requirement(wanted)
        (pin,) = requirement.specifier
        assert pin.operator == "==", entry
        assert not requirement.url, entry
        assert hashes.startswith("sha256:"), entry
        found[canonicalize_name(requirement.name)] = Version(pin.version)
    return found


def wanted(group: str) -> Iterator[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (
        project["project"]["dependencies"]
        if group == "runtime"
        else project["dependency-groups"][group]
    )
    return map(Requirement, lines)


def files_of_the_project() -> list[Path]:
    """Give what is in git or would get in; outside a checkout, nothing is left to promise."""
    if shutil.which("git") is None:
        return []
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = listed.stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_the_example_begins_with_the_required_settings() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    open_lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert open_lines == [f"{name}=" for name in REQUIRED]
    assert example_lines()[: len(REQUIRED)] == open_lines


def test_the_example_names_every_setting_once_and_no_other() -> None:
    names = [line.removeprefix("# ").partition("=")[0] for line in example_lines()]

    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.usefixtures("_nothing_set")
def test_the_example_shows_the_real_defaults(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("\n".join(line.removeprefix("# ") for line in example_lines()))

    assert Settings.load(env) == Settings.load(None)


@pytest.mark.usefixtures("_nothing_set")
def test_the_example_shows_each_default_that_is_not_empty() -> None:
    shown = dict(line.removeprefix("# ").split("=", 1) for line in example_lines())

    for name, field in Settings.model_fields.items():
        assert bool(shown[name.upper()]) == bool(field.default), name


@pytest.mark.parametrize(
    ("file", "group"),
    [
        ("requirements.txt", "runtime"),
        ("requirements-dev.txt", "runtime"),
        ("requirements-dev.txt", "dev"),
        ("requirements-browser.txt", "browser"),
    ],
)
def test_the_pins_are_what_the_project_asks_for(file: str, group: str) -> None:
    pinned = pins(file)

    for requirement in wanted(group):
        version = pinned[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, requirement


def test_tests_run_with_the_versions_that_are_shipped() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


def test_both_files_of_pins_for_tests_can_be_installed_side_by_side() -> None:
    dev = pins("requirements-dev.txt")

    for name, version in pins("requirements-browser.txt").items():
        assert dev.get(name, version) == version, name


def test_no_file_names_a_package_registry() -> None:
    for path in files_of_the_project():
        text = path.read_bytes().decode("utf-8", errors="replace").lower()
        assert not [host for host in REGISTRY_HOSTS if host in text], path


# The README

COMMAND_LINES = (
    "python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt "
    "&& .venv/bin/python -m bot demo",
    "python3 -m venv .venv && .venv/bin/pip install -q -r requirements-dev.txt "
    "&& .venv/bin/python -m pytest -q",
)
WORDS = (
    "Upstream", "Provider", "Plan", "Offer", "Intent", "Order", "Move", "Hold", "Posting",
    "Delivery", "Format", "Exchange", "Taste", "Proof", "Case", "Request", "Desk", "Usage check",
    "Lane", "Match group", "Screen", "Notice", "Customer", "Owner",
)  # fmt: skip

# In pieces, as above: notes that were never part of the project, and folders of one machine.
OTHER_DOCUMENTS = re.compile(
    r"\b(?:" + "|".join(("desi" "gn", "relia" "bility", "up" "streams", "u" "x", "eco" "system"))
    + r")\.md\b|\bhouse" r"-style\b"
)  # fmt: skip
OF_THIS_MACHINE = re.compile(r"(?<![\w.])/(?:" + "|".join(("work", "farm", "tmp/m")) + ")/")


def table(*heads: str) -> list[list[str]]:
    """Give the cells of the README's one table with these column heads."""
    first = "| " + " | ".join(heads) + " |\n"
    assert README.count(first) == 1, first
    rows = README.partition(first)[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def code_of(cell: str) -> str:
    """Give what stands between backticks; nothing for a dash."""
    return "" if cell == "–" else cell.strip("`")


def block(holding: str) -> str:
    """Give the README's one fenced block that holds these words."""
    found = [
        text for text in re.findall(r"```\w*\n(.*?)```", README, re.DOTALL) if holding in text
    ]
    assert len(found) == 1, holding
    return str(found[0])


def commands_said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit):
        main(["--help"])
    return re.findall(r"^ {4}(\w+) {2,}", capsys.readouterr().out, re.MULTILINE)


def test_the_two_commands_stand_there_word_for_word() -> None:
    begun = [line for line in README.splitlines() if line.startswith("python3 -m venv")]

    assert begun == list(COMMAND_LINES)


def test_the_table_of_settings_names_each_one() -> None:
    named = [code_of(name) for name, _, _ in table("Name", "Default", "Meaning")]

    assert named == [name.upper() for name in Settings.model_fields]


@pytest.mark.usefixtures("_nothing_set")
def test_the_table_of_settings_shows_the_real_defaults(tmp_path: Path) -> None:
    shown = {
        code_of(name): code_of(default) for name, default, _ in table("Name", "Default", "Meaning")
    }
    env = tmp_path / ".env"
    env.write_text("\n".join(f"{name}={default}" for name, default in shown.items()))

    assert Settings.load(env) == Settings.load(None)
    for name, field in Settings.model_fields.items():
        assert shown[name.upper()] or not field.default, name


def test_the_table_of_commands_is_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    named = [code_of(name) for name, _ in table("Command", "What it does")]

    assert named == commands_said(capsys)


def test_each_command_says_what_it_does_in_its_own_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = dict(re.findall(r"^ {4}(\w+) {2,}(.+)$", capsys.readouterr().out, re.MULTILINE))

    for name, promise in told.items():
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert promise in capsys.readouterr().out


def test_every_command_of_the_chat_is_told_of_and_no_other() -> None:
    told = set(re.findall(r"`/([a-z]+)[ `]", README))

    assert told == {route.command for route in ROUTES if isinstance(route, Said)}


def test_the_table_of_states_is_moves() -> None:
    rows = table("State", "Means", "What ends it", "May become")
    told = {
        code_of(state): {code_of(target) for target in targets.split(", ") if target != "–"}
        for state, _, _, targets in rows
    }

    assert told == {state.value: {target.value for target in MOVES[state]} for state in MOVES}


def test_the_words_are_all_there() -> None:
    words = [
        word
        for named, _ in table("Word", "Meaning")
        for word in re.findall(r"\*\*(.+?)\*\*", named)
    ]

    assert words == list(WORDS)


def test_the_drawing_of_imports_is_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [
        each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers"
    ]

    assert block("→ domain\n").strip() == " → ".join(
        layer.strip("()") for layer in layers["layers"]
    )


def test_the_table_of_folders_is_the_package() -> None:
    told = {code_of(name).rstrip("/") for name, _ in table("In `bot/`", "What it is")}
    made = {
        path.name
        for path in (ROOT / "bot").iterdir()
        if not path.name.startswith(("__pycache__", "__init__", "."))
    }

    assert told == made


def test_the_trace_of_a_tap_names_what_is_there() -> None:
    for where, name, _ in table("Where", "Name", "What it does"):
        source = (ROOT / code_of(where)).read_text(encoding="utf-8")
        assert re.search(
            rf"^\s*(?:(?:async )?def |class )?{code_of(name)}\b[(:]", source, re.MULTILINE
        ), name


def test_every_path_and_every_link_leads_somewhere() -> None:
    paths = re.findall(
        r"`((?:bot|tests|migrations|\.ci)/[\w./-]*|\w[\w.-]*\.(?:toml|yml|txt))`", README
    )
    heads = {
        re.sub(r"[^\w -]", "", head).lower().replace(" ", "-")
        for head in re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", README)

    acme = "bot/upstreams/acme.py"  # the worked example
    assert [path for path in paths if path != acme and not (ROOT / path).exists()] == []
    assert [link for link in links if link.startswith("#") and link[1:] not in heads] == []
    assert [
        link for link in links if not link.startswith("#") and not (ROOT / link).exists()
    ] == []


def test_the_numbers_of_the_proof_are_those_of_its_page() -> None:
    page = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+) \| [\d,]+ \| ([\d,]+) \| ([\d,]+) \|$", page, re.MULTILINE)
    (said,) = re.findall(r"^The last long runs .+$", README, re.MULTILINE)
    told = re.findall(r"\b(\d[\d,]*) (simulated|real|cancellations|drains|restore|failure)", said)
    summed: Counter[str] = Counter()
    for what, done, lost in rows:
        summed[what.replace(":", "").split()[0]] += int(done.replace(",", ""))
        summed["failure"] += int(lost)

    assert {what: int(many.replace(",", "")) for many, what in told} == {
        what: summed[what]
        for what in ("simulated", "real", "cancellations", "drains", "restore", "failure")
    }


def test_every_picture_is_shown_and_small() -> None:
    shown = {
        ROOT / link: 1_000_000 if link.endswith(".webp") else 300_000
        for link in re.findall(r'(?:<img src="|!\[[^]]*\]\()(docs/[\w.]+)', README)
    }

    kept = {file for kind in ("png", "webp") for file in (ROOT / "docs").glob(f"*.{kind}")}
    assert kept == set(shown)
    for file, most in shown.items():
        assert file.stat().st_size < most, file


def test_the_picture_of_a_purchase_is_what_people_see() -> None:
    t, noon = texts("en"), datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    nodemaven = Provider(ProviderId(1), "gateproxy", "nodemaven", "NodeMaven", UsageByApi())
    plan = Plan(PlanId(1), nodemaven, "1", "1 GB", usd("3.50"), 2**30, noon)
    order = Order(
        id=OrderId(1), customer=CustomerId(1001), plan=plan.id, provider=nodemaven.id,
        provider_name=nodemaven.name, title=plan.title, is_code=False, quantity=1,
        price=usd("4.20"), cost=plan.cost, state=OrderState.RESERVED, accepted_at=noon,
        moved_at=noon, reason=None, upstream_order_id=None, shown_at=None,
    )  # fmt: skip
    proxy = Proxy("gate.nodemaven.com", 8080, "nodemaven_3755b2-country-us", "fc94b52dec05")
    screens = (
        shop_screens.confirm(
            t, Offer(plan, usd("4.20")), usd("25"), intent="0" * 16, again=False,
            back=ShowProvider(provider=1, page=0),
        ),
        order_screens.order(t, Line(order, place=1, can_cancel=False)),
        delivery_screens.delivered(t, order, Credentials((proxy,)), None, Formatting()),
    )  # fmt: skip
    told = [line for line in block("a tap on Buy").splitlines() if line.startswith(("▎", " ["))]

    assert told == [line for screen in screens for line in drawn(screen)]


# The worked example


class AcmeServer:
    """What the example speaks to."""

    def __init__(self) -> None:
        self.orders: list[dict[str, str]] = []
        self.status = 200

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.status != 200:
            return httpx.Response(self.status, json={})
        match request.method, request.url.path.split("/"):
            case "GET", [_, "prices"]:
                return httpx.Response(200, json={"1": 350, "5": 1650})
            case "POST", [_, "orders"]:
                asked = json.loads(request.content)
                self.orders.append(
                    {
                        "id": f"a{len(self.orders)}",
                        "plan": asked["plan"],
                        "note": asked["note"],
                        "state": "done",
                        "proxies": "gate.acme.example:8080:anna:secret",
                    }
                )
                return httpx.Response(200, json=self.orders[-1])
            case "GET", [_, "acme", "orders", reference]:
                found = [order for order in self.orders if order["id"] == reference]
                return httpx.Response(200, json=found[0])
            case _:
                is_first = request.url.params["page"] == "1"
                return httpx.Response(200, json=self.orders if is_first else [])


def acme_module() -> dict[str, Any]:
    source = block("class Acme")
    module: dict[str, Any] = {"__name__": "acme"}
    exec(compile(source, "README.md", "exec"), module)  # noqa: S102 (our own words)
    return module


def test_the_worked_example_has_what_an_upstream_has() -> None:
    acme = acme_module()["Acme"]
    promised = {
        name: method
        for name, method in vars(Upstream).items()
        if inspect.iscoroutinefunction(method)
    }

    assert promised
    for name, method in promised.items():
        assert list(inspect.signature(getattr(acme, name)).parameters) == list(
            inspect.signature(method).parameters
        ), name
        assert inspect.iscoroutinefunction(getattr(acme, name)), name
    assert [name for name in inspect.get_annotations(Upstream) if not hasattr(acme, name)] == []


async def test_the_worked_example_sells() -> None:
    server = AcmeServer()
    upstream: Upstream = acme_module()["Acme"]("t0ken", httpx.MockTransport(server.answer))

    [listed] = await upstream.plans()
    made = await upstream.place("acme", "1", 1, "q" * 28)
    page = await upstream.recent(1)

    assert [(plan.code, str(plan.cost)) for plan in listed.plans or ()] == [
        ("1", "3.50 USD"),
        ("5", "16.50 USD"),
    ]
    assert made.progress is Progress.READY
    assert made.delivery == Credentials((Proxy("gate.acme.example", 8080, "anna", "secret"),))
    assert await upstream.order(made.reference, "acme", "1") == made
    assert [(one.reference, one.plan, one.tag) for one in page.orders] == [("a0", "1", "q" * 28)]
    assert (await upstream.recent(2)).is_last
    await upstream.close()


@pytest.mark.parametrize(
    ("status", "meaning"), [(402, OutOfService), (422, Refused), (429, Busy), (500, Unclear)]
)
async def test_the_worked_example_says_what_is_known(
    status: int, meaning: type[UpstreamError]
) -> None:
    server = AcmeServer()
    upstream: Upstream = acme_module()["Acme"]("t0ken", httpx.MockTransport(server.answer))
    server.status = status

    with pytest.raises(meaning):
        await upstream.place("acme", "1", 1, "q" * 28)

    await upstream.close()


# What no file may say


def test_no_file_names_a_document_that_is_not_here_or_a_folder_of_one_machine() -> None:
    for path in files_of_the_project():
        text = path.read_bytes().decode("utf-8", errors="replace")
        for secret in (OTHER_DOCUMENTS, OF_THIS_MACHINE):
            found = secret.search(text)
            assert found is None, f"{path}: {found[0]}"


def test_the_changelog_has_the_usual_heads() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^### (.+)$", text, re.MULTILINE)

    assert text.startswith("# Changelog\n")
    assert "\n## Unreleased\n" in text
    assert set(heads) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
