"""The sample, lap after lap, as orders of many accounts.

Every price level of the sample is one order at a time of one account. When the sample sets a level the
order is replaced, or cancelled and entered anew by another account; when it removes the level the order is
cancelled. Between laps prices drift by some ticks, so that old and new orders meet; quantities vary; and
takers come, more than the sample has, who cross the spread of that moment. All choices come from one seeded
generator.

What became of an order is learned from its reports (`learn`), so that the next change of its level is
right; a change that is already on its way then meets an unknown order, as it does on any venue.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cmatch.enums import RejectCode, Side, TimeInForce
from exchange.demo.sample import Sample
from exchange.demo.translate import Action
from exchange.domain.enums import ExecType, OrderAction

_NEW, _REPLACE, _CANCEL = int(OrderAction.NEW_ORDER), int(OrderAction.REPLACE), int(OrderAction.CANCEL)
_SET, _REMOVE, _TAKE = int(Action.SET), int(Action.REMOVE), int(Action.TAKE)
_BUY, _SELL = int(Side.BUY), int(Side.SELL)
_BEYOND = 500  # a taker goes beyond the best price by this part of it
_REMEMBERED = 1 << 20  # requests whose reports are understood

Row = tuple[int, int, int, int, int, int, int, int, int]
"""session-less command: action, level's instrument, side, account, qty, price, id, orig id, time in force."""


@dataclass(frozen=True)
class Taste:
    """How the flow departs from the sample."""

    takers: float = 0.28  # how often a change of a level is followed by a taker
    replaced: float = 0.55  # how often a level that changes keeps its order (else: cancel and new)
    drift_ticks: int = 3  # a lap moves the prices of a book by so much at most
    reach_ticks: int = 40  # and never further than this from the sample's


class Flow:
    """An endless stream of order commands.

    Args:
        sample: what is played.
        accounts: the accounts that trade.
        instruments: instrument id of each product of the sample.
        seed: of every choice.
        first_id: number of the first client order id.
        taste: how it departs from the sample.
    """

    def __init__(
        self,
        sample: Sample,
        accounts: list[int],
        instruments: list[int],
        *,
        seed: int,
        first_id: int = 1,
        taste: Taste | None = None,
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 (play, not secrets)
        self._taste = taste or Taste()
        self._accounts = accounts
        self._instruments = instruments
        self._first_id = self._next_id = first_id
        rows = sample.rows
        keys = np.stack([rows["symbol"].astype(np.int64), rows["side"], rows["price"]], axis=1)
        levels, level_of_row = np.unique(keys, axis=0, return_inverse=True)
        columns = (
            rows["action"],
            level_of_row.reshape(-1),
            rows["symbol"],
            rows["side"],
            rows["price"],
            rows["qty"],
            rows["bid"],
            rows["ask"],
        )
        self._rows = list(zip(*(column.tolist() for column in columns), strict=True))
        self._at = 0
        self.laps = 0
        self._shift = [0] * len(sample.products)
        # The order at a level, named by the client order id that made it; 0: none is alive.
        self._live = np.zeros(levels.shape[0], np.int64)
        self._owner = [0] * levels.shape[0]
        # Of the last requests: their ids, the level, and the order that each is about.
        self._request = np.zeros(_REMEMBERED, np.int64)
        self._level_of = np.zeros(_REMEMBERED, np.int64)
        self._order_of = np.zeros(_REMEMBERED, np.int64)

    def take(self, count: int) -> npt.NDArray[np.int64]:
        """The next commands, at least `count` (one more where a pair would be torn).

        Returns:
            (n, 9): action, instrument id, side, account, qty, price, client order id, original client order
            id (0: none), time in force.
        """
        out: list[Row] = []
        rows, end = self._rows, len(self._rows)
        while len(out) < count:
            if self._at == end:
                self._turn()
            row = rows[self._at]
            self._at += 1
            self._step(row, out)
        return np.array(out, np.int64)

    def learn(
        self,
        client_order_ids: npt.NDArray[np.int64],
        exec_types: npt.NDArray[np.integer],
        leaves: npt.NDArray[np.integer],
        rejects: npt.NDArray[np.integer],
    ) -> None:
        """Takes notice of reports: what has ended is not alive any more.

        Args:
            client_order_ids: (n,) numbers as in `take`; of all arrays equal lengths, in order of events.
            exec_types: ExecType.
            leaves: lots that are left.
            rejects: RejectCode.
        """
        known = (client_order_ids >= self._first_id) & (client_order_ids < self._next_id)
        refused = exec_types == int(ExecType.CANCEL_REJECTED)
        stays = refused & (rejects != int(RejectCode.UNKNOWN_ORDER))
        ended = known & (leaves == 0) & (exec_types != int(ExecType.DONE)) & ~stays
        places = client_order_ids[ended] & (_REMEMBERED - 1)
        places = places[self._request[places] == client_order_ids[ended]]
        levels, orders = self._level_of[places], self._order_of[places]
        self._live[levels[self._live[levels] == orders]] = 0

    @property
    def ids(self) -> int:
        """Number of the last client order id given."""
        return self._next_id - 1

    @property
    def live(self) -> int:
        """Orders that are alive as far as is known."""
        return int(np.count_nonzero(self._live))

    def _turn(self) -> None:
        """The next lap: prices drift."""
        self._at = 0
        self.laps += 1
        step, reach = self._taste.drift_ticks, self._taste.reach_ticks
        for k, shift in enumerate(self._shift):
            self._shift[k] = max(-reach, min(reach, shift + self._random.randint(-step, step)))

    def _step(self, row: tuple[int, int, int, int, int, int, int, int], out: list[Row]) -> None:
        action, level, symbol, side, price, qty, bid, ask = row
        shift = self._shift[symbol]
        instrument = self._instruments[symbol]
        if action == _TAKE:
            self._taker(instrument, side, price + shift, qty, out)
            return
        live = int(self._live[level])
        if action == _REMOVE:
            if live:
                self._cancel(level, instrument, side, live, out)
            return
        chance = self._random.random
        qty = max(1, int(qty * (0.5 + chance())))
        price = max(1, price + shift)
        if live and chance() < self._taste.replaced:
            number, owner = self._name(level, live), self._owner[level]
            out.append((_REPLACE, instrument, side, owner, qty, price, number, live, 0))
        else:
            if live:
                self._cancel(level, instrument, side, live, out)
            number, owner = self._name(level, 0), self._random.choice(self._accounts)
            self._live[level], self._owner[level] = number, owner
            out.append((_NEW, instrument, side, owner, qty, price, number, 0, int(TimeInForce.GTC)))
        if bid and ask and chance() < self._taste.takers:
            taker = _BUY if chance() < 0.5 else _SELL
            beyond = 1 + max(bid, ask) // _BEYOND
            reach = max(ask, bid) + beyond if taker == _BUY else min(bid, ask) - beyond
            self._taker(instrument, taker, reach + shift, qty, out)

    def _name(self, level: int, order: int) -> int:
        """A client order id for a request about an order at a level; 0: about the one that it makes."""
        number = self._next_id
        self._next_id += 1
        place = number & (_REMEMBERED - 1)
        self._request[place] = number
        self._level_of[place] = level
        self._order_of[place] = order or number
        return number

    def _cancel(self, level: int, instrument: int, side: int, live: int, out: list[Row]) -> None:
        number = self._name(level, live)
        self._live[level] = 0
        out.append((_CANCEL, instrument, side, self._owner[level], 0, 0, number, live, 0))

    def _taker(self, instrument: int, side: int, price: int, qty: int, out: list[Row]) -> None:
        owner = self._random.choice(self._accounts)
        number, tif = self._name(0, 0), int(TimeInForce.IOC)
        out.append((_NEW, instrument, side, owner, max(1, qty), max(1, price), number, 0, tif))
