"""The settings: read once, checked, and passed on as values."""

import io
import ipaddress
import json
import re
import stat
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.domain.catalog import PlanSeed
from bot.domain.errors import BadAmount
from bot.domain.plans import (
    MOST_COST,
    MOST_DAYS,
    MOST_PIECES,
    parse_cost,
    parse_title,
    parse_whole,
)

LARGEST_TELEGRAM_ID: Final = 2**52

_BOT_TOKEN: Final = re.compile(r"[0-9]{6,20}:[A-Za-z0-9_-]{30,}")
_API_TOKEN: Final = re.compile(r"[!-~]+")
_TELEGRAM_ID: Final = re.compile(r"[1-9][0-9]{0,15}")
_TELEGRAM_NAME: Final = re.compile(r"(?:(?:https?://)?t\.me/|@)?([A-Za-z0-9_]{5,32})/?")
_VAULT_KEY: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")  # 32 bytes
_POSTGRESQL: Final = re.compile(r"(?:postgres|postgresql)(?:\+[a-z0-9]+)?://(.*)", re.IGNORECASE)
_PLAN_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_ORDER_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-]+|/\{(?:order_id|product_id)\})+")
_SQLITE: Final = re.compile(r"sqlite(?:\+[a-z0-9]+)?://(.*)", re.IGNORECASE)


class BadSettings(Exception):
    """The bot cannot start; each problem is one line that names a setting and holds no value."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems: Final = problems


def _bot_token(value: SecretStr) -> SecretStr:
    if value and not _BOT_TOKEN.fullmatch(value.get_secret_value()):
        problem = (
            "is not a bot token: copy it whole from @BotFather, without quotes or spaces; "
            "it is a number, a colon and at least 30 letters, digits, - or _"
        )
        raise ValueError(problem)
    return value


def _entries(value: object) -> object:
    """Split what a person wrote between commas; what code passes in is left as it is."""
    if not isinstance(value, str):
        return value
    return tuple(entry.strip() for entry in value.split(",") if entry.strip())


def _telegram_ids(value: object) -> object:
    entries = _entries(value)
    if not isinstance(entries, tuple):
        return value
    for place, entry in enumerate(entries, start=1):
        if not _TELEGRAM_ID.fullmatch(str(entry)) or int(entry) > LARGEST_TELEGRAM_ID:
            problem = (
                f"has something else than a person's numeric Telegram id in place {place}: write "
                "digits only, with commas between the ids, such as 123456789,987654321"
            )
            raise ValueError(problem)
    return tuple(dict.fromkeys(int(entry) for entry in entries))


def _api_tokens(tokens: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for place, token in enumerate(tokens, start=1):
        text = token.get_secret_value()
        if not _API_TOKEN.fullmatch(text) or any(quote in text for quote in "'\"`"):
            problem = (
                f"has a space, a quote, a line break or a sign that no token holds in token "
                f"{place}: paste the token alone, with commas between several"
            )
            raise ValueError(problem)
    return tuple(dict.fromkeys(tokens))


def _api_key(value: SecretStr) -> SecretStr:
    if value.get_secret_value():
        try:
            _api_tokens((value,))
        except ValueError:
            problem = (
                "has a space, a quote, a line break or a sign that no key holds: paste the key "
                "alone, as it was shown once under Settings, API Keys"
            )
            raise ValueError(problem) from None
    return value


def _plan_seeds(value: object) -> object:
    """Read the JSON of plans; what code passes in is left as it is."""
    if not isinstance(value, str):
        return value
    example = '{"captcha": {"title": "ISP", "cost": "2.00", "days": 30, "max": 100}}'
    try:
        read = json.loads(value, parse_float=str, parse_int=str, object_pairs_hook=_named_once)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        problem = f"is not JSON that names each plan once: write it like {example}"
        raise ValueError(problem)  # noqa: TRY004 (what pydantic takes for a refusal)
    return tuple(_plan_seed(code, fields) for code, fields in read.items())


def _named_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def _plan_seed(code: str, fields: object) -> PlanSeed:
    if not _PLAN_CODE.fullmatch(code):
        problem = (
            "names a plan by something else than the provider's own word for it, which is at "
            "most 40 letters, digits, - or _, such as captcha"
        )
        raise ValueError(problem)
    if not isinstance(fields, dict) or set(fields) - {"title", "cost", "days", "max"}:
        problem = f"has something else for {code} than title, cost, days and max"
        raise ValueError(problem)
    title = fields.get("title", code)
    read = parse_title(title.strip() or code) if isinstance(title, str) else None
    if read is None:
        problem = f"has a title for {code} that is longer than 64 characters or cannot be shown"
        raise ValueError(problem)
    try:
        cost = parse_cost(str(fields.get("cost", "")))
    except BadAmount:
        most = MOST_COST.decimal
        problem = f'has no cost of one piece for {code}: write "cost": "2.00", 0.01 to {most}'
        raise ValueError(problem) from None
    return PlanSeed(
        code,
        read,
        cost,
        _whole(code, fields, "days", MOST_DAYS),
        _whole(code, fields, "max", MOST_PIECES),
    )


def _whole(code: str, fields: dict[str, object], name: str, most: int) -> int:
    read = parse_whole(str(fields.get(name, "")), most)
    if read is None:
        problem = f'has no {name} for {code}: write "{name}": a whole number from 1 to {most}'
        raise ValueError(problem)
    return read


def _order_path(value: str) -> str:
    if value and (not _ORDER_PATH.fullmatch(value) or value.count("{order_id}") != 1):
        problem = (
            "is not a path with {order_id} in it once, and {product_id} where it is needed: write "
            "what follows /api/v2, such as /order/fetch/{order_id}, or leave it empty"
        )
        raise ValueError(problem)
    return value


def _vault_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for place, key in enumerate(keys, start=1):
        if not _VAULT_KEY.fullmatch(key.get_secret_value()):
            problem = (
                f"has something else than 32 bytes in URL-safe base64 in place {place}: make "
                "a key with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
            raise ValueError(problem)
    return tuple(dict.fromkeys(keys))


def _base_url(value: str) -> str:
    # urlsplit drops line breaks and reads "\" unlike other parsers, so both are refused first.
    if not _API_TOKEN.fullmatch(value) or "\\" in value:
        problem = "is not a plain URL: take out spaces, backslashes and signs beyond ASCII"
        raise ValueError(problem)
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        problem = "is not a URL: write it as https://host or https://host:port/path"
        raise ValueError(problem)
    if "@" in parts.netloc:
        problem = "must not hold a user name or a password: take out everything up to the @"
        raise ValueError(problem)
    if "?" in value or "#" in value:
        problem = "must end before any ? or #: it is the base of many addresses"
        raise ValueError(problem)
    return value.rstrip("/")


def _test_url(value: str) -> str:
    parts = _split(value) if _API_TOKEN.fullmatch(value) and "\\" not in value else None
    if value and (
        parts is None or parts.scheme not in {"http", "https"} or not parts.hostname
        or "@" in parts.netloc or "#" in value
    ):  # fmt: skip
        problem = "is not a URL: write it as https://host/path, without a user name or a #"
        raise ValueError(problem)
    return value


def _upstream_url(value: str) -> str:
    url = _base_url(value)
    if _is_open_to_others(url):
        problem = "must begin with https://, or the token could be read on the way"
        raise ValueError(problem)
    return url


def _split(url: str) -> SplitResult | None:
    """Take a URL apart; None if its host or port cannot be read."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_open_to_others(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _database_url(value: SecretStr) -> SecretStr:
    """Put the asynchronous driver into any SQLite or PostgreSQL URL."""
    url = value.get_secret_value()
    if found := _SQLITE.fullmatch(url):
        return SecretStr("sqlite+aiosqlite://" + _sqlite_file(found[1]))
    if found := _POSTGRESQL.fullmatch(url):
        if _split("postgresql://" + found[1]) is None:
            problem = (
                "has a host or a port that cannot be read: write signs such as @ / : # ? "
                "in the password as %40 %2F %3A %23 %3F"
            )
            raise ValueError(problem)
        # Hosts hand out libpq's name of this option; asyncpg calls it ssl and takes its words.
        return SecretStr("postgresql+asyncpg://" + re.sub(r"(?<=[?&])sslmode=", "ssl=", found[1]))
    problem = "must begin with sqlite:/// and a file, or with postgresql:// and a server"
    raise ValueError(problem)


def _sqlite_file(rest: str) -> str:
    file = rest.removeprefix("/").partition("?")[0]
    if not rest.startswith("/") or not file.strip("/"):
        problem = (
            "names no file: write sqlite:///data/bot.db, or sqlite:////srv/bot.db for a whole path"
        )
        raise ValueError(problem)
    if ":memory:" in rest or "mode=memory" in rest:
        problem = "must name a file: books in memory would be lost with the process"
        raise ValueError(problem)
    return rest


def _telegram_name(value: str) -> str:
    if not value:
        return value
    found = _TELEGRAM_NAME.fullmatch(value)
    if found is None:
        problem = (
            "is not a Telegram name: write @ and 5 to 32 letters, digits or _, or leave it empty"
        )
        raise ValueError(problem)
    return "@" + found[1]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


class Settings(BaseSettings):
    """What the owner decided, as checked values; an unset one holds its default or is empty."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        env_file_encoding="utf-8-sig",
        hide_input_in_errors=True,
    )

    bot_token: Annotated[SecretStr, AfterValidator(_bot_token)] = SecretStr("")
    admin_ids: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_telegram_ids)] = ()
    gateproxy_tokens: Annotated[
        tuple[SecretStr, ...], NoDecode, BeforeValidator(_entries), AfterValidator(_api_tokens)
    ] = ()
    gateproxy_url: Annotated[str, AfterValidator(_upstream_url)] = "https://api.gateproxy.store"
    statproxies_key: Annotated[SecretStr, AfterValidator(_api_key)] = SecretStr("")
    statproxies_url: Annotated[str, AfterValidator(_upstream_url)] = (
        "https://dashboard.statproxies.com/api/v2"
    )
    statproxies_products: Annotated[
        tuple[PlanSeed, ...], NoDecode, BeforeValidator(_plan_seeds)
    ] = ()
    statproxies_order_path: Annotated[str, AfterValidator(_order_path)] = ""
    # A secret as a whole, because a PostgreSQL URL may hold a password.
    database_url: Annotated[SecretStr, AfterValidator(_database_url)] = SecretStr(
        "sqlite+aiosqlite:///data/bot.db"
    )
    secret_key: Annotated[
        tuple[SecretStr, ...], NoDecode, BeforeValidator(_entries), AfterValidator(_vault_keys)
    ] = ()
    backup_dir: str = ""
    backup_to_owners: bool = False
    markup: str = "20%"
    usdt_is_usd: bool = True
    proxy_test_url: Annotated[str, AfterValidator(_test_url)] = ""
    support: Annotated[str, AfterValidator(_telegram_name)] = ""
    telegram_api_url: Annotated[str, AfterValidator(_base_url)] = "https://api.telegram.org"
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lower)] = "text"

    @field_validator("*", mode="before")
    @classmethod
    def _blank_means_unset(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        return value.strip() or cls.model_fields[str(info.field_name)].default

    @classmethod
    def load(cls, env_file: str | Path | None = ".env", **typed: Any) -> Self:
        """Read the environment, then the file for what it leaves open; raise BadSettings.

        What a person has `typed` for a field stands before both.
        """
        problems = () if env_file is None else _problems_of_file(Path(env_file))
        if not problems:
            try:
                return cls(_env_file=env_file, **typed)
            except ValidationError as refused:
                problems = _problems_of_values(refused)
        # Raised out here: as a context, pydantic's error would carry the values along.
        raise BadSettings(*problems)

    def needed_for_run(self) -> tuple[str, ...]:
        """Say what `run` lacks, one line each; other commands need less."""
        needed = (
            (
                self.bot_token,
                "BOT_TOKEN is missing: get one from @BotFather and write it into .env",
            ),
            (
                self.admin_ids,
                "ADMIN_IDS is missing: write your numeric Telegram id into .env; "
                "`python -m bot check` tells you yours",
            ),
            (
                self.gateproxy_tokens or self.statproxies_key,
                "GATEPROXY_TOKENS is missing: copy your API token from GateProxy into .env",
            ),
        )
        return tuple(problem for value, problem in needed if not value)

    def secrets(self) -> tuple[str, ...]:
        """Every value that no log may show: what is declared secret, and a server's password."""
        values = [getattr(self, name) for name in type(self).model_fields]
        each = [
            one for value in values for one in (value if isinstance(value, tuple) else [value])
        ]
        found = [one.get_secret_value() for one in each if isinstance(one, SecretStr)]
        parts = _split(self.database_url.get_secret_value())
        if parts is not None and parts.password:
            found += [parts.password, unquote(parts.password)]
        return tuple(dict.fromkeys(filter(None, found)))

    def warnings(self) -> tuple[str, ...]:
        """Say what works but is unwise, one line each."""
        unwise = (
            (
                _is_open_to_others(self.telegram_api_url),
                "TELEGRAM_API_URL begins with http://: the bot token can be read on the way; "
                "use https:// or a server on this machine",
            ),
            (
                self.statproxies_key and not self.statproxies_products,
                "STATPROXIES_PRODUCTS is empty: of StatProxies only those plans are sold that "
                "the shop knows from before",
            ),
            (
                self.statproxies_key and not self.statproxies_order_path,
                "STATPROXIES_ORDER_PATH is empty: you deliver what StatProxies sells by hand",
            ),
        )
        return tuple(warning for is_so, warning in unwise if is_so)


_OTHER_PROBLEMS: Final = {
    "backup_to_owners": "must be true or false",
    "usdt_is_usd": "must be true or false",
    "log_format": "must be text or json",
}


def _problems_of_values(refused: ValidationError) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for error in refused.errors(include_url=False, include_input=False):
        field = str(error["loc"][0])
        context: dict[str, Any] = error.get("ctx", {})
        if error["type"] == "value_error":
            sentence = str(context["error"])
        else:
            # Pydantic's own sentences may quote the value.
            sentence = _OTHER_PROBLEMS.get(field, "has a value of the wrong kind")
        found.setdefault(field, f"{field.upper()} {sentence}.")
    return tuple(found.values())


def _problems_of_file(path: Path) -> tuple[str, ...]:
    try:
        if stat.S_ISFIFO(path.stat().st_mode):
            return ()  # a password manager's pipe gives its text once, to the reader that counts
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ()
    except IsADirectoryError:
        return (f"{path} is a folder: put a text file with NAME=value lines in its place.",)
    except UnicodeDecodeError:
        return (f"{path} is not UTF-8 text: save it again in that encoding.",)
    except OSError as failure:
        return (f"{path} cannot be read ({failure.strerror}): mend its rights or its path.",)
    return tuple(
        f"{path} has a line that is not NAME=value, or a quote without an end: "
        f"see line {_first_line(binding.original.string, binding.original.line)}."
        for binding in parse_stream(io.StringIO(text))
        if binding.error
    )


def _first_line(statement: str, line: int) -> int:
    """Skip the blank lines that the parser counts to the statement below them."""
    return line + statement[: len(statement) - len(statement.lstrip())].count("\n")
