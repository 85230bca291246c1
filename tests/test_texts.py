"""Promises about words: every text is translated, gets its values and says only what it should."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

import bot
from bot.callbacks import Buy, ShowPlan
from bot.demo.telegram_html import parse_html
from bot.domain.money import usd
from bot.handlers.introduction import commands, owner_commands
from bot.i18n import LANGUAGES, LOCALES, Text, fields, texts
from bot.screens.base import MOST_LABEL, Button, Screen, Toast
from tests.screens.test_layout import samples

BOT = Path(bot.__file__).parent
TRANSLATED = tuple(language for language in LANGUAGES if language != "en")
BUY = {"en": "Buy", "ru": "Купить"}
"""The first word of the one button that spends money; no other text begins with it."""

FOR_CUSTOMERS = (
    "screens/shop.py",
    "screens/orders.py",
    "screens/listing.py",
    "screens/proofs.py",
    "screens/search.py",
    "screens/usage.py",
    "screens/delivery.py",
    "screens/tastes.py",
    "screens/wallet.py",
    "screens/problems.py",
    "screens/pieces.py",
    "screens/notices.py",
)
WORDS_FOR_CUSTOMERS = frozenset({"released_because"})
"""Of the words that customers' and owners' screens share."""
WORKSHOP = re.compile(
    r"Exception|\berrors?\b|\b50\d\b|upstream|GateProxy|StatProxies"
    r"|исключени|ошибк|поставщик|апстрим",
    re.IGNORECASE,
)
HOSTILE = "<b>Eve</b> & {0} {name} %s \u202ebad\u2066\u200b\u0000"
HARMLESS = "<b>Eve</b> & {0} {name} %s bad"

TAG = re.compile(r"</?[a-z][^>]*>")
ABBREVIATED = frozenset({"{n} дн."})
"""Ends with a full stop that does not end a sentence."""
MOST_TOAST = 200
MOST_DESCRIBED = 256
SHOWN = frozenset({"Button", "Link", "Copy", "Toast"})


@dataclass(frozen=True, slots=True)
class Said:
    """One call of `t(…)`, or of `t.n(…)` with its two messages."""

    where: str
    file: str
    function: str
    messages: tuple[str, ...]
    passed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Walk:
    """What stands in some code; `complaints`: what would only break at a tap.

    `labels` are the texts of buttons and toasts, `buys` the labels of every `Buy(…)`, empty
    where no button with a text of its own carries it.
    """

    said: list[Said] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    buys: list[str] = field(default_factory=list)


def walk(source: str, file: str = "", found: Walk | None = None) -> Walk:
    """Collect the texts of one module."""
    found = found or Walk()
    for top in ast.parse(source).body:
        named = {
            target.id: node.value
            for node in ast.walk(top)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        bought: list[ast.Call] = []
        carried: dict[int, list[str]] = defaultdict(list)
        for node in ast.walk(top):
            where = f"{file}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.Call(func=ast.Name("t") | ast.Attribute(attr="t")):
                    _hear(found, where, file, top, node, 1)
                case ast.Call(func=ast.Attribute(ast.Name("t") | ast.Attribute(attr="t"), "n")):
                    _hear(found, where, file, top, node, 2)
                case ast.Call(func=ast.Call(func=ast.Name("Texts" | "texts" | "spoken"))):
                    found.complaints.append(f"{where}: a text that t(…) does not say")
                case ast.arg(arg=name, annotation=ast.Name("Texts")) | ast.Assign(
                    [ast.Name(name)], ast.Call(func=ast.Name("texts" | "spoken"))
                ) if name != "t":
                    found.complaints.append(f"{where}: the texts are called t, not {name}")
                case ast.Call(func=ast.Name("Text"), args=[template, *_]):
                    if _literal(template) != "{words}":
                        found.complaints.append(f"{where}: a Text with words of its own")
                case ast.Call(func=ast.Name("Buy")):
                    bought.append(node)
                case ast.Call(func=ast.Name(kind), args=[first, *rest]) if kind in SHOWN:
                    label = _text(_meant(first, named))
                    if label:
                        found.labels.add(label)
                    for does in rest[:1]:
                        carried[id(_meant(does, named))].append(label)
                case _:
                    pass
        for node in bought:
            found.buys.extend(carried.get(id(node), [""]))
    return found


def _hear(
    found: Walk, where: str, file: str, top: ast.stmt, call: ast.Call, messages: int
) -> None:
    templates = [_literal(argument) for argument in call.args]
    names = [keyword.arg for keyword in call.keywords]
    passed = frozenset(name for name in names if name is not None)
    if len(templates) != messages or None in templates:
        found.complaints.append(f"{where}: not a literal text: {ast.unparse(call)}")
        return
    if None in names:
        found.complaints.append(f"{where}: values without names: {ast.unparse(call)}")
        return
    said = tuple(template for template in templates if template is not None)
    wanted = frozenset().union(*(fields(template) for template in said))
    if messages == 2:
        wanted |= {"n"}
    if wanted != passed:
        missing, unused = sorted(wanted - passed), sorted(passed - wanted)
        found.complaints.append(f"{where}: missing {missing}, unused {unused}: {said[0]!r}")
    found.complaints.extend(f"{where}: {problem}" for each in said for problem in flaws(each))
    found.said.append(Said(where, file, getattr(top, "name", ""), said, passed))


def _literal(node: ast.expr) -> str | None:
    """The string that stands there, if it is one and nothing else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _meant(node: ast.expr, named: dict[str, ast.expr]) -> ast.expr:
    """What a name was given in the same function, where it was."""
    return named.get(node.id, node) if isinstance(node, ast.Name) else node


def _text(node: ast.expr) -> str:
    """The message of a `t(…)`, else nothing."""
    match node:
        case ast.Call(func=ast.Name("t"), args=[ast.Constant(str(template))]):
            return template
        case _:
            return ""


def flaws(template: str) -> Iterator[str]:
    """What is wrong with the form of a text: odd fields, open tags, bare signs."""
    try:
        for _, name, spec, conversion in Formatter().parse(template):
            if name is not None and (not name.isidentifier() or spec or conversion):
                yield f"odd field {{{name}}} in {template!r}"
    except ValueError as problem:
        yield f"{problem}: {template!r}"
        return
    open_tags: list[str] = []
    for tag in TAG.findall(template):
        if not tag.startswith("</"):
            open_tags.append(tag)
        elif not open_tags or open_tags.pop()[1:] != tag[2:]:
            yield f"{tag} closes nothing in {template!r}"
    if open_tags:
        yield f"{open_tags} stay open in {template!r}"
    if re.search(r"[<>&]", TAG.sub("", template)):
        yield f"a bare sign of HTML in {template!r}"


@cache
def code() -> Walk:
    """All texts of the bot."""
    found = Walk()
    for path in sorted(BOT.rglob("*.py")):
        if path.name != "i18n.py":
            walk(path.read_text(encoding="utf-8"), path.relative_to(BOT).as_posix(), found)
    return found


@cache
def catalog(language: str) -> Catalog:
    """The translations as they stand in the file."""
    with (LOCALES / language / "bot.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def forms(language: str) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Each message with its translations: one, or every plural form."""
    return {
        _tuple(message.id): _tuple(message.string) for message in catalog(language) if message.id
    }


def _tuple(words: object) -> tuple[str, ...]:
    match words:
        case str():
            return (words,)
        case [*several]:
            return tuple(str(word) for word in several)
        case _:
            raise TypeError(words)


in_every_translation = pytest.mark.parametrize("language", TRANSLATED)
in_every_language = pytest.mark.parametrize("language", LANGUAGES)


def test_every_text_is_written_out_and_gets_its_values() -> None:
    assert len(code().said) > 300
    assert not code().complaints


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('t("Hello, {name}!")', "missing ['name']"),
        ('t("Hello, {name}!", nam=1)', "missing ['name'], unused ['nam']"),
        ('t("Hello!", name=1)', "unused ['name']"),
        ('t("Hello, {name}!", **values)', "values without names"),
        ('t(f"Hello, {name}!")', "not a literal"),
        ('t("one" if n == 1 else "many")', "not a literal"),
        ("t(GREETING)", "not a literal"),
        ("t(*words)", "not a literal"),
        ('self.t("Hello, {name}!")', "missing ['name']"),
        ('t.n("{n} plan", n=1)', "not a literal"),
        ('t.n("{n} of {all}", "{n} of {all}", n=1)', "missing ['all']"),
        ('t.n("one plan", "many plans")', "missing ['n']"),
        ('texts("en")("Hello!")', "t(…) does not say"),
        ("def f(words: Texts): ...", "not words"),
        ('words = texts("en")', "not words"),
        ('Text("Hello!", {}, "en")', "words of its own"),
        ('t("Hello, {0}!")', "odd field"),
        ('t("Hello, {name.first}!", name=1)', "odd field"),
        ('t("Hello, {name!r}!", name=1)', "odd field"),
        ('t("Hello, {name:>9}!", name=1)', "odd field"),
        ('t("<b>Hello!")', "stay open"),
        ('t("<b><i>Hello!</b></i>")', "closes nothing"),
        ('t("Fish & chips")', "bare sign"),
        ('t("1 < 2")', "bare sign"),
    ],
)
def test_a_text_that_would_break_at_a_tap_breaks_here(source: str, complaint: str) -> None:
    assert complaint in "\n".join(walk(source).complaints)


def test_a_text_is_never_shown_with_a_hole() -> None:
    text = texts("en")("Hello, {name}!")

    with pytest.raises(KeyError, match="name"):
        text.html()
    with pytest.raises(KeyError, match="name"):
        text.plain()


@in_every_translation
def test_every_text_is_translated(language: str) -> None:
    translated = {message for message, found in forms(language).items() if all(found)}

    assert {said.messages for said in code().said} <= translated


@in_every_translation
def test_no_translation_is_left_over(language: str) -> None:
    assert set(forms(language)) <= {said.messages for said in code().said}
    assert not catalog(language).obsolete
    assert not [message.id for message in catalog(language) if message.id and message.fuzzy]


@in_every_translation
def test_a_translation_stands_in_one_place(language: str) -> None:
    lines = (LOCALES / language / "bot.po").read_text(encoding="utf-8").splitlines()

    # The header is one more.
    assert len([line for line in lines if line.startswith("msgid ")]) == len(forms(language)) + 1
    assert len({message[0] for message in forms(language)}) == len(forms(language))


@in_every_translation
def test_a_catalog_tells_its_language_and_nothing_of_who_made_it_where(language: str) -> None:
    source = (LOCALES / language / "bot.po").read_text(encoding="utf-8")
    header = re.findall(r'^"([A-Za-z-]+): (.*)\\n"$', source.split("\n\n")[0], re.MULTILINE)

    assert dict(header) == {
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "MIME-Version": "1.0",
        "Language": language,
        "Plural-Forms": catalog(language).plural_forms,
    }
    assert not re.search(r"^#[:,|~]", source, re.MULTILINE)


@in_every_translation
def test_a_translation_has_the_variables_and_tags_of_the_text(language: str) -> None:
    for message, translations in forms(language).items():
        assert len(translations) == (1 if len(message) == 1 else catalog(language).num_plurals)
        for translation in translations:
            assert fields(translation) == fields(message[-1]), translation
            assert Counter(TAG.findall(translation)) == Counter(TAG.findall(message[-1]))
            assert not list(flaws(translation))


@in_every_translation
def test_a_translation_keeps_the_frame_of_the_text(language: str) -> None:
    """Spaces, line breaks and the last sign: what texts are put together with."""
    for message, translations in forms(language).items():
        for translation in translations:
            assert translation.count("\n") == message[-1].count("\n"), translation
            for text in (message[-1], translation):
                assert "  " not in text
            assert translation[0].isspace() == message[-1][0].isspace()
            assert translation[-1].isspace() == message[-1][-1].isspace()
            if translation not in ABBREVIATED:
                assert _end(translation) == _end(message[-1]), translation


def _end(text: str) -> str:
    """The full stop or colon that ends a text, if one does."""
    last = TAG.sub("", text)[-1:]
    return last if last in ".:" else ""


@in_every_translation
def test_a_text_that_is_copied_or_typed_is_not_translated(language: str) -> None:
    typed = re.compile(r"/[a-z]+|<code>.*?</code>|@\{\w+\}|\b9proxy\.com\b|\b1000000\b|\bcurl\b")
    for message, translations in forms(language).items():
        for translation in translations:
            left, right = TAG.sub("", message[-1]), TAG.sub("", translation)
            assert Counter(typed.findall(right)) == Counter(typed.findall(left)), translation


@pytest.mark.parametrize(
    ("n", "seconds"),
    [
        (0, "секунд"),
        (1, "секунду"),
        (2, "секунды"),
        (5, "секунд"),
        (11, "секунд"),
        (12, "секунд"),
        (21, "секунду"),
        (22, "секунды"),
        (111, "секунд"),
    ],
)
def test_russian_counts_as_people_do(n: int, seconds: str) -> None:
    said = texts("ru").n(
        "Please try again in {n} second.", "Please try again in {n} seconds.", n=n
    )

    assert said.plain().endswith(f" {n} {seconds}.")


def test_every_russian_plural_uses_its_form() -> None:
    t = texts("ru")
    for message, translations in forms("ru").items():
        if len(message) == 1:
            continue
        values = dict.fromkeys(fields(message[1]) - {"n"}, "x")
        for n, form in ((1, 0), (2, 1), (5, 2), (11, 2), (21, 0)):
            expected = Text(translations[form], {"n": n, **values}, "ru").plain()
            assert t.n(message[0], message[1], n=n, **values).plain() == expected


@pytest.mark.parametrize(
    ("language", "amount", "written"),
    [
        ("en", "4.2", "4.20 USD"),
        ("en", "1234.5", "1,234.50 USD"),
        ("en", "0.123456", "0.123456 USD"),
        ("ru", "4.2", "4,20 USD"),
        ("ru", "1234.5", "1\u00a0234,50 USD"),
        ("ru", "-1000000", "-1\u00a0000\u00a0000,00 USD"),
        ("ru", "0.123456", "0,123456 USD"),
    ],
)
def test_money_is_written_as_the_language_writes_it(
    language: str, amount: str, written: str
) -> None:
    text = texts(language)("{price}", price=usd(amount))

    assert text.plain() == text.html() == written


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", "22 Nov 2026, 09:05 UTC"), ("ru", "22 нояб. 2026, 09:05 UTC")],
)
def test_times_are_written_as_the_language_writes_them(language: str, written: str) -> None:
    at = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
    text = texts(language)("Checked: {at}", at=at)

    assert text.plain().endswith(f": {written}")
    assert f'<tg-time unix="{int(at.timestamp())}" format="dt">{written}</tg-time>' in text.html()
    assert parse_html(text.html())[0] == text.plain()


def test_a_language_that_the_shop_does_not_speak_is_english() -> None:
    assert texts("uk")("Sent.").plain() == "Sent."


@in_every_language
def test_a_hostile_name_stays_harmless_in_every_text(language: str) -> None:
    t = texts(language)
    for said in code().said:
        hostile: dict[str, object] = dict.fromkeys(said.passed - {"n"}, HOSTILE)
        plain: dict[str, object] = dict.fromkeys(said.passed - {"n"}, "Wanda")
        if len(said.messages) == 2:
            one, many = said.messages
            text, calm = t.n(one, many, n=5, **hostile), t.n(one, many, n=5, **plain)
        elif "n" in said.passed:
            (template,) = said.messages
            text, calm = t(template, n=5, **hostile), t(template, n=5, **plain)
        else:
            (template,) = said.messages
            text, calm = t(template, **hostile), t(template, **plain)

        shown, entities = parse_html(text.html())
        meant, usual = parse_html(calm.html())
        assert shown == meant.replace("Wanda", HARMLESS), said
        assert [each["type"] for each in entities] == [each["type"] for each in usual], said
        assert text.plain() == calm.plain().replace("Wanda", HARMLESS), said


@in_every_language
def test_a_hostile_name_is_plain_text_in_body_label_and_toast(language: str) -> None:
    t = texts(language)
    body = Screen(t("<b>Hello, {name}!</b>", name=HOSTILE)).text
    label = Button(t("🔁 {plan}", plan=HOSTILE), ShowPlan(plan=1, again=False)).label
    toast = Toast(t("{person} can buy and write again.", person=HOSTILE)).text

    shown, entities = parse_html(body)
    assert HARMLESS in shown
    assert [each["type"] for each in entities] == ["bold"]
    assert label.plain() == f"🔁 {HARMLESS}"
    assert toast.plain().startswith(HARMLESS)


def test_labels_are_plain() -> None:
    assert len(code().labels) > 50
    assert not [label for label in code().labels if TAG.search(label)]


@in_every_language
def test_labels_can_be_read_on_a_phone(language: str) -> None:
    t = texts(language)
    for label in code().labels:
        if not fields(label) and label not in _toasts():
            assert len(t(label).plain()) <= MOST_LABEL, label


@in_every_language
def test_telegram_takes_toasts_and_the_menu(language: str) -> None:
    t = texts(language)
    toasts = [t(toast, **dict.fromkeys(fields(toast), 2**63)).plain() for toast in _toasts()]
    menu = [each.plain() for each in (commands(t) | owner_commands(t)).values()]

    assert toasts
    assert all(0 < len(toast) <= MOST_TOAST for toast in toasts)
    assert all(0 < len(described) <= MOST_DESCRIBED for described in menu)


def _toasts() -> set[str]:
    """The texts that no button shows."""
    return {
        label
        for label in code().labels
        for said in code().said
        if said.messages == (label,) and said.file.startswith("handlers/")
    }


def test_every_language_has_a_word_for_buy() -> None:
    assert set(BUY) == set(LANGUAGES)


def test_each_buy_stands_on_a_button_that_says_so() -> None:
    assert code().buys
    assert {label.split()[0] if label else "" for label in code().buys} == {BUY["en"]}


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ('Button(t("Buy for {price}", price=1), Buy(plan=1))', ["Buy for {price}"]),
        ('def f(t):\n buy = Buy(plan=1)\n Button(t("Buy"), buy)', ["Buy"]),
        ('def f():\n b = Buy()\n Button(t("Buy"), b)\n Button(t("No"), b)', ["Buy", "No"]),
        ('Button(t("Look"), Buy(plan=1))', ["Look"]),
        ("Button(label, Buy(plan=1))", [""]),
        ("draw(Buy(plan=1))", [""]),
    ],
)
def test_a_buy_without_its_word_is_noticed(source: str, label: list[str]) -> None:
    assert walk(source).buys == label


@in_every_language
def test_no_other_text_begins_with_buy(language: str) -> None:
    t, begins = texts(language), re.compile(rf"{BUY[language]}\b")
    for said in code().said:
        is_buy = bool(set(said.messages) & set(code().buys))
        assert bool(begins.match(t(said.messages[0]).template)) == is_buy, said


@in_every_language
def test_on_every_screen_exactly_buy_says_buy(language: str) -> None:
    seen = set()
    for _, screen in samples(texts(language)):
        for button in (button for row in screen.rows for button in row):
            spends = isinstance(button, Button) and isinstance(button.does, Buy)
            assert button.label.plain().startswith(BUY[language]) == spends, button
            seen.add(spends)

    assert seen == {False, True}


@in_every_language
def test_customers_read_no_word_of_the_workshop(language: str) -> None:
    t = texts(language)
    read = [said for said in code().said if _is_for_customers(said)]

    assert len(read) > 150
    for said in read:
        shown = {t(said.messages[0]).template, *said.messages}
        if len(said.messages) == 2 and language != "en":
            shown |= set(forms(language)[said.messages])
        assert not [text for text in shown if WORKSHOP.search(text)], said.where


def _is_for_customers(said: Said) -> bool:
    return said.file in FOR_CUSTOMERS or (
        said.file == "screens/words.py" and said.function in WORDS_FOR_CUSTOMERS
    )


def test_what_customers_read_is_found() -> None:
    told = {said.function for said in code().said if said.file == "screens/words.py"}

    assert told >= WORDS_FOR_CUSTOMERS
    assert {said.file for said in code().said} >= set(FOR_CUSTOMERS)
