"""Random sessions: the two venues agree on everything, however a session is cut by snapshots."""

import functools
from collections import Counter

import pytest

from tests.oracle.venue import Header, Venue
from tests.oracle.venue.model import Report, Sizes
from tests.venue.campaign import ALL, main
from tests.venue.compare import Batch, Pair
from tests.venue.core_venue import CoreVenue
from tests.venue.sessions import Session

SEEDS = range(1, 61)
BATCHES = 300


@functools.cache
def finished(seed: int) -> Pair:
    """The pair of a session that ran without a difference."""
    return Session(seed).run(BATCHES)


@functools.cache
def recorded(seed: int, batches: int) -> tuple[Sizes, list[Batch], list[list[Report]]]:
    """A session's sizes, its batches, and what the plain venue told of each."""
    session = Session(seed)
    oracle = session.pair.oracle
    history: list[Batch] = []
    told: list[list[Report]] = []
    for _ in range(batches):
        family, timestamp, commands = session.flow.next()
        history.append((family, timestamp, commands))
        told.append(oracle.apply(family, Header(oracle.sequence + 1, timestamp), commands))
    return session.sizes, history, told


@pytest.mark.req("A012", "A013", "B031", "B052")
@pytest.mark.parametrize("seed", SEEDS)
def test_session_of_random_batches_tells_and_holds_what_the_plain_venue_does(seed: int) -> None:
    """Reports, answers, balances, reservations, positions and orders, batch by batch."""
    assert finished(seed).history


def test_sessions_together_reach_every_report_reject_and_reason() -> None:
    """The comparison is worth something: nothing that the venue can say was left unsaid."""
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        seen += finished(seed).seen
    assert [name for name in ALL if seen[name] == 0] == []


@pytest.mark.req("B046")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_session_conserves_money_and_quantity_in_what_it_prints(seed: int) -> None:
    """By the compiled venue's own views and reports: totals sum to zero; in = filled + taken off + live."""
    sizes, history, _ = recorded(seed, BATCHES)
    core = CoreVenue.create(sizes)
    books: dict[int, int] = {}
    for batch in history:
        for record in core.apply(*batch):
            follow(record, books)
        totals: Counter[int] = Counter()
        for (_, asset), (total, _, _) in core.balances().items():
            totals[asset] += total
        assert not any(totals.values())
    leaves = {
        order_id: found[3]
        for account in (1, 2, 3, 4, 5, 6)
        for order_id, found in core.open_orders(account).items()
        if found[0] != "pending_new" or order_id in books  # nothing is told of what a shard has to answer
    }
    assert leaves == books


def follow(record: Report, leaves: dict[int, int]) -> None:
    """Follows the leaves of every live order through a report, by differences alone."""
    order_id = record.get("order_id", 0)
    if not order_id or record["duplicate"] or record["reject"] is not None:
        if record.get("exec_type") == "rejected" and not record["duplicate"]:
            leaves.pop(order_id, None)
        return
    match record["exec_type"]:
        case "accepted":
            assert leaves.get(order_id, record["order_qty"]) == record["order_qty"]
            leaves[order_id] = record["order_qty"]
        case "trade":
            assert record["last_qty"] > 0
            leaves[order_id] -= record["last_qty"]
            assert leaves[order_id] == record["leaves_qty"] >= 0
            if leaves[order_id] == 0:
                del leaves[order_id]
        case "canceled" | "expired" if order_id in leaves:
            assert leaves.pop(order_id) == record["last_qty"]
        case "replaced":
            leaves[order_id] = record["order_qty"] - record["cum_qty"]
        case "restated":
            leaves[order_id] -= record["last_qty"]
            assert leaves[order_id] == record["leaves_qty"]


@pytest.mark.req("B007")
@pytest.mark.parametrize("seed", [4, 5])
def test_session_restored_at_every_split_point_goes_on_as_if_it_never_stopped(seed: int) -> None:
    """From each snapshot on: the same reports, and at the end the same bytes, hash and digest."""
    sizes, history, told = recorded(seed, 60)
    core = CoreVenue.create(sizes)
    snapshots = []
    for batch in history:
        snapshots.append(core.venue.snapshot())
        core.apply(*batch)
    for i, snapshot in enumerate(snapshots):
        restored = CoreVenue.restore(snapshot)
        assert restored.venue.snapshot() == snapshot
        assert [restored.apply(*batch) for batch in history[i:]] == told[i:]
        assert restored.venue.snapshot() == core.venue.snapshot()
        assert restored.venue.state_hash() == core.venue.state_hash()
        assert restored.venue.event_digest == core.venue.event_digest


@pytest.mark.req("B005")
@pytest.mark.parametrize("seed", [6, 7])
def test_session_played_twice_gives_the_same_hash_after_every_batch(seed: int) -> None:
    """Same batches, same states: hash, digest and bytes, all the way."""
    sizes, history, _ = recorded(seed, BATCHES)
    first, second = CoreVenue.create(sizes), CoreVenue.create(sizes)
    for batch in history:
        assert first.apply(*batch) == second.apply(*batch)
        assert first.venue.state_hash() == second.venue.state_hash()
        assert first.venue.event_digest == second.venue.event_digest
    assert first.venue.snapshot() == second.venue.snapshot()


@pytest.mark.parametrize("seed", [8, 9])
def test_session_refused_administration_leaves_the_hash_as_it_was(seed: int) -> None:
    """What is refused changes nothing, where there is nothing to keep or forget and no time has passed."""
    sizes, history, _ = recorded(seed, BATCHES)
    core = CoreVenue.create(sizes, order_ids=1 << 20)
    refused = 0
    for family, timestamp, commands in history:
        if family not in ("instruments", "administration"):
            core.apply(family, timestamp, commands)
            continue
        core.apply("administration", timestamp, [{"kind": "tick", "session": 0}])
        for command in commands:
            before = core.venue.state_hash()
            told = core.apply(family, timestamp, [command])  # nothing, where a shard has to answer
            if told and told[0]["reject"] is not None:
                refused += 1
                assert core.venue.state_hash() == before, command
    assert refused >= 5


def test_venue_of_the_plain_kind_refuses_a_sequence_that_is_not_the_next() -> None:
    """A gap is an accident, not a reject."""
    with pytest.raises(AssertionError):
        Venue().apply("administration", Header(2, 0), [{"kind": "tick"}])


def test_campaign_of_a_moment_prints_its_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    """The campaign runs from the command line and says which seeds it ran."""
    assert main(["--seconds", "0.2", "--seed", "77", "--batches", "5"]) == 0
    assert "seed 77\n" in capsys.readouterr().out
