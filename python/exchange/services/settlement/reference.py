"""Instruments, assets and fee schedules as settlement has them, from the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import numpy as np
from sqlalchemy import delete, insert, select, text

from exchange.domain.enums import FeeMode, InstrumentAction
from exchange.domain.events import Event
from exchange.errors import ServiceUnavailableError
from exchange.services.settlement.fees import Numbers, Terms, Tier
from exchange.services.settlement.tables import ASSETS, INSTRUMENTS, TIERS
from exchange.storage.sql import Transaction

DEFAULT_SCHEDULE: Final = "default"
"""Of instruments that have none of their own symbol."""
_DEFINE: Final = text(
    "INSERT INTO instruments (instrument_id, sequence, symbol, base, quote, price_scale, qty_scale, fee_mode,"
    " maker_rate, taker_rate) VALUES (:instrument_id, :sequence, :symbol, :base, :quote, :price_scale,"
    " :qty_scale, :fee_mode, :maker_rate, :taker_rate) ON CONFLICT DO NOTHING"
)
_ASSET: Final = text("INSERT INTO assets (asset, scale) VALUES (:asset, :scale) ON CONFLICT DO NOTHING")
_COPIED: Final = (
    "instrument_id", "symbol", "base", "quote", "price_scale", "qty_scale", "maker_rate", "taker_rate",
)  # fmt: skip


def take_definitions(tx: Transaction, events: Iterable[Event]) -> None:
    """What an instrument is from a command on; a scale of an asset never changes."""
    for event in events:
        command = event.payload
        if command.kind is InstrumentAction.DEFINE_ASSET:
            tx.execute(_ASSET, {"asset": command.asset, "scale": command.asset_scale})
        elif command.kind is InstrumentAction.DEFINE_INSTRUMENT:
            values: dict[str, Any] = {name: getattr(command, name) for name in _COPIED}
            mode = command.fee_mode or FeeMode.RECEIVED
            tx.execute(_DEFINE, values | {"sequence": event.entity.sequence, "fee_mode": int(mode)})


def take_schedules(tx: Transaction, events: Iterable[Event]) -> None:
    """Each replaces the tiers of its schedule."""
    for event in events:
        schedule = event.payload.record
        tx.execute(delete(TIERS).where(TIERS.c.schedule_id == schedule.schedule_id))
        for tier in schedule.tiers:
            tx.execute(
                insert(TIERS).values(
                    schedule_id=schedule.schedule_id,
                    volume_min=tier.volume_min,
                    maker_rate=tier.maker_rate,
                    taker_rate=tier.taker_rate,
                )
            )


@dataclass(frozen=True, slots=True)
class Version:
    """An instrument from a command of the journal on.

    Args:
        sequence: Of that command.
        terms: How it is charged.
        tiers: Of its schedule; none where it has none.
    """

    sequence: int
    terms: Terms
    tiers: list[Tier]


class Reference:
    """Looks terms and tiers up within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        scales = {row.asset: row.scale for row in tx.execute(select(ASSETS))}
        rows = tx.execute(select(INSTRUMENTS).order_by(INSTRUMENTS.c.instrument_id, INSTRUMENTS.c.sequence))
        tiers = tx.execute(select(TIERS).order_by(TIERS.c.schedule_id, TIERS.c.volume_min))
        schedules = {
            name: [Tier(row.volume_min, row.maker_rate, row.taker_rate) for row in of]
            for name, of in groupby(tiers, lambda row: str(row.schedule_id))
        }
        self._versions: dict[int, list[Version]] = {}
        for row in rows:
            if row.base not in scales or row.quote not in scales:
                continue
            terms = Terms(
                row.base,
                row.quote,
                10 ** (scales[row.base] - row.qty_scale),
                10 ** (scales[row.quote] - row.price_scale - row.qty_scale),
                FeeMode(row.fee_mode),
                row.maker_rate,
                row.taker_rate,
            )
            steps = schedules.get(row.symbol) or schedules.get(DEFAULT_SCHEDULE) or []
            self._versions.setdefault(row.instrument_id, []).append(Version(row.sequence, terms, steps))

    def versions(self, instrument_ids: Numbers, sequences: Numbers) -> tuple[Numbers, list[Version]]:
        """How instruments were charged when commands were carried out.

        Args:
            instrument_ids: (n,)
            sequences: (n,) of the commands.

        Returns:
            (n,) places in the list of versions.

        Raises:
            ServiceUnavailableError: The definition of one has not come yet.
        """
        found: list[Version] = []
        places = np.empty(len(instrument_ids), np.intp)
        numbers, of = np.unique(instrument_ids, return_inverse=True)
        for place, number in enumerate(numbers.tolist()):
            mine = np.flatnonzero(of == place)
            known = self._versions.get(number, [])
            last = np.searchsorted([version.sequence for version in known], sequences[mine], "right") - 1
            if last.min() < 0:
                raise ServiceUnavailableError(f"instrument {number} has not come over the log yet")
            places[mine] = last + len(found)
            found += known
        return places, found
