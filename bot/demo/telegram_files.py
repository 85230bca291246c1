"""Files that a bot has sent, kept under their ids."""

import re
import struct
from typing import Any

from bot.demo.telegram_values import Params, UploadedFile, refuse

_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_LARGEST = {"photo": 10_000_000, "document": 50_000_000}


class Files:
    """Takes files as photos or documents and hands them out again by id and path."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, UploadedFile]] = {}

    def at(self, path: str) -> UploadedFile | None:
        """The file at a path that getFile named."""
        return next((file for known, file in self._files.values() if known == path), None)

    def get(self, file_id: str) -> UploadedFile | None:
        """The file of this id."""
        return self._files[file_id][1] if file_id in self._files else None

    def take(self, given: Params, kind: str) -> Any:
        """What a message says of its photo or document, new or sent before."""
        file_id, file = self._taken(given, kind)
        known = _about(file_id, file)
        if kind == "photo":
            width, height = _dimensions(file.data)
            return [{**known, "width": width, "height": height}]
        return {**known, "file_name": file.name, "mime_type": file.content_type}

    def find(self, given: Params) -> dict[str, Any]:
        """The method getFile."""
        file_id = given.text("file_id")
        if file_id not in self._files:
            refuse("invalid file_id")
        path, file = self._files[file_id]
        return {**_about(file_id, file), "file_path": path}

    def _taken(self, given: Params, kind: str) -> tuple[str, UploadedFile]:
        value = given.text(kind)
        file = given.files.get(value.removeprefix("attach://") if value else kind)
        if file is None and value in self._files:
            return value, self._files[value][1]
        if file is None and value:
            # Telegram would fetch a URL; this one never leaves the machine.
            refuse("wrong file identifier/HTTP URL specified")
        if file is None:
            refuse(f"there is no {kind} in the request")
        if not file.data:
            refuse("file must be non-empty")
        if len(file.data) > _LARGEST[kind]:
            refuse("", 413)
        if kind == "photo":
            _dimensions(file.data)
        number = len(self._files) + 1
        suffix = re.search(r"\.\w{1,8}$", file.name)
        file_id = f"BQACAgIAAxkD{number:012d}"
        self._files[file_id] = (f"{kind}s/file_{number}{suffix[0] if suffix else ''}", file)
        return file_id, file


def picture_type(data: bytes) -> str | None:
    """The media type of a picture by its first bytes; None for anything else."""
    return next((kind for first, kind in _PICTURES.items() if data.startswith(first)), None)


def _about(file_id: str, file: UploadedFile) -> dict[str, Any]:
    return {"file_id": file_id, "file_unique_id": file_id[-12:], "file_size": len(file.data)}


def _dimensions(image: bytes) -> tuple[int, int]:
    """Width and height of a PNG; those of other images are not looked up."""
    if image.startswith(b"\x89PNG\r\n\x1a\n") and len(image) >= 24:
        width, height = struct.unpack(">II", image[16:24])
        if width + height > 10_000 or max(width, height) > 20 * min(width, height):
            refuse("PHOTO_INVALID_DIMENSIONS")
        return width, height
    if picture_type(image) is None:
        refuse("IMAGE_PROCESS_FAILED")
    return 800, 600
