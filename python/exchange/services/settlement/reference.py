"""Instruments, assets and fee schedules as settlement has them, from the log."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

from sqlalchemy import delete, insert, select, text

from exchange.domain.enums import FeeMode, InstrumentAction
from exchange.domain.events import Event
from exchange.errors import ServiceUnavailableError
from exchange.services.settlement.fees import Terms, Tier
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


class Reference:
    """Looks terms and tiers up within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        scales = {row.asset: row.scale for row in tx.execute(select(ASSETS))}
        rows = tx.execute(select(INSTRUMENTS).order_by(INSTRUMENTS.c.instrument_id, INSTRUMENTS.c.sequence))
        self._terms: dict[int, list[tuple[int, str, Terms]]] = {}
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
            self._terms.setdefault(row.instrument_id, []).append((row.sequence, row.symbol, terms))
        tiers = tx.execute(select(TIERS).order_by(TIERS.c.schedule_id, TIERS.c.volume_min))
        self._schedules = {
            name: [Tier(row.volume_min, row.maker_rate, row.taker_rate) for row in of]
            for name, of in groupby(tiers, lambda row: str(row.schedule_id))
        }

    def terms(self, instrument_id: int, sequence: int) -> tuple[Terms, list[Tier]]:
        """How an instrument was charged when a command was carried out; its tiers, none where it has none.

        Raises:
            ServiceUnavailableError: Its definition has not come yet.
        """
        known = reversed(self._terms.get(instrument_id, ()))
        last = next((each for each in known if each[0] <= sequence), None)
        if last is None:
            raise ServiceUnavailableError(f"instrument {instrument_id} has not come over the log yet")
        _, symbol, terms = last
        return terms, self._schedules.get(symbol) or self._schedules.get(DEFAULT_SCHEDULE) or []
