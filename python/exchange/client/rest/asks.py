"""A request to the gateway before it is sent, and how decimals and times get into it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from exchange.client.rest.models import Asked, DecimalText

T = TypeVar("T")
Amount: TypeAlias = Decimal | str
"""A decimal as a program says it. Floats and ints are refused: a float was rounded, an int may mean ticks."""
IDEMPOTENCY_HEADER: Final = "idempotency-key"
_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class Paged(Protocol):
    """A page of a list."""

    next_cursor: str | None


P = TypeVar("P", bound=Paged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[T]):
    """One request.

    Args:
        method: Of HTTP.
        path: Of the route, with names in braces.
        answers: The type of the answer.
        named: What stands for the names of the path.
        query: Parameters; those that say what would be so anyway are left out.
        body: What is sent.
        own: What names a write, so that it is done once however often it is sent.
        headers: Further ones.
        public: Nobody has to sign it.
        cancels: It is paid from the budgets of cancels.
        again: It may be sent again: a read, or a write with a name.
    """

    method: str
    path: str
    answers: type[T]
    named: Mapping[str, str] = field(default_factory=dict)
    query: Asked | None = None
    body: Asked | None = None
    own: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    public: bool = False
    cancels: bool = False
    again: bool = True

    @property
    def route(self) -> str:
        """As the gateway's table, logs and metrics name it."""
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def target(self) -> str:
        """Path with query."""
        path = re.sub(r"{(\w+)}", lambda found: quote(self.named[found[1]], safe=""), self.path)
        query = {} if self.query is None else msgspec.to_builtins(self.query, enc_hook=str)
        said = {name: _word(value) for name, value in query.items() if value is not None}
        return f"{path}?{urlencode(said, quote_via=quote)}" if said else path

    @property
    def content(self) -> bytes:
        """The body as JSON; empty where there is none."""
        return b"" if self.body is None else _encode(self.body)


def after(ask: Ask[P], cursor: str) -> Ask[P]:
    """The same for the page that begins there.

    Raises:
        TypeError: What is asked for has no pages.
    """
    if ask.query is None or "cursor" not in ask.query.__struct_fields__:
        raise TypeError(f"{ask.route} has no pages")
    return replace(ask, query=msgspec.structs.replace(ask.query, cursor=cursor))


def decimal_text(name: str, value: Amount | None) -> DecimalText | None:
    """A decimal as it is sent; None where none was said.

    Raises:
        TypeError: It is neither a Decimal nor a str.
        ValueError: It is no number.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return DecimalText(value)
    if not isinstance(value, Decimal):
        raise TypeError(f"{name} is a Decimal or a str, not {type(value).__name__}")
    if not value.is_finite():
        raise ValueError(f"{name} is a number, not {value}")
    return DecimalText(f"{value:f}")


def needed_decimal(name: str, value: Amount) -> DecimalText:
    """Likewise, where there has to be one."""
    text = decimal_text(name, value)
    if text is None:
        raise TypeError(f"{name} is a Decimal or a str")
    return text


def time_text(name: str, value: datetime | str | None) -> str | None:
    """A time as it is sent.

    Raises:
        ValueError: It has no zone.
    """
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError(f"{name} needs a zone: {value}")
    return value.isoformat()


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
