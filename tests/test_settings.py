"""Settings: what is accepted, and what a person reads when something is wrong."""

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bot.domain.catalog import PlanSeed
from bot.domain.money import usd
from bot.settings import BadSettings, Settings

BOT_TOKEN = "123456789:" + "a-Z_0" * 7
GATEPROXY_TOKEN = "gp_live_abcdef"
KEY = "A" * 42 + "E"
OTHER_KEY = "B" * 42 + "E"
CANARY = "canary-in-the-mine"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {name.upper() for name in Settings.model_fields}
    for name in list(os.environ):
        if name.upper() in names:
            monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Settings.load(env_file=None)


def problem(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    """Give the one line that these settings are refused with."""
    with pytest.raises(BadSettings) as caught:
        load(monkeypatch, **values)
    (line,) = caught.value.problems
    assert line.isprintable()
    return line


def secrets(values: tuple[SecretStr, ...]) -> list[str]:
    return [value.get_secret_value() for value in values]


def test_three_lines_are_enough_to_run(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(f"BOT_TOKEN={BOT_TOKEN}\nADMIN_IDS=1,2\nGATEPROXY_TOKENS={GATEPROXY_TOKEN}\n")

    settings = Settings.load(env)

    assert settings.bot_token.get_secret_value() == BOT_TOKEN
    assert settings.admin_ids == (1, 2)
    assert secrets(settings.gateproxy_tokens) == [GATEPROXY_TOKEN]
    assert settings.needed_for_run() == ()
    assert settings.warnings() == ()


def test_without_any_setting_the_defaults_hold_and_run_says_what_it_needs(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path / "missing.env")

    assert settings.database_url.get_secret_value() == "sqlite+aiosqlite:///data/bot.db"
    assert (settings.markup, settings.usdt_is_usd, settings.log_format) == ("20%", True, "text")
    assert [line.split()[0] for line in settings.needed_for_run()] == [
        "BOT_TOKEN",
        "ADMIN_IDS",
        "GATEPROXY_TOKENS",
    ]


def test_blank_lines_and_unknown_names_mean_nothing(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    lines = [f"{name.upper()}=" for name in Settings.model_fields]
    env.write_text("\n".join([*lines, "POSTGRES_PASSWORD=x", "SUPPORT='  '"]))

    assert Settings.load(env) == Settings.load(None)


def test_the_environment_wins_over_the_file_unless_it_is_blank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = tmp_path / ".env"
    env.write_text("MARKUP=30%\nSUPPORT=@from_file\n")
    monkeypatch.setenv("MARKUP", "40%")
    monkeypatch.setenv("SUPPORT", "")

    settings = Settings.load(env)

    assert (settings.markup, settings.support) == ("40%", "@from_file")


def test_settings_cannot_be_changed() -> None:
    settings = Settings.load(None)

    with pytest.raises(ValidationError):
        settings.markup = "0%"  # type: ignore[misc]  # the refusal is the test


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("ADMIN_IDS=7\n", encoding="utf-8-sig")

    assert Settings.load(env).admin_ids == (7,)


def test_a_file_that_is_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen(
        [sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write('ADMIN_IDS=7')", pipe]
    )

    assert Settings.load(pipe).admin_ids == (7,)
    assert writer.wait() == 0


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(f"BOT_TOKEN={CANARY}", encoding="utf-16")

    assert_refused(env, f"{env} is not UTF-8 text")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert_refused(tmp_path, f"{tmp_path} is a folder")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.symlink_to(env)

    assert_refused(env, f"{env} cannot be read")


@pytest.mark.parametrize(
    ("line", "number"),
    [
        (f"BOT_TOKEN: {CANARY}", 3),
        (f"BOT_TOKEN {CANARY}", 3),
        (f'BOT_TOKEN="{CANARY}', 3),
        (f"\n\nBOT_TOKEN='{CANARY}", 5),
    ],
)
def test_a_malformed_line_is_named_by_its_number(tmp_path: Path, line: str, number: int) -> None:
    env = tmp_path / ".env"
    env.write_text(f"# first\nADMIN_IDS=1\n{line}\n")

    assert_refused(env, f"see line {number}.")


def assert_refused(env: Path, words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        Settings.load(env)
    (line,) = caught.value.problems
    assert words in line
    assert CANARY not in line


@pytest.mark.parametrize(
    "value",
    [
        "hello",
        "12345:" + "a" * 35,
        "123456789:" + "a" * 29,
        "1" * 21 + ":" + "a" * 35,
        "123456789:" + "a" * 20 + " " + "a" * 20,
        f'"{BOT_TOKEN}"',
        f"{BOT_TOKEN}\n{BOT_TOKEN}",
        "١٢٣٤٥٦٧:" + "a" * 35,
        f"BOT_TOKEN={BOT_TOKEN}",
    ],
)
def test_a_malformed_bot_token_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert problem(monkeypatch, BOT_TOKEN=value).startswith("BOT_TOKEN is not a bot token")


def test_a_bot_token_with_space_around_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, BOT_TOKEN=f" {BOT_TOKEN}\n")

    assert settings.bot_token.get_secret_value() == BOT_TOKEN


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("123456789", (123456789,)),
        (" 1 , 2,3 ", (1, 2, 3)),
        ("2,1,2,", (2, 1)),
        (str(2**52), (2**52,)),
        (" , ", ()),
    ],
)
def test_owners_are_numeric_ids(
    monkeypatch: pytest.MonkeyPatch, value: str, ids: tuple[int, ...]
) -> None:
    assert load(monkeypatch, ADMIN_IDS=value).admin_ids == ids


@pytest.mark.parametrize(
    "value",
    [
        "@boss",
        "0",
        "-100123",
        "007",
        "1.5",
        "1;2",
        "1 2",
        "+1",
        "1_000",
        "٣",
        str(2**52 + 1),
        "9" * 5000,
    ],
    ids=lambda value: value[:20],
)
def test_anything_else_is_no_owner(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    line = problem(monkeypatch, ADMIN_IDS=f"5,{value}")

    assert line.startswith("ADMIN_IDS has something else")
    assert "place 2" in line


def test_several_gateproxy_tokens_keep_their_order_and_fold_repeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load(monkeypatch, GATEPROXY_TOKENS="b.2, a/1=,b.2,,")

    assert secrets(settings.gateproxy_tokens) == ["b.2", "a/1="]


@pytest.mark.parametrize(
    "value",
    ["Bearer abc", '"abc"', "'abc'", "“abc”", "abc\nX-Admin: 1", "a\tb", "a\x7fb", "токен"],
    ids=ascii,
)
def test_a_gateproxy_token_with_foreign_signs_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    line = problem(monkeypatch, GATEPROXY_TOKENS=f"fine,{value}")

    assert line.startswith("GATEPROXY_TOKENS has a space, a quote")
    assert "token 2" in line


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://api.example.com/", "https://api.example.com"),
        ("https://api.example.com:8443/base/", "https://api.example.com:8443/base"),
        ("HTTPS://api.example.com", "HTTPS://api.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.9:1", "http://127.0.0.9:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_upstream_is_reached_by_https_or_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, value: str, url: str
) -> None:
    assert load(monkeypatch, GATEPROXY_URL=value).gateproxy_url == url


@pytest.mark.parametrize(
    "value",
    [
        "http://api.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "https://user:password@example.com",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1\\@example.com",
        "https://example.com\\path",
        "https://example.com/?key=1",
        "https://example.com/?",
        "https://example.com/#top",
        "https://example.com:99999",
        "https://example.com:port",
        "https://[::1",
        "https://",
        "https:example.com",
        "ftp://example.com",
        "api.example.com",
        "https://exa mple.com",
        "https://example.com/a\nb",
    ],
    ids=ascii,
)
def test_any_other_upstream_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    line = problem(monkeypatch, GATEPROXY_URL=value)

    assert line.startswith("GATEPROXY_URL ")
    assert "example" not in line


def test_a_bot_api_server_over_http_elsewhere_is_taken_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load(monkeypatch, TELEGRAM_API_URL="http://telegram-bot-api:8081/")

    assert settings.telegram_api_url == "http://telegram-bot-api:8081"
    (warning,) = settings.warnings()
    assert warning.startswith("TELEGRAM_API_URL begins with http://")


def test_a_bot_api_server_over_http_on_this_machine_needs_no_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load(monkeypatch, TELEGRAM_API_URL="http://127.0.0.1:8081").warnings() == ()


def test_a_bot_api_server_with_a_password_in_its_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = problem(monkeypatch, TELEGRAM_API_URL=f"http://me:{CANARY}@localhost")

    assert line.startswith("TELEGRAM_API_URL must not hold a user name")


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("sqlite:///data/bot.db", "sqlite+aiosqlite:///data/bot.db"),
        ("sqlite:////srv/bot.db", "sqlite+aiosqlite:////srv/bot.db"),
        ("sqlite+aiosqlite:///bot.db", "sqlite+aiosqlite:///bot.db"),
        ("postgres://a:b@db/shop", "postgresql+asyncpg://a:b@db/shop"),
        ("postgresql://a@db:5432/shop", "postgresql+asyncpg://a@db:5432/shop"),
        ("postgresql+asyncpg://db/shop", "postgresql+asyncpg://db/shop"),
        ("postgresql+psycopg://db/shop", "postgresql+asyncpg://db/shop"),
        ("PostgreSQL://db/shop", "postgresql+asyncpg://db/shop"),
        ("postgresql:///shop?host=/run/pg", "postgresql+asyncpg:///shop?host=/run/pg"),
        ("postgresql://db/x?a=1&sslmode=require", "postgresql+asyncpg://db/x?a=1&ssl=require"),
    ],
)
def test_any_database_url_gets_the_asynchronous_driver(
    monkeypatch: pytest.MonkeyPatch, value: str, url: str
) -> None:
    settings = load(monkeypatch, DATABASE_URL=value)

    assert settings.database_url.get_secret_value() == url


@pytest.mark.parametrize(
    "value",
    [
        "data/bot.db",
        "mysql://root@localhost/shop",
        "sqlite://",
        "sqlite:///",
        "sqlite://data/bot.db",
        "sqlite:///:memory:",
        "sqlite:///file:shop?mode=memory&uri=true",
        "postgresql:/db",
        f"postgresql://me:{CANARY}/1@db/shop",
    ],
)
def test_any_other_database_url_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    line = problem(monkeypatch, DATABASE_URL=value)

    assert line.startswith("DATABASE_URL ")
    assert CANARY not in line


def test_a_ring_of_keys_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, SECRET_KEY=f"{OTHER_KEY}=, {KEY}")

    assert secrets(settings.secret_key) == [OTHER_KEY + "=", KEY]


@pytest.mark.parametrize(
    "value", ["short", "A" * 42, "A" * 44, "A" * 42 + "+", "A" * 42 + "==", f"{KEY} {KEY}"]
)
def test_a_key_that_is_not_32_bytes_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    line = problem(monkeypatch, SECRET_KEY=f"{KEY},{value}")

    assert line.startswith("SECRET_KEY has something else than 32 bytes")
    assert "place 2" in line


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("@shop_help", "@shop_help"),
        ("shop_help", "@shop_help"),
        ("https://t.me/shop_help", "@shop_help"),
        ("t.me/shop_help/", "@shop_help"),
        ("", ""),
    ],
)
def test_support_is_a_telegram_name(
    monkeypatch: pytest.MonkeyPatch, value: str, name: str
) -> None:
    assert load(monkeypatch, SUPPORT=value).support == name


@pytest.mark.parametrize(
    "value",
    [
        "@abc",
        "@" + "a" * 33,
        "@a b c d",
        "mail@example.com",
        "https://example.com/shop",
        "@имяимя",
    ],
)
def test_any_other_support_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert problem(monkeypatch, SUPPORT=value).startswith("SUPPORT is not a Telegram name")


def test_a_switch_and_a_choice_say_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings) as caught:
        load(monkeypatch, USDT_IS_USD="maybe", LOG_FORMAT="xml")

    assert caught.value.problems == (
        "USDT_IS_USD must be true or false.",
        "LOG_FORMAT must be text or json.",
    )


def test_a_switch_and_a_choice_are_read_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, USDT_IS_USD="FALSE", LOG_FORMAT="JSON")

    assert (settings.usdt_is_usd, settings.log_format) == (False, "json")


def test_every_wrong_setting_is_named_once_and_none_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = f"{CANARY} {CANARY}"
    free_text = {"backup_dir", "markup"}
    names = [name.upper() for name in Settings.model_fields if name not in free_text]

    with pytest.raises(BadSettings) as caught:
        load(monkeypatch, **dict.fromkeys(names, wrong))

    assert [line.split()[0] for line in caught.value.problems] == names
    assert all(line.endswith(".") for line in caught.value.problems)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_secrets_never_show_in_a_repr_or_a_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        BOT_TOKEN=BOT_TOKEN,
        GATEPROXY_TOKENS=GATEPROXY_TOKEN,
        SECRET_KEY=KEY,
        DATABASE_URL=f"postgresql://me:{CANARY}@db/shop",
    )

    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    for secret in (BOT_TOKEN, GATEPROXY_TOKEN, KEY, CANARY):
        assert secret not in shown


def test_settings_are_read_without_the_heavy_libraries() -> None:
    seen = subprocess.check_output(
        [sys.executable, "-c", "import sys, bot.settings; print(*sys.modules)"], text=True
    )

    assert not {"aiogram", "aiohttp", "httpx", "sqlalchemy"} & set(seen.split())


def test_every_secret_is_named_to_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "BOT_TOKEN": "123456:" + "A" * 35,
        "GATEPROXY_TOKENS": "gpk_one,gpk_two",
        "SECRET_KEY": "A" * 43,
        "DATABASE_URL": "postgresql://shop:hush%2Fhush@db.example/shop",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    told = Settings.load(None).secrets()

    for secret in (given["BOT_TOKEN"], "gpk_one", "gpk_two", "A" * 43, "hush%2Fhush", "hush/hush"):
        assert secret in told


@pytest.mark.parametrize(
    "url",
    ["https://api.ipify.org", "https://ip.example/json?fields=query", "http://exit.localhost"],
)
def test_the_address_of_tests_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert load(monkeypatch, PROXY_TEST_URL=url).proxy_test_url == url


@pytest.mark.parametrize(
    "value",
    [
        "api.ipify.org",
        "ftp://ip.example",
        "https://a:b@ip.example",
        "https://:1",
        "https://x#y",
        "a b",
    ],
)
def test_anything_else_is_no_address_of_tests(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    line = problem(monkeypatch, PROXY_TEST_URL=value)

    assert line.startswith("PROXY_TEST_URL is not a URL")
    assert value not in line


# StatProxies

PLANS = '{"captcha": {"title": "ISP", "cost": "2.00", "days": 30, "max": 100}, "x1": ' + (
    '{"cost": 1.4, "days": "30", "max": 50}}'
)


def test_the_plans_of_statproxies_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, STATPROXIES_PRODUCTS=PLANS)

    assert settings.statproxies_products == (
        PlanSeed("captcha", "ISP", usd("2.00"), 30, 100),
        PlanSeed("x1", "x1", usd("1.40"), 30, 50),
    )


@pytest.mark.parametrize(
    ("plans", "said"),
    [
        ("captcha=2.00", "is not JSON"),
        ("[]", "is not JSON"),
        ("{" * 20_000, "is not JSON"),
        ('{"a": {"cost": "2", "days": 1, "max": 1}, "a": {}}', "names each plan once"),
        ('{"a": {"cost": "2", "cost": "1", "days": 1, "max": 1}}', "names each plan once"),
        ('{"a b": {}}', "the provider's own word"),
        ('{"../x": {}}', "the provider's own word"),
        ('{"a": 2.00}', "something else for a than"),
        ('{"a": {"cost": "2", "days": 1, "max": 1, "price": 3}}', "something else for a than"),
        ('{"a": {"title": [], "cost": "2", "days": 1, "max": 1}}', "a title for a"),
        ('{"a": {"days": 30, "max": 100}}', "no cost of one piece for a"),
        ('{"a": {"cost": "-2", "days": 30, "max": 100}}', "no cost of one piece for a"),
        ('{"a": {"cost": 0, "days": 30, "max": 100}}', "no cost of one piece for a"),
        ('{"a": {"cost": NaN, "days": 30, "max": 100}}', "no cost of one piece for a"),
        ('{"a": {"cost": "1e3", "days": 30, "max": 100}}', "no cost of one piece for a"),
        ('{"a": {"cost": "1000.01", "days": 30, "max": 100}}', "no cost of one piece for a"),
        ('{"a": {"cost": "2", "max": 100}}', "no days for a"),
        ('{"a": {"cost": "2", "days": 367, "max": 100}}', "no days for a"),
        ('{"a": {"cost": "2", "days": 30, "max": 0}}', "no max for a"),
        ('{"a": {"cost": "2", "days": 30, "max": 1001}}', "no max for a"),
        ('{"a": {"cost": "2", "days": 30, "max": true}}', "no max for a"),
    ],
)
def test_plans_that_cannot_be_right_are_named(
    monkeypatch: pytest.MonkeyPatch, plans: str, said: str
) -> None:
    line = problem(monkeypatch, STATPROXIES_PRODUCTS=plans)

    assert line.startswith("STATPROXIES_PRODUCTS ")
    assert said in line


@pytest.mark.parametrize(
    "path",
    ["/order/{order_id}", "/order/fetch/{product_id}/{order_id}", "/v3/one-order/{order_id}/all"],
)
def test_a_path_of_an_order_is_taken(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert load(monkeypatch, STATPROXIES_ORDER_PATH=path).statproxies_order_path == path


@pytest.mark.parametrize(
    "path",
    ["order/{order_id}", "/order", "/order/{id}", "/{order_id}/{order_id}", "/../{order_id}",
     "/order/{order_id}?x=1", "https://evil.example/{order_id}", "/order/{order_id!r}",
     "/order/ {order_id}", "//evil/{order_id}", "/o{order_id}"],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    line = problem(monkeypatch, STATPROXIES_ORDER_PATH=path)

    assert line.startswith("STATPROXIES_ORDER_PATH is not a path with {order_id}")


def test_a_key_alone_is_enough_to_run_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load(monkeypatch, BOT_TOKEN=BOT_TOKEN, ADMIN_IDS="1", STATPROXIES_KEY=CANARY)

    assert settings.needed_for_run() == ()
    assert CANARY not in repr(settings)
    assert [line.split()[0] for line in settings.warnings()] == [
        "STATPROXIES_PRODUCTS",
        "STATPROXIES_ORDER_PATH",
    ]
    assert CANARY not in problem(monkeypatch, STATPROXIES_KEY=f"{CANARY} x")
