"""Text as Telegram reads it: HTML in, plain text and entities out."""

import html
import re
from typing import Any, NoReturn

Entity = dict[str, Any]

# As in TDLib, whose scanner also stops at the end of the text: hence the NUL.
_SPACE = b" \t\r\n\0\v"
_PLAIN_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
_TAGS = {*_PLAIN_TAGS, "a", "code", "pre", "blockquote", "tg-emoji", "tg-time"}
# The attribute of each tag that means something; any other is read and forgotten.
_ATTRIBUTES = {
    "a": {"href"},
    "code": {"class"},
    "span": {"class"},
    "blockquote": {"expandable"},
    "tg-emoji": {"emoji-id"},
    "tg-time": {"unix", "format"},
}
_REFERENCE = re.compile(rb"&(?:#x([0-9a-fA-F]*)|#([0-9]*)|(lt|gt|amp|quot)(?![A-Za-z]));?")
_NAMED = {b"lt": "<", b"gt": ">", b"amp": "&", b"quot": '"'}
_TOKEN = re.compile(rb"[A-Za-z0-9.-]*")
_DATE_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")
_MOST_ENTITIES = 100

_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]+[^\s<>\".,:;!?)\]'])"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,})"
    r"|(?<![\w/])(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?)(?![\w/])"
    r"|(?<!\w)(?P<mention>@[A-Za-z]\w{2,31})\b"
    r"|(?<!\w)(?P<hashtag>\#(?=\w*[^\W\d])\w{1,256})\b"
)

_RENDERED = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "spoiler": "tg-spoiler",
    "code": "code",
    "blockquote": "blockquote",
}


class BadMarkup(Exception):
    """Telegram would refuse this text; the words are what follows "can't parse entities: "."""


class BadLink(Exception):
    """Telegram would refuse this link; the words are the ones it ends its refusal with."""


def units(text: str) -> int:
    """The length Telegram counts in: UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, offset: int, length: int) -> str:
    """The part of a text that an entity covers."""
    wide = text.encode("utf-16-le", "surrogatepass")
    return wide[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")


def checked_link(link: str) -> str:
    """The link as Telegram stores it, or BadLink."""
    scheme, found, rest = link.strip().partition("://")
    if not found:
        scheme, rest = "http", scheme
    scheme = scheme.lower()
    if scheme in ("tg", "ton", "tonsite"):
        return f"{scheme}://{rest}"
    if scheme not in ("http", "https"):
        _no_link("Unsupported URL protocol")
    end = re.search(r"[/?#]|$", rest)
    authority = rest[: end.start()] if end else rest
    path = rest[len(authority) :]
    host = authority.rpartition("@")[2].partition(":")[0]
    if not host:
        _no_link("URL host is empty")
    if "." not in host.strip(".") or re.search(r"[\s<>\"]", rest):
        _no_link("Wrong HTTP URL")
    return f"{scheme}://{authority}{'' if path.startswith('/') else '/'}{path}"


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """Plain text and entities of a text sent with parse_mode HTML, or BadMarkup.

    Offsets count UTF-16 code units, offsets in refusals bytes, as with Telegram. Entities
    that may not contain each other (bold inside code) are kept, which Telegram does not.
    """
    return _Scanner(source).read()


def tidy(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Without control characters and without white space around, as Telegram stores it.

    At the front only white space before the first entity goes, as in TDLib.
    """
    # One character each time, so that the offsets of the entities stay true.
    text = re.sub(r"[\x00-\x09\x0b-\x1f]", " ", text)
    kept = text.rstrip(" \n")
    end = units(kept)
    front = len(kept) - len(kept.lstrip(" \n"))
    if entities:
        front = min(front, min(entity["offset"] for entity in entities))
    moved = []
    for entity in entities:
        start = entity["offset"] - front
        length = min(entity["offset"] + entity["length"], end) - entity["offset"]
        if length > 0:
            moved.append({**entity, "offset": start, "length": length})
    return kept[front:], moved[:_MOST_ENTITIES]


def find_entities(text: str, given: list[Entity]) -> list[Entity]:
    """The given entities and those which Telegram finds itself: commands, links and the like."""
    taken = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in given
        if entity["type"] in ("code", "pre", "text_link", "text_mention", "date_time")
    ]
    found = []
    for match in _FOUND.finditer(text):
        kind = match.lastgroup
        start = units(text[: match.start()])
        length = units(match[0])
        if not any(start < end and begin < start + length for begin, end in taken):
            found.append({"type": kind, "offset": start, "length": length})
    return _sorted([*given, *found])[:_MOST_ENTITIES]


def render_html(text: str, entities: list[Entity]) -> str:
    """HTML made anew from text and entities: balanced, escaped, of known tags only."""
    return _render(text, _sorted(entities), 0, units(text))


def _refuse(problem: str) -> NoReturn:
    raise BadMarkup(problem)


def _no_link(problem: str) -> NoReturn:
    raise BadLink(problem)


def _sorted(entities: list[Entity]) -> list[Entity]:
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _render(text: str, entities: list[Entity], start: int, end: int) -> str:
    out = []
    at = start
    while entities:
        outer, *entities = entities
        first, last = outer["offset"], min(outer["offset"] + outer["length"], end)
        if first < at or last <= first:
            continue
        inner = [each for each in entities if each["offset"] < last]
        entities = [each for each in entities if each["offset"] >= last]
        opening, closing = _rendered_tags(outer, cut(text, first, last - first))
        out.append(html.escape(cut(text, at, first - at), quote=False))
        out.append(f"{opening}{_render(text, inner, first, last)}{closing}")
        at = last
    out.append(html.escape(cut(text, at, end - at), quote=False))
    return "".join(out)


def _rendered_tags(entity: Entity, covered: str) -> tuple[str, str]:
    match entity:
        case {"type": "pre", "language": language}:
            name = html.escape(f"language-{language}")
            return f'<pre><code class="{name}">', "</code></pre>"
        case {"type": "pre"}:
            return "<pre>", "</pre>"
        case {"type": "expandable_blockquote"}:
            return "<blockquote expandable>", "</blockquote>"
        case {"type": "text_link", "url": url}:
            return f'<a href="{html.escape(url)}">', "</a>"
        case {"type": "url"}:
            return f'<a href="{html.escape(covered)}">', "</a>"
        case {"type": "custom_emoji", "custom_emoji_id": emoji}:
            return f'<tg-emoji emoji-id="{html.escape(emoji)}">', "</tg-emoji>"
        case {"type": "date_time", "unix_time": unix, **more}:
            style = html.escape(more.get("date_time_format", ""))
            return f'<tg-time unix="{unix}" format="{style}">', "</tg-time>"
        case {"type": kind} if kind in _RENDERED:
            return f"<{_RENDERED[kind]}>", f"</{_RENDERED[kind]}>"
        case _:
            return "", ""


class _Scanner:
    """One pass over the bytes, because Telegram names byte offsets in its refusals."""

    def __init__(self, source: str) -> None:
        self._raw = source.encode("utf-8", "surrogatepass").replace(b"\0", b" ")
        self._at = 0
        self._out: list[str] = []
        self._units = 0
        self._open: list[tuple[str, dict[str, str], int, int]] = []
        self._entities: list[Entity] = []

    def read(self) -> tuple[str, list[Entity]]:
        while self._at < len(self._raw):
            if self._peek() == b"<":
                if self._raw[self._at + 1 : self._at + 2] == b"/":
                    self._end_tag()
                else:
                    self._start_tag()
            else:
                self._write(self._reference() or self._plain())
        if self._open:
            _refuse(f'Can\'t find end tag corresponding to start tag "{self._open[-1][0]}"')
        for entity in self._entities:
            if entity["type"] == "code":
                entity.pop("language", None)
        return self._text(), _sorted(self._entities)

    def _text(self) -> str:
        try:
            wide = "".join(self._out).encode("utf-16-le", "surrogatepass")
            return wide.decode("utf-16-le")
        except UnicodeDecodeError:
            _refuse(
                "Text contains invalid Unicode characters after decoding HTML entities, "
                "check for unmatched surrogate code units"
            )

    def _peek(self) -> bytes:
        return self._raw[self._at : self._at + 1] or b"\0"

    def _skip(self, *, of: bytes) -> None:
        while self._at < len(self._raw) and self._peek() in of:
            self._at += 1

    def _take_until(self, stop: bytes) -> str:
        begin = self._at
        while self._at < len(self._raw) and self._peek() not in stop:
            self._at += 1
        return self._raw[begin : self._at].decode("utf-8", "replace")

    def _write(self, text: str) -> None:
        self._out.append(text)
        self._units += units(text)

    def _plain(self) -> str:
        begin = self._at
        self._at += 1
        while self._at < len(self._raw) and self._peek() not in b"&<":
            self._at += 1
        return self._raw[begin : self._at].decode("utf-8", "surrogatepass")

    def _reference(self) -> str:
        """The character meant by `&lt;` and the like; nothing for a stray ampersand."""
        match = _REFERENCE.match(self._raw, self._at)
        if match is None:
            return ""
        hexadecimal, decimal, name = match.groups()
        if name is not None:
            self._at = match.end()
            return _NAMED[name]
        digits = hexadecimal if hexadecimal is not None else decimal
        length = len(match[0].rstrip(b";"))
        code = int(digits or b"0", 16 if hexadecimal is not None else 10) if length < 10 else 0
        if not 0 < code < 0x10FFFF:
            return ""
        self._at = match.end()
        return chr(code)

    def _start_tag(self) -> None:
        begin = self._at
        self._at += 1
        tag = self._take_until(_SPACE + b">").lower()
        if self._at >= len(self._raw):
            _refuse(f"Unclosed start tag at byte offset {begin}")
        if tag not in _TAGS:
            _refuse(f'Unsupported start tag "{tag}" at byte offset {begin}')
        attributes: dict[str, str] = {}
        while self._peek() != b">":
            self._skip(of=_SPACE)
            if self._peek() == b">":
                break
            name, value = self._attribute(tag, begin)
            if name in _ATTRIBUTES.get(tag, ()):
                attributes[name] = value
        self._at += 1
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            _refuse(f'Tag "span" must have class "tg-spoiler" at byte offset {begin}')
        self._open.append((tag, attributes, self._units, len(self._out)))

    def _attribute(self, tag: str, begin: int) -> tuple[str, str]:
        name = self._take_until(_SPACE + b"=>/\"'")
        if not name:
            _refuse(f'Empty attribute name in the tag "{tag}" at byte offset {begin}')
        self._skip(of=_SPACE)
        if self._peek() == b"=":
            self._at += 1
            self._skip(of=_SPACE)
        elif self._at < len(self._raw):
            return name, "1"
        if self._at >= len(self._raw):
            _refuse(f'Unclosed start tag "{tag}" at byte offset {begin}')
        quote = self._peek()
        value = self._quoted(quote) if quote in (b'"', b"'") else self._token()
        if self._at >= len(self._raw):
            _refuse(f"Unclosed start tag at byte offset {begin}")
        return name, value

    def _token(self) -> str:
        begin = self._at
        match = _TOKEN.match(self._raw, begin)
        self._at = match.end() if match else begin
        if self._peek() not in _SPACE + b">":
            _refuse(f"Unexpected end of name token at byte offset {begin}")
        return self._raw[begin : self._at].decode().lower()

    def _quoted(self, quote: bytes) -> str:
        self._at += 1
        value = []
        while self._at < len(self._raw) and self._peek() != quote:
            value.append(self._reference() or self._take_one() + self._take_until(b"&" + quote))
        if self._at < len(self._raw):
            self._at += 1
        return "".join(value)

    def _take_one(self) -> str:
        """An ampersand that means nothing, or the empty string before other text."""
        if self._peek() != b"&":
            return ""
        self._at += 1
        return "&"

    def _end_tag(self) -> None:
        begin = self._at
        if not self._open:
            _refuse(f"Unexpected end tag at byte offset {begin}")
        self._at += 2
        found = self._take_until(_SPACE + b">").lower()
        self._skip(of=_SPACE)
        if self._peek() != b">":
            _refuse(f"Unclosed end tag at byte offset {begin}")
        self._at += 1
        tag, attributes, offset, piece = self._open.pop()
        if found not in ("", tag):
            _refuse(
                f"Unmatched end tag at byte offset {begin}, "
                f'expected "</{tag}>", found "</{found}>"'
            )
        if self._units > offset:
            span = {"offset": offset, "length": self._units - offset}
            self._close(tag, attributes, span, "".join(self._out[piece:]))

    def _close(self, tag: str, given: dict[str, str], span: Entity, covered: str) -> None:
        if tag in _PLAIN_TAGS:
            self._entities.append({"type": _PLAIN_TAGS[tag], **span})
        elif tag == "blockquote":
            kind = "expandable_blockquote" if "expandable" in given else "blockquote"
            self._entities.append({"type": kind, **span})
        elif tag == "a":
            # A link that is none is dropped without a word: the text stays.
            try:
                self._entities.append(
                    {
                        "type": "text_link",
                        **span,
                        "url": checked_link(given.get("href") or covered),
                    }
                )
            except BadLink:
                return
        elif tag == "tg-emoji":
            number = given.get("emoji-id", "")
            if not re.fullmatch(r"-?[0-9]{1,19}", number) or not 0 < abs(int(number)) < 2**63:
                _refuse("Invalid custom emoji identifier specified")
            self._entities.append({"type": "custom_emoji", **span, "custom_emoji_id": number})
        elif tag == "tg-time":
            self._entities.append({"type": "date_time", **span, **_date_time(given)})
        else:
            self._close_code(tag, given, span)

    def _close_code(self, tag: str, given: dict[str, str], span: Entity) -> None:
        """Code right inside pre, or pre right inside code, is one block with a language."""
        last = self._entities[-1] if self._entities else {}
        same = last.get("offset") == span["offset"] and last.get("length") == span["length"]
        kind = given.get("class", "")
        language = kind.removeprefix("language-") if kind.startswith("language-") else ""
        if tag == "pre" and same and last["type"] == "code" and "language" in last:
            last["type"] = "pre"
        elif tag == "code" and same and last["type"] == "pre" and language:
            last["language"] = language
        elif tag == "code" and language:
            self._entities.append({"type": "code", **span, "language": language})
        else:
            self._entities.append({"type": tag, **span})


def _date_time(given: dict[str, str]) -> Entity:
    # Bot API 9.5 documents the tag but not the words of its refusals: these are ours.
    unix, style = given.get("unix", ""), given.get("format", "")
    if not re.fullmatch(r"-?[0-9]{1,10}", unix):
        _refuse("Invalid date specified")
    if not _DATE_TIME_FORMAT.fullmatch(style):
        _refuse("Invalid date-time format specified")
    return {"unix_time": int(unix), **({"date_time_format": style} if style else {})}
