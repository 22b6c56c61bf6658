"""The open-loop load generator against servers that answer well, late, twice, wrongly or never."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import zmq
from numpy.typing import NDArray

from cmatch._core import EchoReader, LoadGenerator, ReportReader, ZmqTransport
from cmatch.errors import TransportFailed
from cmatch.frames import EXECUTION_REPORT_DTYPE, ReportList, encode_reports
from tests.transport.conftest import BYTES, FRAMES, Connect, Door, Frame, OpenSocket

MS = 1_000_000
PLANNED_FRAME_DTYPE = np.dtype(
    [
        ("at_ns", "<u8"),
        ("offset", "<u8"),
        ("length", "<u4"),
        ("socket", "<u4"),
        ("first_request", "<u4"),
        ("requests", "<u4"),
    ]
)
Answer = Callable[[ZmqTransport, Frame], None]


def plan_of(
    frames: int, sockets: int, gap_ns: int, requests: int = 1
) -> tuple[NDArray[np.void], NDArray[np.uint64]]:
    """Frames of an echo, of that many requests each, round robin over the sockets."""
    arena = np.zeros((frames, 16), np.uint64)
    arena[:, 0] = np.arange(frames) * requests
    arena[:, 1] = requests
    plan = np.zeros(frames, PLANNED_FRAME_DTYPE)
    plan["at_ns"] = np.arange(frames) * gap_ns
    plan["offset"] = np.arange(frames) * 128
    plan["length"] = 128
    plan["socket"] = np.arange(frames) % sockets
    plan["first_request"] = np.arange(frames) * requests
    plan["requests"] = requests
    return plan, arena


@contextmanager
def serving(door: Door, answer: Answer) -> Iterator[None]:
    """A thread that gives every frame to `answer`."""

    def serve(frames: list[Frame]) -> None:
        for frame in frames:
            answer(door.transport, frame)

    with drained(door, MS, serve):
        yield


@contextmanager
def held_back(door: Door) -> Iterator[list[int]]:
    """A thread that answers what came once nothing more comes: how many frames waited then, each time."""
    held: list[Frame] = []
    waited: list[int] = []

    def serve(frames: list[Frame]) -> None:
        held.extend(frames)
        if held and not frames:
            waited.append(len(held))
            for frame in held:
                echo(door.transport, frame)
            held.clear()

    with drained(door, 2 * MS, serve):
        yield waited


@contextmanager
def drained(door: Door, patience_ns: int, serve: Callable[[list[Frame]], None]) -> Iterator[None]:
    """A thread that serves what came, none where nothing did for so long."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            door.transport.wait(patience_ns)
            came = range(door.transport.drain(door.inbound, FRAMES, BYTES))
            frames = [door.inbound.frame(index) for index in came]
            serve([(connection, data, int(kind), first) for connection, data, kind, first in frames])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def echo(transport: ZmqTransport, frame: Frame) -> None:
    """The right answer."""
    transport.send(frame[0], frame[1])


def load_of(connect: Connect, sockets: int) -> LoadGenerator:
    """Over that many connections."""
    clients = [connect() for _ in range(sockets)]
    return LoadGenerator([client.underlying for client in clients], owner=clients)


def test_load_every_request_is_sent_and_answered_once(door: Door, connect: Connect) -> None:
    """Frames of several requests over several sockets: all counted, each with a latency."""
    load = load_of(connect, 4)
    plan, arena = plan_of(200, 4, 100_000, requests=10)
    with serving(door, echo):
        load.run(plan, arena, EchoReader(), linger_ns=60_000 * MS)
    counts = load.counts
    assert {name: count for name, count in counts.items() if name not in ("elapsed_ns", "blocked")} == {
        "frames_sent": 200,
        "frames_received": 200,
        "bytes_received": 200 * 128,
        "requests_sent": 2000,
        "answered": 2000,
        "lost": 0,
        "duplicates": 0,
        "unknown": 0,
    }
    latencies = np.frombuffer(load.latencies(), np.uint64)
    assert latencies.shape == (2000,)
    assert latencies.min() > 0
    assert load.latency.count == 2000
    assert load.latency.max == latencies.max()
    assert load.lateness.count == 200
    assert counts["elapsed_ns"] >= plan["at_ns"][-1]
    exact = int(np.sort(latencies)[1979])
    assert exact <= load.latency.percentile(990_000) <= exact * 1.01


def test_load_slow_server_is_charged_from_the_time_each_frame_was_due(door: Door, connect: Connect) -> None:
    """A server that holds all answers for 60 ms makes all late by that, and frames keep coming."""
    held: list[Frame] = []
    first_ns: list[int] = []

    def hold(transport: ZmqTransport, frame: Frame) -> None:
        held.append(frame)
        first_ns.append(time.monotonic_ns())
        if len(held) == 20:  # the generator did not wait for an answer before it sent the next
            while time.monotonic_ns() < first_ns[0] + 60 * MS:
                pass
            for one in held:
                transport.send(one[0], one[1])

    load = load_of(connect, 1)
    plan, arena = plan_of(20, 1, MS)
    with serving(door, hold):
        load.run(plan, arena, EchoReader(), linger_ns=60_000 * MS)
    latencies = np.frombuffer(load.latencies(), np.uint64)
    assert load.counts["answered"] == 20
    assert (latencies >= 60 * MS - plan["at_ns"]).all()


def test_load_warm_up_is_sent_and_counted_but_not_measured(door: Door, connect: Connect) -> None:
    """Requests due before measure_from_ns are in no histogram."""
    load = load_of(connect, 2)
    plan, arena = plan_of(50, 2, MS)
    with serving(door, echo):
        load.run(plan, arena, EchoReader(), measure_from_ns=30 * MS, linger_ns=60_000 * MS)
    assert load.counts["answered"] == 50
    assert load.latency.count == load.lateness.count == 20


def test_load_lost_duplicate_and_unknown_answers_are_told_apart(door: Door, connect: Connect) -> None:
    """Request 0 gets no answer, 1 two, and 2 that of a request that never was, as well as its own."""

    def misbehave(transport: ZmqTransport, frame: Frame) -> None:
        request = int.from_bytes(frame[1][:8], "little")
        if request == 1:
            echo(transport, frame)
        if request == 2:
            transport.send(frame[0], (999).to_bytes(8, "little") + frame[1][8:])
        if request != 0:
            echo(transport, frame)

    load = load_of(connect, 1)
    plan, arena = plan_of(3, 1, 0)
    with serving(door, misbehave):
        load.run(plan, arena, EchoReader(), linger_ns=3_000 * MS)
    counts = load.counts
    assert (counts["lost"], counts["duplicates"], counts["unknown"], counts["answered"]) == (1, 1, 1, 2)
    assert np.frombuffer(load.latencies(), np.uint64)[0] == 0


def test_load_full_socket_delays_frames_and_drops_none(door: Door, connect: Connect) -> None:
    """While nobody reads, frames wait their turn; then all arrive, in order."""
    seen: list[int] = []

    def note(transport: ZmqTransport, frame: Frame) -> None:
        if not seen:  # let the queues fill up behind the first one
            time.sleep(0.05)
        seen.append(int.from_bytes(frame[1][:8], "little"))
        echo(transport, frame)

    client = connect()
    client.setsockopt(zmq.SNDHWM, 2)
    client.disconnect(door.endpoint)
    client.connect(door.endpoint)
    load = LoadGenerator([client.underlying])
    plan, arena = plan_of(3_000, 1, 0)
    with serving(door, note):
        load.run(plan, arena, EchoReader(), linger_ns=60_000 * MS)
    assert load.counts["blocked"] > 0
    assert load.counts["lost"] == 0
    assert seen == list(range(3_000))


@pytest.mark.parametrize(("in_flight", "most"), [(20, 2), (25, 2), (3, 1)])
def test_load_closed_loop_waits_for_answers(door: Door, connect: Connect, in_flight: int, most: int) -> None:
    """Frames of ten: as many as fit wait for an answer, one at least; each is due when there is room."""
    load = load_of(connect, 2)
    plan, arena = plan_of(40, 2, 0, requests=10)
    with held_back(door) as waited:
        load.run(plan, arena, EchoReader(), linger_ns=60_000 * MS, in_flight=in_flight)
    assert (load.counts["answered"], load.counts["lost"]) == (400, 0)
    assert (sum(waited), max(waited)) == (40, most)
    latencies = np.frombuffer(load.latencies(), np.uint64)
    assert latencies.max() < load.counts["elapsed_ns"] / 4  # an open loop's last would be as old as the run
    assert load.lateness.max == 0


def test_load_closed_loop_ends_where_answers_are_lost(door: Door, connect: Connect) -> None:
    """Who waits for answers that do not come sends nothing more, and says what is lost."""
    load = load_of(connect, 1)
    plan, arena = plan_of(10, 1, 0)
    with serving(door, lambda transport, frame: echo(transport, frame) if frame[1][0] < 3 else None):
        load.run(plan, arena, EchoReader(), linger_ns=200 * MS, in_flight=2)
    counts = load.counts
    assert (counts["frames_sent"], counts["answered"], counts["lost"]) == (5, 3, 2)


@pytest.mark.parametrize("in_flight", [0, 1, 30])
def test_load_sends_nothing_more_once_its_time_is_over(door: Door, connect: Connect, in_flight: int) -> None:
    """What was sent by then is answered, and the rest is not lost: it was never sent."""
    load = load_of(connect, 2)
    plan, arena = plan_of(1_000, 2, 2 * MS, requests=10)
    with serving(door, echo):
        load.run(plan, arena, EchoReader(), linger_ns=60_000 * MS, in_flight=in_flight, stop_ns=100 * MS)
    counts, latencies = load.counts, np.frombuffer(load.latencies(), np.uint64)
    assert 10 <= counts["requests_sent"] <= 500
    assert (counts["answered"], counts["lost"]) == (counts["requests_sent"], 0)
    assert latencies[: counts["answered"]].all()
    assert not latencies[counts["answered"] :].any()


def test_load_second_run_starts_from_nothing(door: Door, connect: Connect) -> None:
    """Counts and histograms are those of the last run."""
    load = load_of(connect, 1)
    with serving(door, echo):
        for frames in (7, 3):
            plan, arena = plan_of(frames, 1, 0)
            load.run(plan, arena, EchoReader(), linger_ns=60_000 * MS)
    assert load.counts["answered"] == load.latency.count == 3


def test_load_plan_out_of_order_is_refused_by_its_frame(door: Door, connect: Connect) -> None:
    """Every field of a plan is checked before anything is sent."""
    load = load_of(connect, 1)
    for field, value, why in (
        ("at_ns", 0, "due before"),
        ("offset", 1 << 40, "outside the arena"),
        ("length", 1 << 30, "outside the arena"),
        ("socket", 1, "not there"),
        ("first_request", 7, "in a row"),
        ("requests", 0, "in a row"),
    ):
        plan, arena = plan_of(4, 1, 10)
        plan[field][2] = value
        with pytest.raises(ValueError, match=f"planned frame 2 .*{why}"):
            load.run(plan, arena, EchoReader())
    with pytest.raises(ValueError, match="whole records"):
        load.run(b"x" * 31, b"", EchoReader())
    assert load.counts["frames_sent"] == 0


def test_load_other_sockets_are_refused(open_socket: OpenSocket) -> None:
    """It needs connected DEALER sockets, at least one."""
    with pytest.raises(TransportFailed, match="DEALER"):
        LoadGenerator([open_socket(zmq.ROUTER).underlying])
    with pytest.raises(ValueError, match="at least one"):
        LoadGenerator([])


def test_load_reports_of_the_core_answer_by_correlation_id(door: Door, connect: Connect) -> None:
    """Two orders a frame, each with its acceptance; one of them trades at once, and that answers nothing."""
    accepted, rejected, traded = 1, 2, 3
    frames = []
    for frame in range(5):
        reports = np.zeros(3, EXECUTION_REPORT_DTYPE)
        reports["exec_type"] = (accepted, traded, rejected)
        reports["event_sequence"] = np.arange(3) + 1 + 3 * frame
        reports["correlation_id_head"] = [b"n%x" % number for number in (2 * frame, 2 * frame, 2 * frame + 1)]
        reports["reject"][2] = 2003
        frames.append(encode_reports(ReportList.REPORTS, reports))
    lengths = np.array([len(frame) for frame in frames])
    plan, _ = plan_of(5, 1, MS, requests=2)
    plan["length"] = lengths
    plan["offset"] = np.cumsum(lengths) - lengths
    reader = ReportReader()
    load = load_of(connect, 1)
    with serving(door, echo):
        load.run(plan, b"".join(frames), reader, linger_ns=60_000 * MS)
    counts = load.counts
    assert (counts["answered"], counts["lost"], counts["duplicates"], counts["unknown"]) == (10, 0, 0, 0)
    told = {name: count for name, count in reader.counts.items() if count}
    assert told == {"reports": 15, "accepted": 5, "rejected": 5, "fills": 5}
    assert reader.rejects == {2003: 5}
