"""Events: ids, ten fields, the catalogue, topics, frames, JSON, and releases that read each other."""

from __future__ import annotations

import dataclasses
import json
import re
import uuid
from pathlib import Path
from typing import Any

import capnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cmatch
from exchange.bus import events_page
from exchange.bus.log.events import batch_of_events, batch_of_rows, events_of
from exchange.bus.log.interface import RECORD_BYTES_MAX, Record
from exchange.bus.topics import SERVICES, TOPICS, TopicTable
from exchange.config import load
from exchange.domain.events import (
    CATALOGUE,
    DeadLetter,
    Event,
    TradeExecuted,
    catalogue,
    check_event,
    event_id,
    parse_event_id,
)
from exchange.domain.messages import Answer, ExecutionReport
from exchange.errors import ConfigError, LogFault, LogRefused, WireError
from exchange.schema.codec import decode_list, encode_list
from exchange.schema.event_rows import ROW_DTYPES, ROWS_MAX, EventList, decode_rows, encode_rows
from exchange.schema.events import decode_events, encode_envelopes, encode_events, envelope_of, event_json
from tests.event_log import old_events
from tests.event_log.old_events import START_NS, STREAM, event_of, frames, payload_of

ROOT = Path(__file__).parents[2]
KINDS = {EventList.REPORTS: ExecutionReport, EventList.ANSWERS: Answer, EventList.TRADES: TradeExecuted}
NO_TENANTS = np.zeros(0, np.uint32)


def event(name: str = "CommandAnswered", seq: int = 5, stream: int = 1, **change: Any) -> Event:
    """An event that may be published."""
    row = next(row for row in CATALOGUE if row.name == name)
    made = dataclasses.replace(event_of(row, seq), event_id=event_id(START_NS, stream, seq))
    return dataclasses.replace(made, **change)


# Ids


@pytest.mark.req("E049")
@given(st.integers(0, (1 << 48) * 10**6 - 1), st.integers(1, 4_095), st.integers(1, (1 << 62) - 1))
def test_id_is_a_uuid_of_version_7_that_says_where_the_event_stands(ns: int, stream: int, seq: int) -> None:
    """And sorts by time."""
    text = event_id(ns, stream, seq)
    known = uuid.UUID(text)
    assert (str(known), known.version, known.variant) == (text, 7, uuid.RFC_4122)
    assert parse_event_id(text) == (ns // 10**6, stream, seq)
    assert text[:13] == f"{ns // 10**6:012x}"[:8] + "-" + f"{ns // 10**6:012x}"[8:]


@pytest.mark.parametrize(
    ("ns", "stream", "seq"), [(-1, 1, 1), (1, 0, 1), (1, 4_096, 1), (1, 1, 0), (1, 1, 1 << 62)]
)
def test_id_of_what_does_not_fit_is_none(ns: int, stream: int, seq: int) -> None:
    """Rather than one that says something else."""
    with pytest.raises(ValueError, match="no event id"):
        event_id(ns, stream, seq)


@pytest.mark.parametrize("text", ["", "x", str(uuid.UUID(int=5)), event_id(1, 1, 1).replace("-7", "-4", 1)])
def test_foreign_id_is_refused(text: str) -> None:
    """Another version, or none."""
    with pytest.raises(ValueError, match="is no event id"):
        parse_event_id(text)


# JSON


@pytest.mark.req(
    "E048", "E050", "E051", "E052", "E053", "E054", "E055", "E056", "E057", "E058", "E059", "E060"
)
def test_json_has_exactly_the_fields_of_the_document_in_their_order() -> None:
    """Names, nesting, types, and the form of the time."""
    made = event("TradeExecuted", occurred_at=1_770_899_696_789_999_999)
    text = event_json(made)
    assert re.findall(r'"(\w+)":', text)[:14] == [
        "eventId", "eventType", "eventVersion", "occurredAt", "producer", "tenantId", "correlationId",
        "causationId", "entity", "entityType", "entityId", "sequence", "payload", "tradeId",
    ]  # fmt: skip
    said = json.loads(text)
    payload = said.pop("payload")
    assert said == {
        "eventId": made.event_id,
        "eventType": "TradeExecuted",
        "eventVersion": 1,
        "occurredAt": "2026-02-12T12:34:56.789Z",
        "producer": "matching",
        "tenantId": "acme-corp",
        "correlationId": "corr-abc",
        "causationId": "cmd-7",
        "entity": {"entityType": "Trade", "entityId": "id-5", "sequence": 5},
    }
    assert payload["tradeId"] == str(made.payload.trade_id)
    assert payload["takerSide"] in {"buy", "sell"}
    assert payload["instrumentId"] == made.payload.instrument_id


def test_json_of_a_dead_letter_has_the_event_within() -> None:
    """In the same form."""
    said = json.loads(event_json(event("DeadLetter", producer="settlement")))
    original = event_of(CATALOGUE[0], 7)
    assert said["payload"]["original"] == json.loads(event_json(original))


def test_json_is_what_the_page_for_machines_says() -> None:
    """Every property is there, and no other, with the type that it has."""
    document = json.loads(events_page.asyncapi())
    for row in CATALOGUE:
        schema = document["components"]["messages"][f"{row.name}.v{row.version}"]["payload"]
        _fits(json.loads(event_json(event(row.name))), schema, document)


def _fits(value: Any, schema: dict[str, Any], document: dict[str, Any]) -> None:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "oneOf" in schema:
        if value is not None:
            _fits(value, schema["oneOf"][0], document)
    elif "const" in schema:
        assert value == schema["const"]
    elif "enum" in schema:
        assert value in schema["enum"]
    elif schema.get("type") == "object":
        assert list(value) == schema["required"] == list(schema["properties"])
        for name, inner in schema["properties"].items():
            _fits(value[name], inner, document)
    elif schema.get("type") == "string":
        assert isinstance(value, str)
        assert re.search(schema.get("pattern", ""), value)
    elif schema.get("type") in ("integer", "boolean"):
        assert type(value) is (int if schema["type"] == "integer" else bool)
    elif schema.get("type") == "array":
        assert isinstance(value, list)
        for each in value:
            _fits(each, schema["items"], document)


# The catalogue


@pytest.mark.req("C091", "E050", "E054", "E055", "E057", "E058")
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"event_type": "CommandForgotten"}, LogFault.UNKNOWN_EVENT),
        ({"event_version": 2}, LogFault.UNKNOWN_EVENT),
        ({"producer": "matching"}, LogFault.WRONG_PRODUCER),
        ({"producer": ""}, LogFault.WRONG_PRODUCER),
        ({"payload": payload_of(TradeExecuted)}, LogFault.BAD_EVENT),
        ({"payload": b""}, LogFault.BAD_EVENT),
        ({"tenant_id": ""}, LogFault.BAD_EVENT),
        ({"correlation_id": ""}, LogFault.BAD_EVENT),
        ({"causation_id": "x" * 129}, LogFault.BAD_EVENT),
        ({"correlation_id": "a\nb"}, LogFault.BAD_EVENT),
        ({"entity": dataclasses.replace(event().entity, sequence=0)}, LogFault.BAD_EVENT),
        ({"entity": dataclasses.replace(event().entity, entity_id="")}, LogFault.BAD_EVENT),
        ({"entity": dataclasses.replace(event().entity, entity_type="Trade")}, LogFault.BAD_EVENT),
        ({"occurred_at": -1}, LogFault.BAD_EVENT),
    ],
)
def test_event_that_is_not_as_the_catalogue_says_is_refused(change: dict[str, Any], fault: LogFault) -> None:
    """With its number."""
    made = event()
    assert check_event(made, "orders.lifecycle").name == "CommandAnswered"
    with pytest.raises(LogRefused, match=str(int(fault))) as caught:
        check_event(dataclasses.replace(made, **change), "orders.lifecycle")
    assert caught.value.fault is fault


def test_event_is_refused_in_another_topic_and_behind_its_sunset(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has one topic; from its last day on it is withdrawn."""
    with pytest.raises(LogRefused) as caught:
        check_event(event(), "execution.trades")
    assert caught.value.fault is LogFault.BAD_EVENT
    row = dataclasses.replace(catalogue.COMMAND_ANSWERED, sunset="2028-03-01")
    monkeypatch.setitem(catalogue._BY_NAME, (row.name, row.version), row)
    leap_day_ends_ns = 1_835_481_600 * 10**9
    assert check_event(event(occurred_at=leap_day_ends_ns - 1), "orders.lifecycle") is row
    with pytest.raises(LogRefused, match="ended on 2028-03-01") as caught:
        check_event(event(occurred_at=leap_day_ends_ns), "orders.lifecycle")
    assert caught.value.fault is LogFault.SUNSET


def test_batch_of_events_is_checked_and_read_back() -> None:
    """Producer, topic, and the ids that follow from where the events stand."""
    table = TopicTable("dev")
    topic = table.find("dev.orders.lifecycle.v1")
    events = [event(seq=5), event(seq=6)]
    batch = batch_of_events(topic, "orders", events, 5, key="7", headers={"traceparent": "00-1"})
    assert (batch.stream, batch.first_seq, batch.count, batch.key) == (1, 5, 2, "7")
    assert list(events_of(Record(0, batch))) == events
    for producer, given_events, first, fault in (
        ("orders", events, 6, LogFault.BAD_EVENT),
        ("matching", events, 5, LogFault.WRONG_PRODUCER),
        ("orders", [event(seq=5, tenant_id="")], 5, LogFault.BAD_EVENT),
    ):
        with pytest.raises(LogRefused) as caught:
            batch_of_events(topic, producer, given_events, first, key="7")
        assert caught.value.fault is fault
    dead = table.find("dev.dlq.settlement.v1")
    letter = event("DeadLetter", 1, dead.writers["settlement"], producer="settlement")
    assert batch_of_events(dead, "settlement", [letter], 1, key="7").stream == 2_048 + 5
    with pytest.raises(LogRefused):
        batch_of_events(dead, "risk", [dataclasses.replace(letter, producer="risk")], 1, key="7")
    rows = np.zeros(1, ROW_DTYPES[EventList.TRADES])
    with pytest.raises(LogRefused):
        batch_of_rows(topic, EventList.TRADES, rows, 1, epoch=1, tenants=NO_TENANTS)


# Topics


@pytest.mark.req("E035")
@pytest.mark.parametrize("environment", ["", "Dev", "dev! x", "dev.eu", "1dev", "dev\n", "d" * 33])
def test_environment_that_is_no_word_of_a_topic_is_refused(environment: str) -> None:
    """Where settings are loaded, so that no topic has such a name."""
    with pytest.raises(ConfigError, match=r"events\.environment"):
        load(environment={}, events={"environment": environment})
    assert load(environment={}, events={"environment": "dev-eu-1"}).events.environment == "dev-eu-1"


@pytest.mark.req("E035", "C091")
def test_topics_of_the_table_have_one_name_and_streams_of_their_own() -> None:
    """`<env>.<domain>.<stream>.v<major>`, in every environment; no number stands for two writers."""
    names = [topic.full_name("dev") for topic in TOPICS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"dev\.[a-z]+\.[a-z]+\.v[1-9][0-9]*", name) for name in names)
    streams = [stream for topic in TOPICS for stream in topic.writers.values()]
    assert len(set(streams)) == len(streams)
    assert all(0 < stream < 4_096 for stream in streams)
    known = {*SERVICES}
    assert all({*topic.writers, *topic.consumers} <= known for topic in TOPICS)
    topics = {topic.name for topic in TOPICS}
    assert all(row.topic in topics or row is catalogue.DEAD_LETTER for row in CATALOGUE)
    for row in CATALOGUE:
        writers = [each.writers for each in TOPICS if each.name == row.topic]
        assert all({*row.producers} <= {*found} for found in writers)


def test_topics_of_the_documents_are_in_the_table() -> None:
    """With the keys that these have."""
    keys = {topic.full_name("dev"): topic.key for topic in TOPICS}
    expected = {
        "dev.marketdata.ticks.v1": "instrumentId",
        "dev.rfq.lifecycle.v1": "rfqId",
        "dev.rfq.quotes.v1": "rfqId",
        "dev.execution.trades.v1": "tradeId",
        "dev.posttrade.settlement.v1": "tradeId",
        "dev.risk.alerts.v1": "tenantId",
        "dev.admin.changes.v1": "entityId",
        "dev.admin.records.v1": "entityId",
    }
    assert {name: keys[name] for name in expected} == expected
    assert "dev.dlq.settlement.v1" in keys


def test_numbers_of_streams_never_change() -> None:
    """They are in the ids of events that are kept."""
    numbers = {
        f"{name} at {topic.name}": stream for topic in TOPICS for name, stream in topic.writers.items()
    }
    assert {name: number for name, number in numbers.items() if " at dlq." not in name} == {
        "orders at orders.lifecycle": 1,
        "matching at execution.trades": 2,
        "execution at execution.trades": 3,
        "settlement at posttrade.settlement": 4,
        "posttrade at posttrade.settlement": 5,
        "marketdata at marketdata.ticks": 6,
        "marketdata at marketdata.books": 7,
        "marketdata at marketdata.bars": 8,
        "analysis at analytics.signals": 9,
        "regime at analytics.signals": 10,
        "pipeline at data.pipelines": 11,
        "inference at ml.predictions": 12,
        "workbench at ml.models": 13,
        "inference at ml.models": 14,
        "rfq at rfq.lifecycle": 15,
        "rfq at rfq.quotes": 16,
        "risk at risk.alerts": 17,
        "liquidation at risk.alerts": 18,
        "admin at admin.changes": 19,
        "admin at admin.records": 20,
        "identity at identity.changes": 21,
    }
    assert [numbers[f"{name} at dlq.{name}"] for name in ("gateway", "settlement", "history")] == [
        2_048,
        2_053,
        2_069,
    ]


def test_table_finds_topics_by_either_name() -> None:
    """And says what a name should look like."""
    table = TopicTable("prod")
    assert table.full_name("execution.trades") == "prod.execution.trades.v1"
    assert table.find("prod.execution.trades.v1").key == "tradeId"
    for name in ("dev.execution.trades.v1", "trades", "prod.execution.trades.v2"):
        with pytest.raises(LogRefused) as caught:
            table.find(name)
        assert caught.value.fault is LogFault.UNKNOWN_TOPIC
    with pytest.raises(LogRefused):
        table.full_name("execution.none")


# Frames


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("count", [1, 2, 3, 20])  # in one segment: pycapnp begins others when it likes
def test_rows_are_written_as_pycapnp_writes_them(kind: EventList, count: int) -> None:
    """Byte for byte; with tenants pycapnp reads the same."""
    message = payload_of(KINDS[kind])
    expected = encode_list(
        "EventFrame", str(kind), [message] * count, schemaVersion=1, count=count, journalSequence=77
    )
    decoded = decode_rows(expected)
    assert (decoded.kind, decoded.journal_sequence, len(decoded.rows)) == (kind, 77, count)
    assert encode_rows(kind, decoded.rows, 77) == expected
    tenants = np.arange(count, dtype=np.uint32)
    with_tenants = encode_rows(kind, decoded.rows, 77, tenants)
    assert np.array_equal(decode_rows(with_tenants).tenants, tenants)
    assert decode_list("EventFrame", str(kind), KINDS[kind], with_tenants) == (message,) * count


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_events_of_rows_are_those_of_envelopes(kind: EventList) -> None:
    """The same ten fields, whichever way they went; in any order, and in slices."""
    data = frames()[str(kind)]
    rows = decode_events(data, STREAM, 100)
    events = list(rows)
    assert rows[-1] == events[-1]
    assert rows[1:] == events[1:]
    assert [parse_event_id(each.event_id).sequence for each in events] == list(range(100, 100 + len(rows)))
    with pytest.raises(IndexError):
        rows[len(rows)]
    assert list(decode_events(encode_events(events), STREAM, 100)) == events


def test_unknown_event_keeps_its_bytes() -> None:
    """It is passed on as it came, and read as far as it goes."""
    envelope = dataclasses.replace(envelope_of(event()), event_type="OfTomorrow", payload=b"12345678")
    batch = decode_events(encode_envelopes([envelope]), 1, 5)
    (found,) = batch
    assert (found.event_type, found.payload) == ("OfTomorrow", b"12345678")
    assert batch.envelopes == (envelope,)
    assert encode_events([found]) == encode_envelopes([envelope])
    assert json.loads(event_json(found))["payload"] == "MTIzNDU2Nzg="
    broken = dataclasses.replace(envelope_of(event()), payload=b"1234")
    with pytest.raises(WireError):
        list(decode_events(encode_envelopes([broken]), 1, 5))


@pytest.mark.parametrize("name", frames())
def test_damaged_frame_is_a_wire_error_or_another_frame(name: str) -> None:
    """Whatever word is another, nothing but WireError comes of it, and nothing is read outside."""
    data = frames()[name]
    for at in range(0, min(len(data), 160), 2):
        for mask in (0x01, 0x80, 0xFF):
            changed = bytearray(data)
            changed[at] ^= mask
            try:
                list(decode_events(bytes(changed), STREAM, 100).envelopes)
            except WireError:
                continue
    for end in range(0, len(data), 37):
        with pytest.raises(WireError):
            decode_events(data[:end], STREAM, 100)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_largest_frame_of_rows_is_read_by_both(kind: EventList) -> None:
    """And fits into a record of the log."""
    message = payload_of(KINDS[kind])
    (row,) = decode_rows(encode_list("EventFrame", str(kind), [message], schemaVersion=1, count=1)).rows
    data = encode_rows(kind, np.repeat(np.array([row]), ROWS_MAX), 77, np.arange(ROWS_MAX, dtype=np.uint32))
    assert len(data) < RECORD_BYTES_MAX
    assert len(decode_rows(data).rows) == ROWS_MAX
    assert decode_list("EventFrame", str(kind), KINDS[kind], data)[-1] == message


def test_rows_that_do_not_belong_together_are_refused() -> None:
    """None, too many, another dtype, other tenants; envelopes are no rows."""
    rows = np.zeros(ROWS_MAX + 1, ROW_DTYPES[EventList.TRADES])
    for bad, tenants in ((rows[:0], NO_TENANTS), (rows, NO_TENANTS), (rows[:2], np.zeros(1, np.uint32))):
        with pytest.raises(WireError):
            encode_rows(EventList.TRADES, bad, 1, tenants)
    with pytest.raises(TypeError):
        encode_rows(EventList.REPORTS, rows[:1], 1)
    with pytest.raises(WireError):
        decode_rows(frames()["envelopes"])
    extra = encode_rows(EventList.TRADES, rows[:1], 1) + bytes(8)
    with pytest.raises(WireError):
        decode_rows(extra)


# Releases


RELEASES = sorted(old_events.FOLDER.glob("*.json"))


def test_this_release_publishes_what_its_file_says() -> None:
    """Until the version changes, so does nothing in the log."""
    current = old_events.FOLDER / f"{cmatch.__version__}.json"
    assert json.loads(current.read_text(encoding="utf-8")) == old_events.release()


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_events_of_a_release_say_what_it_meant(path: Path) -> None:
    """Every list, as JSON; what it did not know yet is nothing."""
    for entry in json.loads(path.read_text(encoding="utf-8")).values():
        batch = decode_events(bytes.fromhex(entry["bytes"]), old_events.STREAM, old_events.FIRST_SEQ)
        for found, said in zip(batch, entry["events"], strict=True):
            now = json.loads(event_json(found))
            assert now | said | {"payload": now["payload"] | said["payload"]} == now


NEWER = """
@0xe5b0c2f4a1e6f7d9;
struct EventFrame @0xe5b0c2f4a1e6f7da {
  schemaVersion @0 :UInt16; reserved @1 :UInt16; count @2 :UInt32;
  union { unset @3 :Void; a @4 :List(Row); b @5 :List(Row); c @6 :List(Row); trades @7 :List(Row); }
  journalSequence @8 :UInt64;
  tenants @9 :List(UInt32);
  MORE
}
"""


@pytest.mark.req("C091")
@pytest.mark.parametrize("words", [1, 5, 22, 23, 40])
@pytest.mark.parametrize("more", ["", "x @10 :UInt64; y @11 :List(UInt64); z @12 :Text;"])
def test_rows_of_another_release_are_read_by_this_one(words: int, more: str, tmp_path: Path) -> None:
    """Fewer words: the rest is nothing. More, and more beside them: it is passed over."""
    fields = " ".join(f"w{at} @{at} :UInt64;" for at in range(words))
    text = NEWER.replace("MORE", more) + f"struct Row @0xe5b0c2f4a1e6f7db {{ {fields} }}\n"
    (tmp_path / "other.capnp").write_text(text, encoding="utf-8")
    module = capnp.SchemaParser().load(str(tmp_path / "other.capnp"))
    frame = module.EventFrame.new_message(num_first_segment_words=300)
    frame.schemaVersion, frame.count, frame.journalSequence = 1, 3, 9
    rows = frame.init("trades", 3)
    for seq, row in enumerate(rows, 1):
        row.w0 = seq
        if words > 2:
            row.w2 = START_NS
        if words > 39:
            row.w39 = 0x77
    if more:
        frame.x = 5
        frame.init("y", 2)[0] = 7
        frame.z = "beside"
    data = frame.to_bytes()
    found = decode_rows(data)
    assert found.rows["trade_id"].tolist() == [1, 2, 3]
    assert found.rows["timestamp"].tolist() == [START_NS if words > 2 else 0] * 3
    assert found.rows["qty"].tolist() == [0, 0, 0]
    assert found.journal_sequence == 9
    assert [each.payload.trade_id for each in decode_events(data, STREAM, 1)] == [1, 2, 3]


def test_pages_are_current(tmp_path: Path) -> None:
    """docs/events.md and docs/asyncapi.json are what the tables say."""
    assert events_page.main(["--check"]) == 0
    (tmp_path / "docs").mkdir()
    assert events_page.main(["--check", "--root", str(tmp_path)]) == 1
    assert events_page.main(["--root", str(tmp_path)]) == 0
    assert events_page.main(["--check", "--root", str(tmp_path)]) == 0


@pytest.mark.req("E061")
def test_page_lists_every_event_once_and_says_what_it_is() -> None:
    """The catalogue's table has a line an event, in its order; its payload is described where it points."""
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8").partition("## Catalogue\n")[2]
    table = [line.strip("| ").split(" | ") for line in page.splitlines() if re.match(r"\| [A-Z]", line)]
    listed = [line[:3] for line in table if len(line) > 5]
    expected = []
    for row in CATALOGUE:
        payload = row.payload.__name__
        expected.append([row.name, str(row.version), f"[{payload}](messages.md#{payload.lower()})"])
    assert listed == expected
    messages = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    assert [row.name for row in CATALOGUE if f"# {row.payload.__name__}\n" not in messages] == []


def test_page_for_machines_refers_to_what_is_there() -> None:
    """Every $ref has an end, every event a channel."""
    text = events_page.asyncapi()
    document = json.loads(text)
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        part = document
        for name in reference.split("/"):
            part = part[name]
    held = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert held == set(document["components"]["messages"])
    assert DeadLetter.__name__ in document["components"]["schemas"]
