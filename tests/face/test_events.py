"""The buffer of kept events: right whatever the batch size, bounded, and losing nothing."""

import numpy as np
import pytest

import cmatch

ORDER = {"instrument_id": 1, "side": "buy", "qty": 1, "price": 5}


def test_drain_events_gives_single_calls_and_batches_in_order(keeping: cmatch.Engine) -> None:
    """One stream, gapless, emptied by the drain."""
    keeping.submit(1, "buy", 1, 5)
    batch = keeping.submit_batch(cmatch.commands(2, order_id=[2, 3], **ORDER))
    keeping.cancel(1, 2)
    events = keeping.drain_events()
    assert events["sequence"].tolist() == [2, 3, 4, 5]
    assert events[1:3].tobytes() == batch.tobytes()
    assert len(keeping.drain_events()) == 0


def test_call_that_may_not_be_kept_is_refused_before_it_is_applied(keeping: cmatch.Engine) -> None:
    """At max_events a call raises and nothing changes; after a drain it passes."""
    for _ in range(8):
        keeping.submit(1, "buy", 1, 5)
    state, sequence = keeping.state_hash(), keeping.command_sequence
    for refused in (
        lambda: keeping.submit(1, "buy", 1, 5),
        lambda: keeping.cancel(1, 1),
        lambda: keeping.set_mark(1, 5),
        lambda: keeping.submit_batch(cmatch.commands(1, order_id=9, **ORDER)),
    ):
        with pytest.raises(BufferError, match=r"holds 8 of max_events=8 and 1 more are due .* drain_events"):
            refused()
    assert (keeping.state_hash(), keeping.command_sequence) == (state, sequence)
    assert len(keeping.drain_events()) == 8
    assert keeping.submit(1, "buy", 1, 5)


def test_batch_needs_a_free_place_a_command(keeping: cmatch.Engine) -> None:
    """Each command makes an event at least, so a batch that cannot fit is refused whole."""
    keeping.submit(1, "buy", 1, 5)
    with pytest.raises(BufferError, match="holds 1 of max_events=8 and 8 more are due"):
        keeping.submit_batch(cmatch.commands(8, order_id=np.arange(2, 10), **ORDER))
    assert keeping.live_orders == 1
    assert len(keeping.submit_batch(cmatch.commands(7, order_id=np.arange(2, 9), **ORDER))) == 7


def test_batch_larger_than_the_buffer_is_told_to_split(keeping: cmatch.Engine) -> None:
    """Draining would not help, and the message says so."""
    with pytest.raises(BufferError, match="split the batch"):
        keeping.submit_batch(cmatch.commands(9, order_id=np.arange(1, 10), **ORDER))


def test_call_with_undrained_deltas_at_the_limit_is_refused_before_it_is_applied() -> None:
    """With max_events deltas waiting a call raises and nothing changes, until both kinds are drained."""
    engine = cmatch.Engine(max_orders=1 << 12, max_order_ids=1 << 14, max_events=3, deltas=True)
    engine.define_instrument(1)
    for price in (5, 6, 7):
        engine.submit(1, "buy", 1, price)
    state, sequence = engine.state_hash(), engine.command_sequence
    with pytest.raises(BufferError, match=r"hold 3 of max_events=3: call drain_l2_deltas\(\) and drain_l3"):
        engine.submit(1, "buy", 1, 8)
    assert len(engine.drain_l2_deltas()) == 3
    with pytest.raises(BufferError, match="hold 3 of max_events=3"):
        engine.submit_batch(cmatch.commands(1, order_id=9, **ORDER))
    assert (engine.state_hash(), engine.command_sequence) == (state, sequence)
    assert engine.drain_l3_deltas()["order_id"].tolist() == [1, 2, 3]
    assert engine.submit(1, "buy", 1, 8)


def test_events_beyond_the_places_are_kept_too(keeping: cmatch.Engine) -> None:
    """An accepted call's events are never dropped, however many they are."""
    for _ in range(7):
        keeping.submit(1, "sell", 1, 5)
    keeping.submit(1, "buy", 7, 5)
    events = keeping.drain_events()
    assert events["kind"].tolist() == [cmatch.EventKind.ACCEPTED] * 8 + [cmatch.EventKind.TRADE] * 7


def test_reading_needs_no_place(keeping: cmatch.Engine) -> None:
    """Views, hashes and snapshots pass while the buffer is full."""
    for _ in range(8):
        keeping.submit(1, "buy", 1, 5)
    assert keeping.best(1).bid_qty == 8
    assert keeping.snapshot()


def test_drain_without_keeping_says_how_to_keep(engine: cmatch.Engine) -> None:
    """An empty answer would be a lie."""
    with pytest.raises(RuntimeError, match=r"Engine\(keep_events=True\)"):
        engine.drain_events()
    for drain in (engine.drain_l2_deltas, engine.drain_l3_deltas):
        with pytest.raises(RuntimeError, match=r"Engine\(deltas=True\)"):
            drain()


def test_engine_refuses_wrong_limits_by_name() -> None:
    """A limit of 0, one that is too large, and a float."""
    with pytest.raises(ValueError, match="max_orders"):
        cmatch.Engine(max_orders=0)
    with pytest.raises(ValueError, match="max_order_ids"):
        cmatch.Engine(max_order_ids=2**60)
    with pytest.raises(TypeError, match="max_instruments must be an int, not float"):
        cmatch.Engine(max_instruments=1.0)  # type: ignore[arg-type]
    with pytest.raises(OverflowError, match="tape does not fit an unsigned integer of 32 bits"):
        cmatch.Engine(tape=-1)
