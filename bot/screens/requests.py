"""What an owner previews, and confirms or drops."""

from __future__ import annotations

from bot.callbacks import Confirm, Drop
from bot.domain.requests import RequestId
from bot.i18n import Text, Texts
from bot.screens.base import Button, Row, Screen, Style, to_home, to_shop


def dropped(t: Texts) -> Screen:
    """A preview that was forgotten."""
    return Screen(t("Dropped. Nothing was changed."), ((*to_shop(t), *to_home(t)),))


def confirm_or_drop(yes: Text, no: Text, request: RequestId) -> Row:
    """The last row of a preview; the request is done once, however often it is tapped."""
    return (
        Button(no, Drop(request=request)),
        Button(yes, Confirm(request=request), Style.SUCCESS),
    )
