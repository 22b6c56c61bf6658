"""Our own op format in its three containers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cmatch
from cmatch.replay import FeedError, Flow, open_flow, play
from cmatch.replay.feeds import ops
from cmatch.replay.instruments import Instrument


def sample() -> Flow:
    """A definition, two orders that meet, one that does not."""
    define = cmatch.definitions(1, instrument_id=1).view(cmatch.COMMAND_DTYPE)
    orders = cmatch.commands(
        3,
        instrument_id=1,
        account=1,
        order_id=np.arange(1, 4),
        side=["sell", "buy", "buy"],
        qty=[5, 3, 7],
        price=[9, 9, 8],
    )
    return Flow(
        path=Path("sample"),
        format="test",
        instruments=[Instrument("ÅÄ-USD", 5, 3, 1, 8)],
        commands=np.concatenate((define, orders)),
        max_orders=10,
        max_order_ids=20,
        rows=4,
        unit="command",
    )


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
def test_ops_written_and_read_again_are_the_same(tmp_path: Path, suffix: str) -> None:
    """Commands byte for byte; but for the bare array also instruments and limits, so the state hash too."""
    flow, path = sample(), tmp_path / f"ops{suffix}"
    ops.write(flow, path)
    again = open_flow(path)
    assert again.commands.tobytes() == flow.commands.tobytes()
    assert play(again).digest == play(flow).digest
    if suffix != ".npy":
        assert again.instruments == flow.instruments
        assert (again.max_orders, again.max_order_ids) == (10, 20)
        assert play(again).state_hash == play(flow).state_hash


def test_ops_of_bad_commands_are_rejected_and_counted(tmp_path: Path) -> None:
    """Any values in any order are commands: the engine answers them."""
    noise = np.frombuffer(np.random.default_rng(7).bytes(128 * 300), cmatch.COMMAND_DTYPE)
    ops.write(replace(sample(), commands=noise), tmp_path / "noise.npz")
    flow = open_flow(tmp_path / "noise.npz")
    outcome = play(replace(flow, instruments=flow.instruments))
    assert outcome.rejects.total() + outcome.events >= 300


def test_ops_of_another_suffix_are_not_written(tmp_path: Path) -> None:
    """The three containers are named."""
    with pytest.raises(FeedError, match=r"commands are written as \.npy, \.npz or \.parquet"):
        ops.write(sample(), tmp_path / "ops.csv")


def wrong_files(folder: Path) -> dict[str, Path]:
    """Files of the right kind with the wrong content."""
    flow = sample()
    files = {name: folder / f"{name}.npz" for name in ("missing", "limits", "instruments", "flat", "torn")}
    np.savez(files["missing"], other=np.arange(3))
    np.savez(files["limits"], commands=flow.commands, limits=np.array([0, 5]))
    np.savez(files["instruments"], commands=flow.commands, instruments=np.arange(3))
    np.savez(files["flat"], commands=flow.commands.reshape(2, 2))
    ops.write(flow, files["torn"])
    files["torn"].write_bytes(files["torn"].read_bytes()[:-30])
    files["numbers"] = folder / "numbers.npy"
    np.save(files["numbers"], np.arange(3))
    files["pickle"] = folder / "pickle.npy"
    np.save(files["pickle"], np.array([{}], object), allow_pickle=True)
    return files


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "the archive has no array `commands`, but other"),
        ("limits", "limits are 2 whole numbers above 0: max_orders, max_order_ids"),
        ("instruments", "instruments has the dtype int64, not that of cmatch's archives"),
        ("flat", "commands has 2 dimensions, not 1"),
        ("torn", "it is no whole NumPy archive"),
        ("numbers", "the array has the dtype int64, not cmatch.COMMAND_DTYPE"),
        ("pickle", "it is no whole NumPy array"),
    ],
)
def test_ops_with_wrong_content_are_refused_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    """Each says what is wrong."""
    with pytest.raises(FeedError, match=reason.replace("`", ".")):
        open_flow(wrong_files(tmp_path)[name])


def test_parquet_with_wrong_columns_is_refused_with_the_reason(tmp_path: Path) -> None:
    """A column that commands do not have, one that is missing, one that does not fit, one with holes."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    good = {"instrument_id": [1], "kind": [5]}
    for columns, reason in (
        ({**good, "colour": [1]}, "commands have no column colour"),
        ({"kind": [5]}, "the column instrument_id is missing"),
        ({**good, "side": [300]}, "the column side does not fit uint8"),
        ({**good, "qty": [None]}, "the column qty has 1 empty values"),
    ):
        parquet.write_table(pyarrow.table(columns), tmp_path / "wrong.parquet")
        with pytest.raises(FeedError, match=reason):
            open_flow(tmp_path / "wrong.parquet")
