"""What a program sends on a stream, read: one JSON object a frame, or a word and an object."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from exchange.client.rest import streams as s
from exchange.errors import GatewayFault
from exchange.services.gateway.programs_json import NotRead, read_json
from exchange.services.gateway.refusal import Refusal

_OPS: Final = frozenset(each.__struct_config__.tag for each in s.ASKED)
_WORDED: Final = re.compile(r"\s*([A-Z_]{1,16})\s*(?:\{(.*)\}\s*)?", re.DOTALL)


class Head(msgspec.Struct):
    """What of a frame is looked at where it is not right."""

    op: Any = None
    id: Any = ""


class NoFrame(Refusal):
    """It is no frame at all: those who send many of them are closed."""


def read(text: str) -> s.Asked:
    """A frame.

    Raises:
        NoFrame: It is none.
        Refusal: UNKNOWN_OP, INVALID_BODY, MUST_BE_STRING; `details` has its id, if it has one.
    """
    worded = _WORDED.fullmatch(text)
    if worded is not None:
        rest = (worded[2] or "").strip()
        text = f'{{"op":"{worded[1]}"{"," if rest else ""}{rest}}}'
    try:
        frame: s.Asked = read_json(s.Asked, text)
    except NotRead as error:
        raise _refusal_of(text, error) from None
    return frame


def id_of(text: str) -> str:
    """The id of a frame that is not right; empty where it has none."""
    try:
        found = msgspec.json.decode(text, type=Head).id
    except (msgspec.DecodeError, RecursionError):
        return ""
    return found if isinstance(found, str) and len(found) <= 64 else ""


def _refusal_of(text: str, error: Exception) -> Refusal:
    try:
        head = msgspec.json.decode(text, type=Head)
    except (msgspec.DecodeError, RecursionError):
        return NoFrame(GatewayFault.INVALID_BODY, "a frame is a JSON object with op")
    if not isinstance(head.op, str):
        return NoFrame(GatewayFault.INVALID_BODY, "a frame is a JSON object with op")
    if head.op not in _OPS:
        return Refusal(GatewayFault.UNKNOWN_OP, details={"op": head.op[:64]})
    return Refusal(GatewayFault.INVALID_BODY, str(error))
