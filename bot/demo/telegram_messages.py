"""The methods that write, change and delete messages, as strict as Telegram is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.demo.telegram_chats import Chat, Chats, check_writable
from bot.demo.telegram_files import Files
from bot.demo.telegram_keyboards import Markup, read_markup
from bot.demo.telegram_texts import check_text, read_caption, read_text
from bot.demo.telegram_values import Message, Params, Person, refuse

DELETABLE_SECONDS = 48 * 3600
_ACTIONS = """
    typing upload_photo record_video upload_video record_voice upload_voice upload_document
    choose_sticker find_location record_video_note upload_video_note
"""
_REACTIONS = """
    ❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥
    🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇
    😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡
"""


class Messages:
    """Everything a bot may do to the messages of its chats."""

    def __init__(
        self,
        chats: Chats,
        files: Files,
        people: Mapping[int, Person],
        clock: Callable[[], float],
        changed: Callable[[str, int | None, int | None], None],
    ) -> None:
        self._chats = chats
        self._files = files
        self._people = people
        self._clock = clock
        self._changed = changed

    def _markup(self, given: Params, *, only_inline: bool = False) -> Markup:
        markup = given.json("reply_markup", "reply keyboard markup")
        return read_markup(markup, only_inline=only_inline)

    def _reply_to(self, given: Params, room: Chat) -> int | None:
        reply = given.object("reply_parameters", "reply parameters")
        if not reply and "reply_to_message_id" in given:
            reply = {
                "message_id": given.integer("reply_to_message_id"),
                "allow_sending_without_reply": given.flag("allow_sending_without_reply"),
            }
        if not reply:
            return None
        if "message_id" not in reply:
            refuse('can\'t find field "message_id"')
        message_id = Params(reply).integer("message_id")
        if message_id in room.messages:
            return message_id
        if not reply.get("allow_sending_without_reply"):
            refuse("message to be replied not found")
        return None

    def _post(self, given: Params, room: Chat, markup: Markup, **content: Any) -> dict[str, Any]:
        if "message_thread_id" in given:
            refuse("message thread not found")
        effect = given.text("message_effect_id")
        if effect and not (effect.isdecimal() and int(effect) < 2**63):
            refuse("EFFECT_ID_INVALID")
        reply_to = self._reply_to(given, room)
        check_writable(room)
        message = self._chats.add(room, None, reply_to=reply_to, **content)
        message.is_protected = given.flag("protect_content")
        message.effect_id = effect or None
        message.rows = markup.get("inline_keyboard", [])
        if markup and not message.rows:
            message.reply_keyboard = markup
            room.keyboard = markup if "keyboard" in markup else None
            self._changed("keyboard", room.id, None)
        self._changed("message", room.id, message.id)
        return self._chats.wire(message)

    def send_text(self, given: Params) -> dict[str, Any]:
        """The method sendMessage."""
        content = read_text(given, self._people)
        preview = given.object("link_preview_options", "link preview options")
        if not isinstance(preview.get("is_disabled", False), bool):
            refuse('field "is_disabled" must be of type Boolean')
        markup = self._markup(given)
        room = self._chats.find(given)
        check_text(content)
        return self._post(given, room, markup, **content)

    def send_file(self, given: Params, kind: str) -> dict[str, Any]:
        """The method sendPhoto or sendDocument."""
        content = read_caption(given, self._people)
        markup = self._markup(given)
        room = self._chats.find(given)
        return self._post(given, room, markup, **{kind: self._files.take(given, kind)}, **content)

    def act(self, given: Params) -> bool:
        """The method sendChatAction."""
        if given.text("action").lower() not in _ACTIONS.split():
            refuse("wrong parameter action in request")
        room = self._chats.find(given)
        check_writable(room)
        self._changed("action", room.id, None)
        return True

    def _own(self, given: Params) -> Message:
        """The message that an edit is about: the bot's own, still there, still editable."""
        room = self._chats.find(given)
        if given.integer("message_id") <= 0:
            refuse("message identifier is not specified")
        message = room.messages.get(given.integer("message_id"))
        if message is None:
            refuse("message to edit not found")
        # A message that came with a reply keyboard cannot be edited ever after.
        if not message.from_bot or message.reply_keyboard is not None:
            refuse("message can't be edited")
        # Not sure that Telegram refuses edits as well as messages here.
        check_writable(room)
        return message

    def _edit(self, message: Message, given: Params, **content: Any) -> dict[str, Any]:
        # Left out, the keyboard goes: edits name the whole message.
        rows = self._markup(given, only_inline=True).get("inline_keyboard", [])
        changed = rows != message.rows or any(
            getattr(message, name) != content[name]
            for name in ("text", "entities")
            if name in content
        )
        if not changed:
            refuse(
                "message is not modified: specified new message content and reply markup are "
                "exactly the same as a current content and reply markup of the message"
            )
        message.rows = rows
        for name, value in content.items():
            setattr(message, name, value)
        message.edited_at = int(self._clock())
        self._changed("edit", message.chat_id, message.id)
        return self._chats.wire(message)

    def edit_text(self, given: Params) -> dict[str, Any]:
        """The method editMessageText."""
        content = read_text(given, self._people)
        self._markup(given, only_inline=True)
        message = self._own(given)
        if message.is_media:
            refuse("there is no text in the message to edit")
        check_text(content)
        return self._edit(message, given, **content)

    def edit_caption(self, given: Params) -> dict[str, Any]:
        """The method editMessageCaption."""
        content = read_caption(given, self._people)
        message = self._own(given)
        if not message.is_media:
            refuse("there is no caption in the message to edit")
        return self._edit(message, given, **content)

    def edit_keyboard(self, given: Params) -> dict[str, Any]:
        """The method editMessageReplyMarkup."""
        return self._edit(self._own(given), given)

    def delete(self, given: Params) -> bool:
        """The method deleteMessage."""
        room = self._chats.find(given)
        if given.integer("message_id") <= 0:
            refuse("message identifier is not specified")
        message = room.messages.get(given.integer("message_id"))
        if message is None:
            refuse("message to delete not found")
        if not message.from_bot and room.person is None:
            refuse("message can't be deleted")
        if self._clock() - message.date > DELETABLE_SECONDS:
            refuse("message can't be deleted for everyone")
        del room.messages[message.id]
        self._changed("delete", room.id, message.id)
        return True

    def react(self, given: Params) -> bool:
        """The method setMessageReaction."""
        room = self._chats.find(given)
        message = room.messages.get(given.integer("message_id"))
        if message is None:
            refuse("message to react not found")
        reactions = given.array("reaction", "reactions")
        if len(reactions) > 1:
            refuse("REACTIONS_TOO_MANY")
        chosen = [_emoji(each) for each in reactions]
        if any(emoji not in _REACTIONS.split() for emoji in chosen):
            refuse("REACTION_INVALID")
        message.reactions = chosen
        self._changed("reaction", room.id, message.id)
        return True


def _emoji(reaction: Any) -> str:
    """The emoji of a reaction, without the selector that makes it colourful."""
    emoji = reaction.get("emoji") if isinstance(reaction, dict) else None
    return str(emoji).replace("\ufe0f", "")
