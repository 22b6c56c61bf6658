"""What every event log must do, whatever engine keeps it: a suite that a backend's tests inherit.

    class TestKafka(EventLogConformance):
        @pytest.fixture
        def backend(self) -> Iterator[Backend]: ...

Offsets are only asked to grow: engines may spend some on things of their own.
"""

from __future__ import annotations

import threading
import time

import pytest

from exchange.bus.log.interface import Batch, EventLog, GroupStatus, Head, Record, TopicReader
from exchange.errors import LogFault, LogRefused
from tests.event_log.backends import COLD, HOT, KEPT_BYTES, SECOND_NS, SHORT, Backend, batch


def read_all(log: EventLog, topic: str, offset: int | None = None) -> list[Record]:
    """Every record from an offset on."""
    found: list[Record] = []
    with log.reader(topic, offset) as reader:
        while records := reader.read():
            found += records
    return found


def read_on(reader: TopicReader, seen: list[int]) -> None:
    """Reads to the end; adds the first sequence of each batch."""
    while records := reader.read():
        seen += [record.batch.first_seq for record in records]


def batches_of(log: EventLog, topic: str, offset: int | None = None) -> list[Batch]:
    """What was appended, from an offset on."""
    return [record.batch for record in read_all(log, topic, offset)]


def fault_of(error: pytest.ExceptionInfo[LogRefused]) -> LogFault:
    """The number."""
    return error.value.fault


@pytest.mark.req("E071")
class EventLogConformance:
    """Inherited by the tests of each backend, which bring the fixture `backend`."""

    @pytest.fixture
    def log(self, backend: Backend) -> EventLog:
        """One log of the backend."""
        return backend.open()

    def test_topic_that_nobody_wrote_is_empty(self, log: EventLog) -> None:
        """It can be read, waited for and asked about."""
        assert batches_of(log, HOT) == []
        extent = log.extent(HOT)
        assert (extent.begin, extent.end) == (extent.end, extent.begin)
        assert log.topics() == []
        assert log.offset_at(HOT, 5) == extent.end
        with log.reader(HOT) as reader:
            assert reader.wait(0.01) is False

    def test_appended_batches_are_read_whole_and_in_order(self, log: EventLog, backend: Backend) -> None:
        """By this log and by another one, with every field."""
        sent = [batch(1, 3), batch(4, 1, size=0), batch(5, 10, size=9_000), batch(15)]
        with log.writer(HOT) as writer:
            assert writer.append(sent[:2]) == 2
            assert writer.append(sent[2:]) == 2
            assert writer.append([]) == 0
        for other in (log, backend.open()):
            records = read_all(other, HOT)
            assert [record.batch for record in records] == sent
            offsets = [record.offset for record in records]
            assert offsets == sorted(set(offsets))
            assert other.extent(HOT).begin <= offsets[0]
            assert other.extent(HOT).end > offsets[-1]
        assert log.topics() == [HOT]

    def test_reader_goes_on_while_the_writer_appends(self, log: EventLog, backend: Backend) -> None:
        """Nothing is read twice, nothing is left out, over many segments."""
        seen: list[Batch] = []
        with log.writer(HOT) as writer, backend.open().reader(HOT) as reader:
            for seq in range(1, 301):
                writer.append([batch(seq, size=seq % 700)])
                if seq % 3 == 0:
                    seen += [record.batch for record in reader.read(records_max=2)]
            while records := reader.read():
                seen += [record.batch for record in records]
        assert seen == [batch(seq, size=seq % 700) for seq in range(1, 301)]

    def test_read_keeps_its_bounds_and_gives_one_in_any_case(self, log: EventLog) -> None:
        """By records and by bytes."""
        with log.writer(HOT) as writer:
            writer.append([batch(seq, size=1_000) for seq in range(1, 11)])
        with log.reader(HOT) as reader:
            assert len(reader.read(records_max=3)) == 3
            assert len(reader.read(bytes_max=2_500)) == 2
            assert len(reader.read(bytes_max=1)) == 1
            assert len(reader.read()) == 4

    def test_reading_again_from_any_offset_gives_the_rest(self, log: EventLog) -> None:
        """Replay: from each record, and by seeking back and forth."""
        with log.writer(HOT) as writer:
            writer.append([batch(seq, size=500) for seq in range(1, 41)])
        records = read_all(log, HOT)
        for at, record in enumerate(records):
            assert read_all(log, HOT, record.offset) == records[at:]
        with log.reader(HOT) as reader:
            reader.read()
            reader.seek(records[7].offset)
            assert reader.read(records_max=1) == [records[7]]
            assert reader.offset > records[7].offset
            reader.seek(records[-1].offset)
            assert reader.read() == records[-1:]

    def test_reader_behind_the_end_waits_there(self, log: EventLog) -> None:
        """A cursor may be ahead of a log that is published again."""
        with log.writer(HOT) as writer:
            writer.append([batch(1), batch(2)])
            end = log.extent(HOT).end
            with log.reader(HOT, end) as reader:
                assert reader.read() == []
                writer.append([batch(3)])
                assert [record.batch for record in reader.read()] == [batch(3)]
            with log.reader(HOT, log.extent(HOT).end + 1) as reader:
                assert reader.read() == []
                writer.append([batch(4), batch(5)])
                assert [record.batch for record in reader.read()] == [batch(5)]

    def test_offset_at_a_time_is_that_of_the_first_record_not_before_it(self, log: EventLog) -> None:
        """Also where a publisher's time fell back, and in whatever segment it is."""
        times = [10, 20, 20, 15, 30, 40]
        with log.writer(HOT) as writer:
            for seq, ts_ns in enumerate(times, 1):
                writer.append([batch(seq, ts_ns=ts_ns, size=3_000)])
        offsets = [record.offset for record in read_all(log, HOT)]
        expected = {0: 0, 10: 0, 11: 1, 20: 1, 21: 4, 30: 4, 31: 5, 40: 5}
        assert {ts: offsets.index(log.offset_at(HOT, ts)) for ts in expected} == expected
        assert log.offset_at(HOT, 41) == log.extent(HOT).end

    # Idempotent appends

    def test_batches_that_are_there_are_not_appended_again(self, log: EventLog, backend: Backend) -> None:
        """A publisher that starts again repeats nothing, whatever it sends again."""
        sent = [batch(1, 2), batch(3, 5), batch(8)]
        with log.writer(HOT) as writer:
            assert writer.append(sent) == 3
            assert writer.append(sent) == 0
            assert writer.append([sent[1], batch(9)]) == 1
        with backend.open().writer(HOT) as writer:
            assert writer.append([*sent, batch(9), batch(10)]) == 1
            assert writer.head(1) == Head(1, 10)
        assert batches_of(log, HOT) == [*sent, batch(9), batch(10)]

    def test_gap_is_refused_and_nothing_behind_it_is_appended(self, log: EventLog) -> None:
        """Loudly; what came before it in the same call is there."""
        with log.writer(HOT) as writer:
            with pytest.raises(LogRefused) as caught:
                writer.append([batch(1, 3), batch(5), batch(6)])
            assert fault_of(caught) is LogFault.GAP
            assert writer.append([batch(4)]) == 1
        assert batches_of(log, HOT) == [batch(1, 3), batch(4)]

    def test_batch_that_is_half_there_is_refused(self, log: EventLog) -> None:
        """Who cut it otherwise the first time is no replay."""
        with log.writer(HOT) as writer:
            writer.append([batch(1, 3)])
            with pytest.raises(LogRefused) as caught:
                writer.append([batch(2, 3)])
            assert fault_of(caught) is LogFault.OVERLAP
            assert writer.append([batch(2, 2)]) == 0

    def test_epochs_grow_and_tell_two_pasts_apart(self, log: EventLog, backend: Backend) -> None:
        """An old leader is fenced; one that has other events under the same numbers is found out."""
        with log.writer(HOT) as writer:
            writer.append([batch(1, 4), batch(5, 2, epoch=3), batch(7, epoch=3)])
        with backend.open().writer(HOT) as writer:
            assert writer.head(1) == Head(3, 7)
            with pytest.raises(LogRefused) as caught:
                writer.append([batch(8, epoch=2)])
            assert fault_of(caught) is LogFault.FENCED
            with pytest.raises(LogRefused) as caught:
                writer.append([batch(5, 2, epoch=1)])
            assert fault_of(caught) is LogFault.DIVERGED
            assert writer.append([batch(1, 4), batch(5, 2, epoch=3), batch(8, epoch=4)]) == 1
        assert batches_of(log, HOT) == [
            batch(1, 4),
            batch(5, 2, epoch=3),
            batch(7, epoch=3),
            batch(8, epoch=4),
        ]

    def test_streams_of_a_topic_count_for_themselves(self, log: EventLog) -> None:
        """Each has a head and a gap of its own; one may begin late."""
        with log.writer(HOT) as writer:
            assert writer.head(1) is None
            writer.append([batch(1, 2), batch(100, 5, stream=2), batch(3)])
            assert (writer.head(1), writer.head(2)) == (Head(1, 3), Head(1, 104))
            with pytest.raises(LogRefused):
                writer.append([batch(106, stream=2)])
            assert writer.append([batch(105, stream=2)]) == 1

    def test_head_outlives_the_records_that_retention_removed(self, log: EventLog, backend: Backend) -> None:
        """Or an old batch would be taken for a new one."""
        with log.writer(SHORT) as writer:
            writer.append([batch(1, 7, stream=2, ts_ns=0)])
            writer.append([batch(seq, size=1_000) for seq in range(1, 200)])
        assert log.extent(SHORT).begin > 1
        with backend.open().writer(SHORT) as writer:
            assert writer.head(2) == Head(1, 7)
            assert writer.append([batch(1, 7, stream=2), batch(1, size=1_000)]) == 0

    @pytest.mark.parametrize(
        "change", [{"stream": 0}, {"stream": 4_096}, {"epoch": -1}, {"count": 0}, {"ts_ns": -1}]
    )
    def test_batch_whose_head_makes_no_sense_is_refused(self, log: EventLog, change: dict[str, int]) -> None:
        """Before anything is written."""
        with log.writer(HOT) as writer, pytest.raises(LogRefused) as caught:
            writer.append([batch(**{"first_seq": 1, "count": 1, **change})])
        assert fault_of(caught) is LogFault.BAD_EVENT
        assert batches_of(log, HOT) == []

    def test_batch_that_is_too_large_is_refused(self, log: EventLog) -> None:
        """4 MiB fit, and one byte more does not."""
        with log.writer(HOT) as writer:
            large = Batch(stream=1, epoch=1, first_seq=1, count=1, ts_ns=1, payload=bytes(4 << 20))
            assert writer.append([large]) == 1
            larger = Batch(stream=1, epoch=1, first_seq=2, count=1, ts_ns=1, payload=bytes((4 << 20) + 1))
            with pytest.raises(LogRefused) as caught:
                writer.append([larger])
            assert fault_of(caught) is LogFault.TOO_LARGE
            assert writer.append([batch(2)]) == 1
        assert batches_of(log, HOT) == [large, batch(2)]

    # Who may do what

    def test_topic_has_one_writer(self, log: EventLog, backend: Backend) -> None:
        """The second one is refused until the first one is closed; other topics are free."""
        other = backend.open()
        with log.writer(HOT) as writer:
            for second in (log, other):
                with pytest.raises(LogRefused) as caught:
                    second.writer(HOT)
                assert fault_of(caught) is LogFault.TOPIC_IN_USE
            other.writer(COLD).close()
            assert writer.append([batch(1)]) == 1
        with other.writer(HOT) as writer:
            assert writer.append([batch(2)]) == 1

    def test_topic_that_is_not_in_the_table_is_refused(self, log: EventLog) -> None:
        """By every method."""
        for use in (
            log.writer,
            log.reader,
            log.extent,
            log.groups,
            lambda topic: log.group("g", topic),
            lambda topic: log.offset_at(topic, 1),
            lambda topic: log.retain(topic, 1),
            lambda topic: log.forget_group("g", topic),
        ):
            with pytest.raises(LogRefused) as caught:
                use("test.other.stream.v1")
            assert fault_of(caught) is LogFault.UNKNOWN_TOPIC

    # Waiting

    def test_waiting_reader_is_woken_by_an_append(self, log: EventLog, backend: Backend) -> None:
        """Soon, and not before."""
        with log.writer(HOT) as writer, backend.open().reader(HOT) as reader:
            assert reader.wait(0.2) is False

            def later() -> None:
                time.sleep(0.1)
                writer.append([batch(1)])

            thread = threading.Thread(target=later)
            start = time.monotonic()
            thread.start()
            assert reader.wait(120) is True
            assert 0.09 < time.monotonic() - start < 60
            thread.join()
            assert [record.batch for record in reader.read()] == [batch(1)]

    @pytest.mark.parametrize("written", [HOT, COLD, SHORT])
    def test_several_readers_are_waited_for_at_once(
        self, log: EventLog, backend: Backend, written: str
    ) -> None:
        """Whichever has something; one that waits for a quiet topic holds no other up."""
        other = backend.open()
        with other.reader(HOT) as first, other.reader(COLD) as second, other.reader(SHORT) as third:
            readers = {HOT: first, COLD: second, SHORT: third}
            start = time.monotonic()
            assert other.wait_any(list(readers.values()), 0.2) is False
            assert time.monotonic() - start >= 0.19
            with log.writer(written) as writer:
                thread = threading.Timer(0.1, writer.append, [[batch(1)]])
                thread.start()
                assert other.wait_any(list(readers.values()), 120) is True
                thread.join()
                assert other.wait_any(list(readers.values()), 120) is True  # it is not taken yet
            for topic, reader in readers.items():
                assert [record.batch for record in reader.read()] == [batch(1)] * (topic == written)
            assert other.wait_any(list(readers.values()), 0.01) is False

    def test_reader_that_waits_for_a_topic_sees_its_first_record(
        self, log: EventLog, backend: Backend
    ) -> None:
        """It may be there before the writer."""
        with backend.open().reader(HOT) as reader:
            assert reader.wait(0.05) is False
            with log.writer(HOT) as writer:
                writer.append([batch(1)])
                assert reader.wait(60) is True
            assert reader.read()[0].batch == batch(1)

    # Groups

    def test_cursor_of_a_group_is_durable_and_its_own(self, log: EventLog, backend: Backend) -> None:
        """As it was committed, for who comes next; by group and topic."""
        with log.writer(HOT) as writer:
            writer.append([batch(seq) for seq in range(1, 11)])
        records = read_all(log, HOT)
        with log.group("settlement", HOT) as group:
            assert (group.name, group.topic) == ("settlement", HOT)
            assert group.cursor == log.extent(HOT).begin
            group.commit(records[4].offset)
            group.commit(records[6].offset)
            assert group.cursor == records[6].offset
        other = backend.open()
        with other.group("settlement", HOT) as group, other.group("blotter", HOT) as second:
            assert group.cursor == records[6].offset
            assert second.cursor == records[0].offset
            group.commit(records[2].offset)  # a replay
            assert [status.cursor for status in other.groups(HOT)] == [records[0].offset, records[2].offset]
        assert batches_of(log, HOT, records[2].offset) == [batch(seq) for seq in range(3, 11)]

    def test_group_has_one_consumer_and_the_next_takes_over(self, log: EventLog, backend: Backend) -> None:
        """Where the first one left it."""
        other = backend.open()
        first = log.group("settlement", HOT)
        with pytest.raises(LogRefused) as caught:
            other.group("settlement", HOT)
        assert fault_of(caught) is LogFault.GROUP_IN_USE
        first.commit(5)
        first.close()
        with other.group("settlement", HOT) as group:
            assert group.cursor == 5

    def test_groups_say_how_far_behind_they_are(self, log: EventLog) -> None:
        """In records; who is forgotten is not listed."""
        with log.writer(HOT) as writer:
            writer.append([batch(seq) for seq in range(1, 11)])
        records = read_all(log, HOT)
        with log.group("a", HOT) as group:
            group.commit(records[3].offset)
        with log.group("b", HOT):
            pass
        assert log.groups(HOT) == [
            GroupStatus("a", records[3].offset, 7, lost=False),
            GroupStatus("b", records[0].offset, 10, lost=False),
        ]
        log.forget_group("a", HOT)
        assert [status.name for status in log.groups(HOT)] == ["b"]

    @pytest.mark.parametrize("name", ["", "A", "a b", "../x", "a" * 65])
    def test_group_needs_a_name(self, log: EventLog, name: str) -> None:
        """A lower-case word."""
        with pytest.raises(LogRefused) as caught:
            log.group(name, HOT)
        assert fault_of(caught) is LogFault.BAD_NAME

    # Retention

    def test_what_every_group_has_goes_when_it_is_old(self, log: EventLog) -> None:
        """And stays while one has it not, or it is young."""
        with log.writer(SHORT) as writer, log.group("slow", SHORT) as group:
            writer.append([batch(seq, ts_ns=seq * 20 * SECOND_NS) for seq in range(1, 21)])
            now_ns = 420 * SECOND_NS
            log.retain(SHORT, now_ns)
            assert log.extent(SHORT).begin <= read_all(log, SHORT)[0].offset
            assert batches_of(log, SHORT)[0] == batch(1, ts_ns=20 * SECOND_NS)
            records = read_all(log, SHORT)
            group.commit(records[-1].offset)
            removed = log.retain(SHORT, now_ns)
            assert removed > 0
            left = batches_of(log, SHORT)
            assert left == [record.batch for record in records[len(records) - len(left) :]]
            assert {each.ts_ns for each in left} >= {ts * 20 * SECOND_NS for ts in (18, 19, 20)}
            assert log.retain(SHORT, now_ns) == 0
            assert writer.append([batch(21)]) == 1

    def test_group_that_lags_beyond_the_limit_of_bytes_is_lost_and_told_so(self, log: EventLog) -> None:
        """It holds up nobody; its reader stops loudly, and others read on."""
        with log.writer(SHORT) as writer, log.group("slow", SHORT) as slow, log.group("fast", SHORT) as fast:
            with log.reader(SHORT, slow.cursor) as reader:
                writer.append([batch(1)])
                assert len(reader.read()) == 1
                writer.append([batch(seq, ts_ns=1, size=1_000) for seq in range(2, 200)])
                fast.commit(log.extent(SHORT).end)
            log.retain(SHORT, 1)
            extent = log.extent(SHORT)
            assert extent.size <= KEPT_BYTES
            assert [(status.name, status.lost) for status in log.groups(SHORT)] == [
                ("fast", False),
                ("slow", True),
            ]
            with log.reader(SHORT, slow.cursor) as reader, pytest.raises(LogRefused) as caught:
                reader.read()
            assert fault_of(caught) is LogFault.TRUNCATED
            assert batches_of(log, SHORT)[-1] == batch(199, ts_ns=1, size=1_000)

    def test_reader_in_the_midst_of_what_is_removed_stops_loudly(self, log: EventLog) -> None:
        """It reads what it has begun, or not; but it never skips."""
        with log.writer(SHORT) as writer:
            writer.append([batch(seq, ts_ns=1, size=1_000) for seq in range(1, 20)])
            with log.reader(SHORT) as reader:
                seen = [record.batch.first_seq for record in reader.read(records_max=2)]
                writer.append([batch(seq, ts_ns=1, size=1_000) for seq in range(20, 300)])
                log.retain(SHORT, 1)
                with pytest.raises(LogRefused) as caught:
                    read_on(reader, seen)
                assert fault_of(caught) is LogFault.TRUNCATED
                assert reader.wait(1) is True
        assert seen == list(range(1, len(seen) + 1))
