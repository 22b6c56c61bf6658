"""Snapshots, pickling and copying from Python."""

import copy
import pickle

import pytest

import cmatch


class Desk(cmatch.Engine):
    """An engine with a name of its own."""

    __slots__ = ()


def test_restored_engine_goes_on_as_the_first(engine: cmatch.Engine) -> None:
    """Same bytes, same hash, same answers."""
    engine.submit(1, "sell", 10, 101, account=7)
    twin = cmatch.Engine.restore(engine.snapshot())
    assert (twin.snapshot(), twin.state_hash()) == (engine.snapshot(), engine.state_hash())
    assert twin.submit(1, "buy", 4, 101) == engine.submit(1, "buy", 4, 101)
    assert twin.limits == engine.limits


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_restore_takes_any_bytes(engine: cmatch.Engine, kind: type) -> None:
    """What has a buffer is bytes."""
    assert cmatch.Engine.restore(kind(engine.snapshot())).state_hash() == engine.state_hash()


def test_restore_of_no_bytes_is_a_type_error() -> None:
    """A str is no snapshot."""
    with pytest.raises(TypeError):
        cmatch.Engine.restore("snapshot")  # type: ignore[arg-type]


def test_restore_of_damaged_bytes_names_the_reason(engine: cmatch.Engine) -> None:
    """Cut short, one bit flipped, or no snapshot at all: SnapshotError, which is a ValueError."""
    data = engine.snapshot()
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    for wrong in (b"", b"abc", data[:-1], bytes(damaged)):
        with pytest.raises(cmatch.SnapshotError) as caught:
            cmatch.Engine.restore(wrong)
        assert isinstance(caught.value, ValueError)
        assert str(caught.value)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_engine_keeps_state_options_and_events(keeping: cmatch.Engine, protocol: int) -> None:
    """Kept events come along; nothing is lost."""
    keeping.submit(1, "buy", 3, 100)
    twin = pickle.loads(pickle.dumps(keeping, protocol))  # noqa: S301 (our own bytes)
    assert twin.options == keeping.options
    assert twin.limits == keeping.limits
    assert twin.snapshot() == keeping.snapshot()
    assert twin.drain_events().tobytes() == keeping.drain_events().tobytes()


def test_copied_engine_is_another_engine(engine: cmatch.Engine) -> None:
    """What happens to the copy does not happen to the first."""
    for twin in (copy.copy(engine), copy.deepcopy(engine)):
        before = engine.state_hash()
        assert twin.state_hash() == before
        twin.submit(1, "buy", 3, 100)
        assert engine.state_hash() == before


def test_subclass_restores_and_pickles_as_itself() -> None:
    """The class of a subclass is kept."""
    desk = Desk()
    desk.define_instrument(1)
    assert type(Desk.restore(desk.snapshot())) is Desk
    assert type(pickle.loads(pickle.dumps(desk))) is Desk  # noqa: S301 (our own bytes)


def test_engine_whose_init_was_not_called_is_refused() -> None:
    """Not a crash."""
    unmade = cmatch.Engine.__new__(cmatch.Engine)
    with pytest.raises(TypeError, match="__init__"):
        unmade.submit(1, "buy", 1, 1)
    with pytest.raises(TypeError):
        unmade.set_mark(1, 1)
