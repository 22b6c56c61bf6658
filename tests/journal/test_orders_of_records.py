"""A venue that passes over orders ends where one that applies record by record does."""

import random
from pathlib import Path
from typing import Any

import pytest

from cmatch._core import JournalReader, JournalRecord, Venue
from cmatch.errors import InvariantViolation
from tests.exchange.journals import ALICE, Writer

LIMITS: dict[str, Any] = {"max_accounts": 100, "max_orders": 10_000, "max_client_ids": 10_000}
EVERYTHING = 1 << 62


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders, and between them what administrators say."""
    directory = tmp_path_factory.mktemp("journal")
    writer = Writer(directory)
    writer.open_market()
    admin = writer.make.admin
    for count in (1, 5, 40, 3):
        writer.trade(count)
        writer.write(admin.deposit("USD", "1", account=ALICE))
        writer.write(admin.kill("account", account=ALICE, on=count == 5))
    writer.trade(2)
    writer.close()
    return directory


def record_by_record(journal: Path) -> tuple[Venue, list[JournalRecord]]:
    """The fold, and the records of it that hold no orders."""
    venue, others = Venue(**LIMITS), []
    for record in JournalReader(str(journal), 1):
        _, answers = venue.apply_payload(record.payload)
        if answers.size:
            others.append(record)
    return venue, others


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_orders_are_applied_and_all_else_is_handed_out(journal: Path, seed: int, keeps: bool) -> None:
    """However many at a time: the same state, every other record once, in order, none beyond the bound.

    Where what came of them is asked for, it is what single records give.
    """
    plain, others = record_by_record(journal)
    rng = random.Random(seed)
    venue, reader, found = Venue(**LIMITS), JournalReader(str(journal), 1), []
    bound, held, made = 0, None, list[bytes]()
    while venue.sequence < plain.sequence:
        bound = min(max(bound, venue.sequence) + rng.randrange(12), plain.sequence)
        before, applied = venue.sequence, 0
        if held is None:
            most = rng.choice((1, 3, 1_000))
            if keeps:
                applied, epoch, held, *events = venue.take_orders(reader, most, bound)
                made += [rows.tobytes() for rows in events]
            else:
                applied, epoch, held = venue.pass_orders(reader, most, bound)
            assert (epoch != 0) == (applied != 0)
        assert venue.sequence == before + applied <= max(bound, before)
        if held is not None:
            assert held.first_sequence == venue.sequence + 1
            if held.first_sequence <= bound:
                reports, answers = venue.apply_payload(held.payload)
                found += [held] if answers.size else []
                made += [] if answers.size else [reports.tobytes()]
                held = None
    assert found == others
    assert (venue.event_digest, venue.state_hash()) == (plain.event_digest, plain.state_hash())
    assert venue.pass_orders(reader, 1, EVERYTHING) == (0, 0, None)
    if keeps:
        assert b"".join(made) == b"".join(of_orders(journal))


def of_orders(journal: Path) -> list[bytes]:
    """Reports and answers of records of orders, one record after the other."""
    venue, found = Venue(**LIMITS), list[bytes]()
    for record in JournalReader(str(journal), 1):
        reports, answers = venue.apply_payload(record.payload)
        found += [] if answers.size else [reports.tobytes()]
    return found


def test_orders_of_two_epochs_are_not_taken_together(tmp_path: Path) -> None:
    """The first record of another epoch is handed out."""
    writer = Writer(tmp_path)
    writer.open_market()
    opened = writer.sequence
    writer.trade(2)
    middle = writer.sequence
    writer.journal.raise_epoch(7)
    writer.trade(2)
    venue, reader = Venue(**LIMITS), JournalReader(str(tmp_path), 1)
    while venue.sequence < opened:
        venue.apply_payload(next(reader).payload)
    applied, epoch, held, reports, answers = venue.take_orders(reader, EVERYTHING, EVERYTHING)
    assert (opened + applied, epoch, len(reports), len(answers)) == (middle, 1, 8, 0)
    assert held is not None
    assert (held.first_sequence, held.epoch) == (middle + 1, 7)
    venue.apply_payload(held.payload)
    assert venue.pass_orders(reader, EVERYTHING, EVERYTHING) == (writer.sequence - middle - 1, 7, None)
    writer.close()


def test_reader_at_another_place_changes_nothing(journal: Path) -> None:
    """Orders that do not follow what the venue has are handed out, and refused when they are applied."""
    plain, _ = record_by_record(journal)
    venue = Venue(**LIMITS)
    applied, epoch, held = venue.pass_orders(JournalReader(str(journal), plain.sequence), 1, EVERYTHING)
    assert (applied, epoch, venue.sequence) == (0, 0, 0)
    assert held is not None
    assert held.first_sequence + held.commands - 1 == plain.sequence
    with pytest.raises(InvariantViolation):
        venue.apply_payload(held.payload)
    assert venue.sequence == 0
