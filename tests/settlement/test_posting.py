"""What the poster makes of the core's answers; the core itself is in `test_process`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select, text

from cmatch.frames import ANSWER_DTYPE
from cmatch.rejects import RejectCode
from exchange.client import AsyncClient
from exchange.client.results import Postings, postings
from exchange.domain.enums import CommandList, LedgerAction
from exchange.errors import ExchangeError, ServiceUnavailableError
from exchange.resilience import Policies
from exchange.runtime.service_host import Way
from exchange.services.settlement import posting
from exchange.services.settlement.posting import Poster, TradeRefusedError
from exchange.services.settlement.service import SPEC
from exchange.services.settlement.tables import POSTINGS, PROGRESS, TRADES
from exchange.storage.sql import Store, open_store
from exchange.storage.sql.outbox import outgoing
from tests.event_log.published import TABLE

SETTLED_NS = 1_700_000_000_000_000_000
AWAY_S = 2 * 3_600


class Core:
    """Answers each trade as it was told to; what else a session has, the poster does not use."""

    def __init__(self, *answers: RejectCode | None) -> None:
        self.answers = list(answers)
        self.posted: list[tuple[int, int, int]] = []
        self.make = SimpleNamespace(admin=SimpleNamespace(post_trades=zip))

    async def call(self, request: Iterable[tuple[int, int, int]], _timeout_ms: int) -> Postings:
        """One answer a trade."""
        trades = list(request)
        self.posted += trades
        codes, self.answers = self.answers[: len(trades)], self.answers[len(trades) :]
        assert len(codes) == len(trades)
        rows = np.zeros(len(trades), ANSWER_DTYPE)
        rows["family"], rows["kind"] = int(CommandList.LEDGER), int(LedgerAction.POST_TRADE)
        rows["reject"] = [code or 0 for code in codes]
        rows["sequence"] = [100 + trade[0] for trade in trades]
        rows["timestamp"] = SETTLED_NS
        return postings(rows, [1] * len(rows))

    async def close(self) -> None:
        """Nothing to give up."""


def with_trades(store: Store, count: int) -> None:
    """So many that wait, with fees of their own."""
    names = [column.name for column in TRADES.columns if column.name != "correlation_id"]
    with store.begin() as tx:
        for number in range(1, count + 1):
            row: dict[str, int | str] = dict.fromkeys(names, 0)
            row |= {"trade_id": number, "buyer_fee": 10 * number, "seller_fee": -number, "traded_at": 5}
            tx.execute(insert(TRADES).values(**row, correlation_id=f"c-{number}"))
        tx.execute(PROGRESS.update().values(trade_id=count))


def step(store: Store, core: Core) -> bool:
    """One of the poster."""
    policy = Policies().of("settlement", "orders")

    async def run() -> bool:
        ground: Any = SimpleNamespace(
            store=store, topics=TABLE, consumes=lambda: True, taken=asyncio.Event(), fail=None
        )
        poster = Poster(ground, Way("ipc://nowhere"), policy)
        poster._client = core  # type: ignore[assignment]
        return bool(await poster.step())

    return asyncio.run(run())


def state(store: Store) -> tuple[int, list[tuple[int, ...]], int]:
    """Up to which trade it is posted, by which requests; how many events go out."""
    with store.read() as tx:
        posted = int(tx.execute(select(PROGRESS.c.posted)).scalar_one())
        postings = [tuple(row) for row in tx.execute(select(POSTINGS).order_by(POSTINGS.c.trade_id))]
        batches = outgoing(tx, TABLE.full_name("posttrade.settlement"), 1_000, 1 << 20)
    return posted, postings, sum(each.events for each in batches)


def test_what_is_done_or_was_done_before_is_noted_and_told_once(store_url: str) -> None:
    """An answer that was lost comes as ALREADY_POSTED: it is no other than the first."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        with_trades(store, 3)
        core = Core(RejectCode.ALREADY_POSTED, None, None)
        assert step(store, core) is True
        assert core.posted == [(1, 10, -1), (2, 20, -2), (3, 30, -3)]
        assert state(store) == (3, [(3, 103, SETTLED_NS)], 3)
        assert step(store, Core()) is False
        assert state(store) == (3, [(3, 103, SETTLED_NS)], 3)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (RejectCode.FEE_OUT_OF_BOUNDS, TradeRefusedError),
        (RejectCode.UNEXPECTED_TRADE, TradeRefusedError),
        (RejectCode.READ_ONLY, ServiceUnavailableError),
    ],
)
def test_refused_trade_stops_those_behind_it_and_those_before_it_are_noted(
    store_url: str, code: RejectCode, error: type[ExchangeError]
) -> None:
    """What is transient is tried again; what is not ends the process."""
    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        with_trades(store, 3)
        with pytest.raises(error, match="trade 2"):
            step(store, Core(None, code, code))
        assert state(store) == (1, [(1, 101, SETTLED_NS)], 1)
        assert step(store, Core(None, None)) is True
        assert state(store) == (3, [(1, 101, SETTLED_NS), (3, 103, SETTLED_NS)], 3)


@pytest.mark.req("A040")
def test_core_that_is_away_for_hours_is_tried_for_ever_and_each_trade_is_posted_once(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the ladder, then every ten seconds; nothing is set aside; it is posted and told when it is back."""
    core, waits = Core(None, None, None), list[float]()

    async def connect(*_: object, **__: object) -> Core:
        if sum(waits) < AWAY_S:
            raise ServiceUnavailableError("nobody answers")
        return core

    async def run(store: Store) -> None:
        sleep = asyncio.sleep

        async def pass_time(seconds: float) -> None:
            waits.append(seconds)
            await sleep(0)

        ground: Any = SimpleNamespace(
            store=store, topics=TABLE, consumes=lambda: True, taken=asyncio.Event(), fail=pytest.fail
        )
        poster = Poster(ground, Way("ipc://nowhere"), Policies().of("settlement", "orders"))
        with monkeypatch.context() as patched:
            patched.setattr(AsyncClient, "connect", connect)
            patched.setattr(asyncio, "sleep", pass_time)
            patched.setattr(posting, "rest_s", lambda *_: 0.0)
            task = asyncio.create_task(poster.run())
            while state(store)[0] == 0:
                assert not task.done()
                await sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with open_store(store_url, SPEC.name, SPEC.tables) as store:
        with_trades(store, 3)
        asyncio.run(run(store))
        assert waits[:6] == [0.5, 1.0, 2.0, 5.0, 10.0, 10.0]
        assert set(waits[6:]) <= {10.0, 0.0}
        assert core.posted == [(1, 10, -1), (2, 20, -2), (3, 30, -3)]
        assert state(store) == (3, [(3, 103, SETTLED_NS)], 3)
        with store.read() as tx:
            assert tx.execute(text("SELECT count(*) FROM dead_letters")).scalar_one() == 0


def test_poster_that_is_refused_ends_its_process_and_one_that_does_not_consume_waits(tmp_path: Path) -> None:
    """Of several instances the one that takes events posts."""
    with open_store(tmp_path, SPEC.name, SPEC.tables) as store:
        with_trades(store, 1)
        core, failed = Core(RejectCode.UNEXPECTED_TRADE), list[ExchangeError]()
        consumes = False

        async def run() -> None:
            ground: Any = SimpleNamespace(
                store=store,
                topics=TABLE,
                consumes=lambda: consumes,
                taken=asyncio.Event(),
                fail=failed.append,
            )
            poster = Poster(ground, Way("ipc://nowhere"), Policies().of("settlement", "orders"))
            poster._client = core  # type: ignore[assignment]
            task = asyncio.create_task(poster.run())
            await asyncio.sleep(0.2)
            assert core.posted == []
            nonlocal consumes
            consumes = True
            await task

        asyncio.run(run())
        assert [type(error) for error in failed] == [TradeRefusedError]
        assert state(store) == (0, [], 0)
