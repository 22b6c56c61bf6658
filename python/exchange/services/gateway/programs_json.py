"""JSON that programs send, read into types: a decimal is a string, and an object has each name once."""

from __future__ import annotations

import functools
import json
from typing import Any, Final

import msgspec

from exchange.client.rest.models import DecimalText
from exchange.errors import GatewayFault
from exchange.services.gateway.refusal import Refusal


class NotRead(ValueError):
    """It is no JSON, or not of its type; the message says what is wrong."""


def read_json(kind: Any, content: bytes | str) -> Any:
    """What a program sent, as a value of a type or of a union.

    Raises:
        NotRead: It is none.
        Refusal: MUST_BE_STRING.
    """
    try:
        found = _decoder(kind).decode(content)
        # Of two values the decoder takes the last one; another reader of the same bytes may take the first.
        text = content if isinstance(content, str) else content.decode("utf-8")
        _NAMES.raw_decode(text.lstrip())  # that nothing is behind it, the decoder has seen
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise NotRead(str(error)) from None
    return found


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, dec_hook=_decimal_text)


def _decimal_text(kind: type, value: Any) -> Any:
    """What msgspec asks about types that it does not know."""
    if kind is not DecimalText:
        raise TypeError(f"{kind.__name__} is not read from JSON")
    if not isinstance(value, str):
        raise Refusal(GatewayFault.MUST_BE_STRING)
    return DecimalText(value)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise NotRead("a name is there twice in one object")


_NAMES: Final = json.JSONDecoder(object_pairs_hook=_once)
