"""Arrays of commands and what they are refused for; dtypes."""

from typing import Any

import numpy as np
import pytest

import cmatch
from cmatch._core import LAYOUTS
from cmatch.arrays import Records


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_dtype_names_every_byte_of_its_record(name: str) -> None:
    """No padding: what NumPy repacks keeps its layout, and equal records have equal bytes."""
    dtype = getattr(cmatch.arrays, f"{name}_DTYPE")
    assert dtype.itemsize == LAYOUTS[name][0]
    assert sum(dtype[field].itemsize for field in dtype.names) == dtype.itemsize
    assert np.concatenate([np.zeros(1, dtype), np.zeros(1, dtype)]).dtype == dtype
    assert dtype == np.dtype([(field, dtype[field]) for field in dtype.names])


def test_commands_by_default_are_gtc_limit_orders() -> None:
    """All else is zero."""
    rows = cmatch.commands(2, instrument_id=1, side="buy", qty=[3, 4], price=100)
    expected = np.zeros(2, cmatch.COMMAND_DTYPE)
    expected["kind"] = cmatch.CommandKind.NEW_ORDER
    expected["type"] = cmatch.OrderType.LIMIT
    expected["time_in_force"] = cmatch.TimeInForce.GTC
    expected["instrument_id"] = 1
    expected["side"] = cmatch.Side.BUY
    expected["qty"] = [3, 4]
    expected["price"] = 100
    expected["present"] = cmatch.CommandField.PRICE
    assert rows.tobytes() == expected.tobytes()


def test_commands_mark_the_optional_fields_that_each_kind_looks_at() -> None:
    """Qty is optional in a replace only, the scope in a mass cancel only."""
    rows = cmatch.commands(
        3, kind=["new_order", "replace", "mass_cancel"], instrument_id=1, account=7, qty=5, stop_price=9
    )
    field = cmatch.CommandField
    assert rows["present"].tolist() == [
        field.STOP_PRICE,
        field.STOP_PRICE | field.QTY,
        field.STOP_PRICE | field.INSTRUMENT | field.ACCOUNT,
    ]


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"price": 1.5}, TypeError, "price must be ints, not float64"),
        ({"qty": [1, 2.0]}, TypeError, "qty must be ints, not float64"),
        ({"qty": True}, TypeError, "qty must be ints, not bool"),
        ({"colour": 1}, TypeError, r"commands\(\) has no field 'colour'"),
        ({"present": 1}, TypeError, r"commands\(\) has no field 'present'"),
        ({"side": "bid"}, ValueError, "side must be one of 'buy', 'sell', not 'bid'"),
        ({"side": ["buy", "bid"]}, ValueError, "side must be one of 'buy', 'sell', not 'bid'"),
        ({"qty": [1, 2, 3]}, ValueError, "could not broadcast"),
        ({"side": 256}, OverflowError, "side does not fit uint8"),
        ({"order_id": -1}, OverflowError, "order_id does not fit uint64"),
        ({"qty": 2**63}, OverflowError, "qty does not fit int64"),
        ({"order_id": 2**64}, OverflowError, "order_id does not fit an integer of 64 bits"),
    ],
)
def test_commands_refuse_a_wrong_value_by_name(
    fields: dict[str, Any], error: type[Exception], message: str
) -> None:
    """As submit does."""
    with pytest.raises(error, match=message):
        cmatch.commands(2, **fields)


def test_definitions_by_default_are_those_of_define_instrument() -> None:
    """One definition, two ways in: the same engine."""
    one, other = cmatch.Engine(), cmatch.Engine()
    one.define_instrument(1)
    one.define_instrument(2, collar=5, reference=7, phase="pre_open")
    rows = np.concatenate(
        [
            cmatch.definitions(1, instrument_id=1),
            cmatch.definitions(1, instrument_id=2, collar=5, reference=7, phase="pre_open"),
        ]
    )
    other.submit_batch(rows)
    assert one.instrument(2) == other.instrument(2)
    assert one.snapshot() == other.snapshot()


def flow(n: int) -> Records:
    """Make n commands of instrument 1 that rest, trade, change and cancel; some are refused."""
    random = np.random.default_rng(7)
    rows = cmatch.commands(
        n,
        instrument_id=1,
        account=random.integers(1, 4, n),
        order_id=np.arange(1, n + 1),
        side=random.integers(1, 3, n),
        qty=random.integers(0, 20, n),
        price=random.integers(95, 106, n),
        time_in_force=random.choice([1, 2, 4, 5], n),
        flags=random.choice([0, 0, 1, 4], n),
        stp_mode=random.integers(0, 5, n),
    )
    old = random.random(n) < 0.3
    rows["kind"][old] = random.choice([cmatch.CommandKind.CANCEL, cmatch.CommandKind.REPLACE], old.sum())
    rows["order_id"][old] = random.integers(1, n, old.sum())
    rows["present"][old] |= cmatch.CommandField.QTY.value
    return rows


def run(rows: np.ndarray, size: int) -> tuple[bytes, int]:
    """Apply rows in batches of a size: the events as bytes, and the hash."""
    engine = cmatch.Engine(max_orders=1 << 12, max_order_ids=1 << 14)
    engine.define_instrument(1)
    events = b"".join(engine.submit_batch(rows[at : at + size]).tobytes() for at in range(0, len(rows), size))
    return events, engine.state_hash()


@pytest.mark.parametrize("size", [1, 7, 500])
def test_submit_batch_of_any_size_gives_the_same_events(size: int) -> None:
    """Batching changes nothing."""
    rows = flow(2000)
    assert run(rows, size) == run(rows, 2000)


def test_single_calls_give_the_events_and_hash_of_a_batch() -> None:
    """The two ways in are one engine."""
    rows = flow(1000)
    engine = cmatch.Engine(max_orders=1 << 12, max_order_ids=1 << 14, keep_events=True)
    engine.define_instrument(1)
    engine.drain_events()
    for row in rows:
        name = cmatch.CommandKind(row["kind"]).name
        old = {"account": int(row["account"]), "order_id": int(row["order_id"])}
        if name == "CANCEL":
            engine.cancel(1, **old)
        elif name == "REPLACE":
            engine.replace(1, qty=int(row["qty"]), price=int(row["price"]), **old)
        else:
            words = {field: int(row[field]) for field in ("time_in_force", "flags", "stp_mode")}
            engine.submit(1, int(row["side"]), int(row["qty"]), int(row["price"]), **old, **words)
    assert (engine.drain_events().tobytes(), engine.state_hash()) == run(rows, len(rows))


def swapped(rows: np.ndarray) -> np.ndarray:
    """The same records in the other byte order."""
    return rows.astype(rows.dtype.newbyteorder())


def reordered(rows: np.ndarray) -> np.ndarray:
    """The same fields in another order, without the reserved ones, and narrower where that is safe."""
    names = [name for name in reversed(rows.dtype.names or ()) if not name.startswith("reserved")]
    dtype = np.dtype([(name, "i4" if name == "qty" else rows.dtype[name]) for name in names])
    copy = np.zeros(len(rows), dtype)
    for name in names:
        copy[name] = rows[name]
    return copy


def strided(rows: np.ndarray) -> np.ndarray:
    """The same rows with others between them."""
    wide = np.zeros((len(rows), 3), rows.dtype)
    wide[:, 1] = rows
    return wide[:, 1]


def backwards(rows: np.ndarray) -> np.ndarray:
    """The same rows by a negative stride."""
    return rows[::-1].copy()[::-1]


def unaligned(rows: np.ndarray) -> np.ndarray:
    """The same bytes at an odd address."""
    raw = np.zeros(rows.nbytes + 1, np.uint8)
    raw[1:] = rows.view(np.uint8).reshape(-1)
    return raw[1:].view(rows.dtype)


def read_only(rows: np.ndarray) -> np.ndarray:
    """The same rows, not to be written."""
    copy = rows.copy()
    copy.flags.writeable = False
    return copy


def recarray(rows: np.ndarray) -> np.ndarray:
    """The same rows in a subclass of ndarray."""
    return rows.view(np.recarray)


@pytest.mark.parametrize("way", [swapped, reordered, strided, backwards, unaligned, read_only, recarray])
def test_submit_batch_takes_any_memory_layout(way: Any) -> None:
    """What can be converted exactly is, and the given array stays as it was."""
    rows = flow(300)
    given = way(rows)
    before = given.tobytes()
    assert run(given, 300) == run(rows, 300)
    assert given.tobytes() == before


def test_submit_batch_takes_definitions_of_another_byte_order() -> None:
    """Definitions are converted as commands are."""
    engine = cmatch.Engine()
    engine.submit_batch(swapped(cmatch.definitions(2, instrument_id=[1, 2], max_price=500)))
    assert [engine.instrument(number).max_price for number in engine.instruments] == [500, 500]


ROWS = cmatch.commands(2, instrument_id=1)
WITHOUT_QTY = [(name, ROWS.dtype[name]) for name in ROWS.dtype.names or () if name != "qty"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([1, 2], TypeError, "commands must be an array of cmatch.COMMAND_DTYPE or .*, not list"),
        (None, TypeError, "not NoneType"),
        (np.zeros(3), TypeError, "not of dtype float64"),
        (np.zeros(3, object), TypeError, "not of dtype object"),
        (np.zeros(3, "V128"), TypeError, r"not of dtype \|V128"),
        (np.zeros((2, 2), cmatch.COMMAND_DTYPE), ValueError, "commands must have one dimension, not 2"),
        (np.zeros((), cmatch.COMMAND_DTYPE), ValueError, "commands must have one dimension, not 0"),
        (ROWS[0], TypeError, "not void"),
        (np.ma.masked_array(ROWS), TypeError, "not a masked array"),
        (np.zeros(2, WITHOUT_QTY), TypeError, "commands lacks the field 'qty' of cmatch.COMMAND_DTYPE"),
        (
            np.zeros(2, [*WITHOUT_QTY, ("qty", "f8")]),
            TypeError,
            "field 'qty' of commands must be int64, not float64",
        ),
        (
            np.zeros(2, [*WITHOUT_QTY, ("qty", "u8")]),
            TypeError,
            "field 'qty' of commands must be int64, not uint64",
        ),
        (
            np.zeros(2, [*WITHOUT_QTY, ("qty", "O")]),
            TypeError,
            "field 'qty' of commands must be int64, not object",
        ),
        (
            np.zeros(2, [*WITHOUT_QTY, ("qty", "?")]),
            TypeError,
            "field 'qty' of commands must be int64, not bool",
        ),
        (np.zeros(2, [*WITHOUT_QTY, ("qty", "i8", 2)]), TypeError, "field 'qty' of commands must be int64"),
        (np.zeros(2, [*ROWS.dtype.descr, ("colour", "i8")]), TypeError, "has a field 'colour' that"),
        (np.zeros(2, cmatch.EVENT_DTYPE), TypeError, "has a field 'sequence' that cmatch.COMMAND_DTYPE"),
    ],
)
def test_submit_batch_refuses_other_arrays_by_name(
    engine: cmatch.Engine, given: Any, error: type[Exception], message: str
) -> None:
    """The message says what was expected; nothing is applied."""
    before = engine.command_sequence
    with pytest.raises(error, match=message):
        engine.submit_batch(given)
    assert engine.command_sequence == before


def test_submit_batch_of_nothing_gives_an_empty_array(engine: cmatch.Engine) -> None:
    """Shape (0,) in, shape (0,) out."""
    events = engine.submit_batch(cmatch.commands(0))
    assert (events.shape, events.dtype) == ((0,), cmatch.EVENT_DTYPE)


def test_submit_batch_events_outlive_the_engine() -> None:
    """The array owns its memory, and writing to it concerns nobody else."""
    engine = cmatch.Engine()
    events = engine.submit_batch(cmatch.definitions(1, instrument_id=1))
    del engine
    assert events["kind"].tolist() == [cmatch.EventKind.ACCEPTED]
    assert events.flags.writeable
    events["kind"] = 0


def test_submit_batch_events_stay_when_the_next_batch_comes(engine: cmatch.Engine) -> None:
    """Memory is used again only once no array is over it."""
    orders = cmatch.commands(100, instrument_id=1, side="buy", qty=1, price=5)
    seen = []
    for _ in range(4):
        orders["order_id"] = engine.next_order_id + np.arange(100)
        seen.append(engine.submit_batch(orders))
    assert [int(events["order_id"][0]) for events in seen] == [1, 101, 201, 301]


def test_submit_batch_memory_is_used_again(engine: cmatch.Engine) -> None:
    """A dropped array's memory serves the next batch of its size: no page faults in a steady loop."""
    rejects = cmatch.commands(1000)
    addresses = {engine.submit_batch(rejects).__array_interface__["data"][0] for _ in range(10)}
    assert len(addresses) == 1
