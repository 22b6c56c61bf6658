"""The enums and the reject codes of Python are those of the C++ headers."""

import re
from enum import IntEnum, IntFlag
from pathlib import Path

import pytest

import cmatch
from cmatch import reject_page

ROOT = Path(__file__).parents[2]
HEADERS = "\n".join(
    (ROOT / "src" / "cmatch" / name).read_text()
    for name in ("types.hpp", "command.hpp", "event.hpp", "views.hpp")
)
FLAGS = {"OrderFlag": "k", "CommandField": "kHas", "DefinitionField": "kHas", "EventField": "kEvent"}


def cpp_enum(name: str) -> dict[str, int]:
    """The members of an enum as the headers have them: C++ name -> number."""
    found = re.search(rf"enum (?:class )?{name} : std::uint\d+_t {{(.*?)}};", HEADERS, re.DOTALL)
    assert found is not None
    return {
        member: int(base) << int(shift or 0)
        for member, base, shift in re.findall(r"(\w+) = (\d+)(?: << (\d+))?,?", found[1])
    }


def upper_snake(name: str) -> str:
    """DisplayQty -> DISPLAY_QTY."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


@pytest.mark.parametrize(
    "enum",
    [
        cmatch.BandMode,
        cmatch.CancelReason,
        cmatch.CommandKind,
        cmatch.EventKind,
        cmatch.L3Action,
        cmatch.OrderPlace,
        cmatch.OrderType,
        cmatch.Peg,
        cmatch.Phase,
        cmatch.RejectCode,
        cmatch.Side,
        cmatch.StopWrongSide,
        cmatch.StpMode,
        cmatch.TimeInForce,
        cmatch.TriggerSource,
    ],
)
def test_enum_of_python_equals_the_header(enum: type[IntEnum]) -> None:
    """Names in upper case, numbers alike; a `none` that is the absence of a member is left out."""
    expected = {name.upper(): number for name, number in cpp_enum(enum.__name__).items()}
    if enum is not cmatch.StpMode:
        expected.pop("NONE", None)
    assert {name: member.value for name, member in enum.__members__.items()} == expected


@pytest.mark.parametrize(
    "enum", [cmatch.OrderFlag, cmatch.CommandField, cmatch.DefinitionField, cmatch.EventField]
)
def test_flags_of_python_equal_the_header(enum: type[IntFlag]) -> None:
    """The bits of `flags` and `present` alike."""
    prefix = FLAGS[enum.__name__]
    expected = {upper_snake(name.removeprefix(prefix)): bit for name, bit in cpp_enum(enum.__name__).items()}
    assert {name: member.value for name, member in enum.__members__.items()} == expected


def test_order_status_equals_the_binding() -> None:
    """The numbers that the binding writes are those of OrderStatus."""
    source = (ROOT / "bindings" / "shared" / "outcome.hpp").read_text()
    found = re.search(r"enum class OrderStatus : std::uint8_t {(.*?)};", source, re.DOTALL)
    assert found is not None
    numbers = {
        name.replace("fresh", "new").upper(): int(n) for name, n in re.findall(r"(\w+) = (\d+)", found[1])
    }
    assert numbers == {name: member.value for name, member in cmatch.OrderStatus.__members__.items()}


def test_word_prints_as_the_word_it_is() -> None:
    """Str and format give the word that an argument takes, repr the member."""
    side = cmatch.Side.BUY
    assert (str(side), f"{side:>4}", repr(side), side == 1) == ("buy", " buy", "Side.BUY", True)
    assert str(cmatch.OrderFlag.POST_ONLY | cmatch.OrderFlag.HIDDEN) == "post_only|hidden"
    assert str(cmatch.OrderFlag(0)) == "none"
    assert (
        f"{cmatch.RejectCode.WOULD_CROSS!r} {cmatch.RejectCode.WOULD_CROSS}"
        == "RejectCode.WOULD_CROSS would_cross"
    )


def test_order_status_has_the_fix_value() -> None:
    """OrdStatus (39) of each status; ACCEPTED is of no order."""
    values = {status.name: status.fix for status in cmatch.OrderStatus}
    assert values == {
        "NEW": "0",
        "PARTIALLY_FILLED": "1",
        "FILLED": "2",
        "CANCELED": "4",
        "REJECTED": "8",
        "EXPIRED": "C",
        "ACCEPTED": None,
    }


def test_reject_code_row_is_whole() -> None:
    """Every code has a sentence of its own, an HTTP status of a refusal, and FIX reasons that FIX has."""
    codes = list(cmatch.RejectCode)
    assert len({code.meaning for code in codes}) == len(codes)
    assert all(code.meaning.endswith(".") for code in codes)
    assert {code.http_status for code in codes} <= {400, 401, 403, 404, 409, 410, 413, 422, 429, 503}
    assert {code.fix_reason for code in codes} <= {*range(19), 99}
    assert {code.fix_cancel_reason for code in codes} <= {*range(9), 18, 99}
    assert cmatch.RejectCode.PRICE_BAND.transient
    assert not cmatch.RejectCode.INVALID_QTY.transient


def test_reject_page_is_current() -> None:
    """docs/rejects.md is what `python -m cmatch.reject_page` prints."""
    assert (ROOT / "docs" / "rejects.md").read_text() == reject_page.markdown()
