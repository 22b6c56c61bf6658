"""The schemas: what is made from them is current, they only ever grow, and everybody has the same words."""

import copy
import dataclasses
import json
import re
import types
import typing
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from exchange.domain import enums, messages, queries
from exchange.domain.contracts import SERVICES
from exchange.domain.enums import CommandList, FrameFault, ReportList
from exchange.schema import description, generate, lock
from exchange.schema.codec import describe
from exchange.schema.description import camel, snake
from exchange.schema.layout_header import layout_header
from tests.wire.strategies import contract_messages

ROOT = Path(__file__).parents[2]
MESSAGES = [
    *messages.COMMANDS.values(),
    *messages.REPORTS.values(),
    *queries.QUERIES,
    *queries.QUERIES.values(),
    *contract_messages(),
]


@pytest.mark.req("A053", "E010")
def test_products_of_the_schemas_are_current() -> None:
    """All schemas are compiled; the header, the lock and the page are what the generator would write."""
    stale = [name for name, text in generate.products().items() if (ROOT / name).read_text("utf-8") != text]
    assert stale == []


@pytest.mark.req("E010")
def test_check_of_the_generator_passes_and_fails(tmp_path: Path) -> None:
    """Exit code 1 where a product is missing, 0 where all are there."""
    assert generate.main(["--check"]) == 0
    for name in generate.products():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    assert generate.main(["--check", "--root", str(tmp_path)]) == 1
    assert generate.main(["--root", str(tmp_path)]) == 0
    assert generate.main(["--check", "--root", str(tmp_path)]) == 0


def test_every_id_of_the_schemas_is_explicit_and_its_own() -> None:
    """No id depends on a name, and none is used twice."""
    for path in description.paths():
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^@0x[89a-f][0-9a-f]{15};$", text, re.MULTILINE), path
        assert re.findall(r"^\s*(?:struct|enum) \w+ (?!@0x[89a-f][0-9a-f]{15} \{$)", text, re.MULTILINE) == []
    files = describe()
    ids = [file.id for file in files]
    ids += [struct.id for file in files for struct in file.structs]
    ids += [enum.id for file in files for enum in file.enums]
    assert len(set(ids)) == len(ids)


def test_every_enum_of_the_schemas_starts_with_nothing() -> None:
    """Zero is `unset`; self-trade prevention alone has a mode there, and it is `none`."""
    first = {enum.name: enum.members[0] for file in describe() for enum in file.enums}
    assert first.pop("StpMode") == "none"
    assert set(first.values()) == {"unset"}


def changed(edit: typing.Callable[[dict[str, Any]], object]) -> list[str]:
    """What the lock says of an edit of the schemas."""
    old = lock.lock_of(describe())
    new = copy.deepcopy(old)
    edit(new)
    return lock.changes(old, new)


ORDERS = "orders/orders.capnp"
VERDICTS = "stages/stages.capnp"


def name_reserved(new: dict[str, Any], field: list[object]) -> None:
    """Gives what was reserved in a verdict a name."""
    fields = new[VERDICTS]["structs"]["Verdict"]["fields"]
    del fields["reserved"]
    fields["named"] = field


@pytest.mark.req("E010")
@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda new: new.pop(ORDERS), f"{ORDERS} is gone"),
        (lambda new: new[ORDERS].update(id="0x8"), f"{ORDERS}/id was"),
        (lambda new: new[ORDERS]["structs"].pop("OrderCommand"), f"{ORDERS}/structs/OrderCommand is gone"),
        (
            lambda new: new[ORDERS]["structs"]["OrderCommand"]["fields"].pop("qty"),
            f"{ORDERS}/structs/OrderCommand/fields/qty is gone",
        ),
        (
            lambda new: new[ORDERS]["structs"]["OrderCommand"]["fields"].update(
                qty=[9, "UInt64", 256, None, 0]
            ),
            f'{ORDERS}/structs/OrderCommand/fields/qty was [9, "Int64", 256, null, 0] and is',
        ),
        (
            lambda new: new[VERDICTS]["structs"]["Verdict"]["fields"].pop("reserved"),
            f"{VERDICTS}/structs/Verdict/fields/reserved is gone",
        ),
        (
            lambda new: name_reserved(new, [3, "UInt32", 48, None, 0]),
            f"{VERDICTS}/structs/Verdict/fields/reserved is gone",
        ),
        (
            lambda new: new[ORDERS]["enums"]["Side"]["members"].update(buy=2, sell=1),
            f"{ORDERS}/enums/Side/members/buy was 1 and is 2",
        ),
    ],
)
def test_lock_refuses_every_change_that_is_no_addition(
    edit: typing.Callable[[dict[str, Any]], object], sentence: str
) -> None:
    """Something gone, another id, another type, another number."""
    assert any(found.startswith(sentence) for found in changed(edit))


@pytest.mark.req("E010")
def test_lock_allows_additions() -> None:
    """New files, structs, fields, enums and members; a name for what was reserved, in its place."""

    def grow(new: dict[str, Any]) -> None:
        new["new/new.capnp"] = {"id": "0x9", "structs": {}, "enums": {}}
        new[ORDERS]["structs"]["New"] = {"id": "0x9", "tags": None, "fields": {}}
        new[ORDERS]["structs"]["OrderCommand"]["fields"]["added"] = [40, "UInt64", 2048, None, 0]
        new[ORDERS]["enums"]["Side"]["members"]["both"] = 3
        name_reserved(new, [3, "enum stages.Judge", 48, None, 0])

    assert changed(grow) == []


def test_generator_refuses_to_break_a_promise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A lock that the schemas contradict is never overwritten."""
    promised = json.loads(generate.LOCK.read_text(encoding="utf-8"))
    promised[ORDERS]["structs"]["OrderCommand"]["fields"]["gone"] = [40, "UInt64", 2048, None, 0]
    path = tmp_path / "lock.json"
    path.write_text(json.dumps(promised), encoding="utf-8")
    monkeypatch.setattr(generate, "LOCK", path)
    assert generate.main(["--root", str(tmp_path)]) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pointers": 1}, "has pointers"),
        ({"tags": 4}, "has a union or group"),
        ({"words": 33}, "ends with bits that no field names"),
        ({"default": 1}, "a default that is not zero"),
        ({"offset": 8}, "not behind the one before"),
        ({"bits": 1}, "not whole bytes"),
    ],
)
def test_layout_of_a_struct_that_is_no_record_is_refused(change: dict[str, Any], message: str) -> None:
    """Rather than a header that says something else than the schema."""
    files = list(describe())
    at = next(at for at, file in enumerate(files) if file.domain == "orders")
    (struct,) = files[at].structs
    if change.keys() <= {"default", "offset", "bits"}:
        first = dataclasses.replace(struct.fields[0], **change)
        struct = dataclasses.replace(struct, fields=(first, *struct.fields[1:]))
    else:
        struct = dataclasses.replace(struct, **change)
    files[at] = dataclasses.replace(files[at], structs=(struct,))
    comments = {
        name: found for path in description.paths() for name, found in description.comments(path).items()
    }
    with pytest.raises(ValueError, match=message):
        layout_header(tuple(files), comments)


ENUMS = [enum for file in describe() for enum in file.enums if file.domain != "bus"]


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: str(enum.name))
def test_words_of_python_are_those_of_the_schema(enum: description.EnumDescription) -> None:
    """Same names, same numbers; 0 is no member where it means nothing."""
    words: type[IntEnum] = getattr(enums, enum.name)
    known = {snake(name): number for number, name in enumerate(enum.members) if name != "unset"}
    assert {member.name.lower(): int(member) for member in words} == known


@pytest.mark.parametrize(("words", "root"), [(CommandList, "CommandFrame"), (ReportList, "ReportFrame")])
def test_lists_of_python_are_the_members_of_the_union(words: type[IntEnum], root: str) -> None:
    """Same names, same numbers."""
    (struct,) = [struct for file in describe() for struct in file.structs if struct.name == root]
    members = {snake(field.name): field.member for field in struct.fields if field.member is not None}
    assert members.pop("unset") == 0
    assert {member.name.lower(): int(member) for member in words} == members


def test_faults_of_python_are_those_of_the_compiled_codec() -> None:
    """Same names, same numbers, in the order of the header."""
    header = (ROOT / "src" / "cmatch" / "io" / "frames.hpp").read_text(encoding="utf-8")
    (body,) = re.findall(r"enum class FrameFault[^{]*\{(.*?)\};", header, re.DOTALL)
    members = {name: int(number) for name, number in re.findall(r"(\w+) = (\d+),", body)}
    assert members.pop("none") == 0
    assert {fault.name.lower(): int(fault) for fault in FrameFault} == members


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: str(message.__name__))
def test_message_has_every_field_of_its_struct(message: type[Any]) -> None:
    """None is forgotten when a schema grows; words of an array and padding aside."""
    (struct,) = [struct for file in describe() for struct in file.structs if struct.name == message.__name__]
    fields = {field.name.split(".")[0] for field in struct.fields}
    padding = {"reserved", "reserved0", "reserved1", "reserved2", "reserved10", "reserved11", "padding"}
    own = set(typing.get_type_hints(message))
    wanted = {
        re.sub(r"(Head|Tail)?\d$", "", name) for name in fields - (padding - {camel(name) for name in own})
    }
    assert {camel(name) for name in own} == wanted


@pytest.mark.req("E021")
def test_page_is_a_reference_of_every_call_with_what_it_asks_and_answers() -> None:
    """The reference of RPC: each service's methods, and each field of their messages with its type."""
    page = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    structs = {struct.name: struct for file in describe() for struct in file.structs}
    methods = [(service, method) for service in SERVICES for method in service.methods]
    assert {service.name for service in SERVICES} >= {
        "MarketDataService", "RFQService", "ExecutionService", "PostTradeService", "AdminService",
    }  # fmt: skip
    for service, method in methods:
        streams = method.streaming.name.lower() if method.streaming else ""
        messages_ = f"{method.request.__name__} | {method.reply.__name__}"
        assert f"| {service.name} | {method.name} | {streams} | {messages_} |" in page
        for message in (method.request, method.reply):
            (part,) = re.findall(rf"^### {message.__name__}\n(.*?)(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
            for field in structs[message.__name__].fields:
                assert re.search(rf"^\| {re.escape(field.name)} \| {field.ordinal} \| \S", part, re.MULTILINE)


def test_units_of_the_schemas_are_on_the_page() -> None:
    """A comment that starts with a unit in brackets fills its column."""
    page = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    assert "| sentAt | 8 | Int64 | 24 | ns | the client's clock;" in page
    assert "| price.ticks | 12 | Int64 | 56 | ticks |" in page


def test_optional_numbers_of_messages_are_unions_in_the_schema() -> None:
    """No sentinel: what may be absent says so."""
    for message in MESSAGES:
        (struct,) = [
            struct for file in describe() for struct in file.structs if struct.name == message.__name__
        ]
        unions = {field.name.split(".")[0] for field in struct.fields if "." in field.name}
        optional = {
            camel(name)
            for name, hint in typing.get_type_hints(message).items()
            if isinstance(hint, types.UnionType) and int in typing.get_args(hint)
        }
        assert optional == unions, message
