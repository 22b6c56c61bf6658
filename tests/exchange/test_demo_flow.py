"""The demo's order flow: from the sample, seeded, and right about what of it is alive."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from cmatch._core import Venue
from cmatch.enums import RejectCode
from cmatch.frames import ORDER_COMMAND_DTYPE
from exchange.client.face import Makers
from exchange.client.ids import Names
from exchange.client.requests import Request
from exchange.client.results import AdminAnswer
from exchange.demo.flow import Flow, Taste
from exchange.demo.market import Plan, records_of, set_up
from exchange.demo.sample import load
from exchange.demo.translate import Action, translate
from exchange.domain.enums import CommandList, ExecType, OrderAction

START_NS = 1_700_000_000_000_000_000
CAPTURE = Path(__file__).parents[2] / "examples" / "coinbase" / "COINBASE.ws.28.0.gz"


class Desk:
    """A client of a venue in this process: enough of one to set a market up and trade on it."""

    def __init__(self) -> None:
        self.venue = Venue()
        self.now = START_NS
        self.make = Makers(Names("demo", lambda: self.now), "demo", None)
        self.admin = self

    def __getattr__(self, name: str) -> object:
        maker = getattr(self.make.admin, name)
        return lambda *words, **more: self._send(maker(*words, **more))

    def batch(self, requests: list[Request[AdminAnswer]]) -> list[AdminAnswer]:
        """Each request's answer."""
        return [self._send(request) for request in requests]

    def trade(self, rows: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
        """The reports of a batch of orders."""
        self.now += 1_000_000
        rows["sent_at"] = self.now
        reports, _ = self.venue.apply(int(CommandList.ORDERS), self.venue.sequence + 1, self.now, rows)
        return reports

    def _send(self, request: Request[AdminAnswer]) -> AdminAnswer:
        self.now += 1_000
        _, answers = self.venue.apply(int(request.family), self.venue.sequence + 1, self.now, request.rows)
        answer = request.read(answers, [1])
        if request.done:
            request.done(answer)
        return answer


def flow(seed: int, taste: Taste | None = None) -> Flow:
    """The flow of a hundred accounts."""
    sample = load()
    return Flow(sample, list(range(1, 101)), list(range(1, 11)), seed=seed, taste=taste)


def test_sample_in_the_package_is_what_translate_makes_of_the_capture() -> None:
    """Symbols, scales and every row."""
    symbols, decimals, rows = translate(CAPTURE)
    sample = load()
    assert [product.symbol for product in sample.products] == symbols
    assert [(product.price_scale, product.qty_scale) for product in sample.products] == [
        (int(price), int(qty)) for price, qty in decimals
    ]
    assert np.array_equal(sample.rows, rows)
    assert rows.size == 17_157


def test_sample_is_whole_and_its_licence_lies_beside_it() -> None:
    """Levels are removed only after they were set; the acknowledgment is in the package."""
    sample = load()
    alive: set[tuple[int, int, int]] = set()
    for row in sample.rows:
        level = (int(row["symbol"]), int(row["side"]), int(row["price"]))
        if row["action"] == Action.SET:
            assert row["qty"] > 0
            alive.add(level)
        elif row["action"] == Action.REMOVE:
            alive.remove(level)
    licence = (Path(__import__("exchange.demo").demo.__file__).parent / "coinbase.LICENSE").read_text()
    assert "developed by Bryant Moscon" in licence


def test_flow_with_the_same_seed_is_the_same_however_it_is_taken() -> None:
    """Another seed gives another one."""
    whole = flow(3).take(2_000)
    pieces = flow(3)
    parts = np.concatenate([pieces.take(37) for _ in range(40)])
    assert np.array_equal(whole[: len(parts)], parts[: len(whole)])
    assert not np.array_equal(whole[:500], flow(4).take(500)[:500])


def test_flow_gives_every_request_an_id_of_its_own() -> None:
    """Ids rise by one, from the first; changes name an order that was entered before."""
    commands = flow(5).take(60_000)
    ids = commands[:, 6]
    assert np.array_equal(ids, np.arange(1, len(ids) + 1))
    news = set(commands[commands[:, 0] == int(OrderAction.NEW_ORDER), 6].tolist())
    changes = commands[commands[:, 0] != int(OrderAction.NEW_ORDER)]
    assert set(changes[:, 7].tolist()) <= news
    assert (changes[:, 7] < changes[:, 6]).all()


def test_flow_on_a_venue_rests_crosses_is_cancelled_and_knows_what_is_alive() -> None:
    """Five laps: at the end of each batch the flow's live orders are the venue's; money is conserved."""
    desk, sample = Desk(), load()
    plan = Plan.of(sample, 200)
    set_up(desk, plan)  # type: ignore[arg-type]
    set_up(desk, plan)  # type: ignore[arg-type]  # again: nothing is paid in twice
    traffic = Flow(sample, list(plan.accounts), plan.instruments, seed=1)
    kinds: Counter[int] = Counter()
    rejects: Counter[int] = Counter()
    traded: set[int] = set()
    entered = 0
    while traffic.laps < 5:
        commands = traffic.take(200)
        reports = desk.trade(records_of(commands))
        traffic.learn(
            reports["client_order_id_head"].astype(np.int64),
            reports["exec_type"],
            reports["leaves_qty"],
            reports["reject"],
        )
        assert traffic.live == int(desk.venue.status()[0]["live_orders"])
        kinds.update(reports["exec_type"].tolist())
        rejects.update(reports["reject"].tolist())
        traded.update(reports["order_id"][reports["exec_type"] == int(ExecType.TRADE)].tolist())
        entered += int((commands[:, 0] == int(OrderAction.NEW_ORDER)).sum())
    desk.venue.check_invariants()
    assert len(traded) >= entered // 5
    assert (
        min(
            kinds[int(kind)]
            for kind in (ExecType.ACCEPTED, ExecType.TRADE, ExecType.CANCELED, ExecType.REPLACED)
        )
        > 5_000
    )
    assert set(rejects) == {0, int(RejectCode.UNKNOWN_ORDER)}  # filled in the batch that changes them
    assert rejects[int(RejectCode.UNKNOWN_ORDER)] < sum(rejects.values()) // 25
    balances = desk.venue.balances()
    for symbol, number in plan.assets.items():
        mine = balances[balances["asset"] == number]
        assert int(mine["total"].sum()) == 0
        outside = mine[mine["account"] == 2**64 - 1]
        assert int(outside["total"][0]) == -plan.total[symbol]


def test_records_of_commands_have_the_fields_of_the_wire() -> None:
    """New orders have price and quantity, cancels only the order that they name."""
    commands = np.array(
        [
            (1, 7, 2, 11, 5, 100, 1_700_000_000_000_001, 0, 1),
            (2, 7, 2, 11, 6, 101, 1_700_000_000_000_002, 1_700_000_000_000_001, 0),
            (3, 7, 2, 11, 0, 0, 1_700_000_000_000_003, 1_700_000_000_000_001, 0),
        ],
        np.int64,
    )
    expected = np.zeros(3, ORDER_COMMAND_DTYPE)
    expected["kind"], expected["instrument_id"], expected["account"] = (1, 2, 3), 7, 11
    expected["side"], expected["type"], expected["time_in_force"] = (2, 0, 0), (1, 0, 0), (1, 0, 0)
    expected["qty"], expected["price"], expected["present"] = (5, 6, 0), (100, 101, 0), (1, 1 | 1 << 9, 0)
    expected["client_order_id_head"] = [b"1700000000000001", b"1700000000000002", b"1700000000000003"]
    expected["orig_client_order_id_head"] = [b"", b"1700000000000001", b"1700000000000001"]
    assert np.array_equal(records_of(commands), expected)


@pytest.mark.parametrize(
    "taste", [Taste(takers=0.0), Taste(replaced=0.0), Taste(replaced=1.0, drift_ticks=0)]
)
def test_flow_of_any_taste_goes_on_for_laps(taste: Taste) -> None:
    """Without takers, without replaces, or without drift."""
    traffic = flow(1, taste)
    commands = traffic.take(60_000)
    assert traffic.laps >= 1
    assert (commands[:, 5][commands[:, 0] != int(OrderAction.CANCEL)] > 0).all()
    if taste.replaced == 0.0:
        assert not (commands[:, 0] == int(OrderAction.REPLACE)).any()
