"""Rows of the history as everybody outside reads them: decimals by their instrument's scales, words, names.

The records of one kind all have the same keys, in the same order; they become JSON or an Arrow table.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from exchange.client.instruments import Directory
from exchange.client.results import Reject
from exchange.domain.queries import HistoryExecutionRow, HistoryOrderRow
from exchange.errors import ConfigError

Record = dict[str, Any]

_AVERAGE_PLACES: Final = 4  # that an average has beyond the prices
EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Holds every product of two 64-bit numbers; halves go to the even one."""
_DECIMAL_DIGITS: Final = 38
_TIMES: Final = {
    "entered_at", "updated_at", "timestamp", "start", "from", "to", "last_at", "traded_at", "settled_at",
}  # fmt: skip
_DECIMALS: Final = {
    "order_qty", "cum_qty", "leaves_qty", "price", "stop_price", "notional", "average_price", "last_qty",
    "last_price", "fee", "open_price", "high_price", "low_price", "close_price", "volume", "quote_volume",
    "qty", "change", "change_percent", "bid_price", "bid_qty", "ask_price", "ask_qty", "cost", "goods",
    "buyer_fee", "seller_fee",
}  # fmt: skip
_FLAGS: Final = {"auction", "settled"}
_TEXTS: Final = {
    "client_order_id", "orig_client_order_id", "symbol", "side", "type", "time_in_force", "order_status",
    "reject", "cancel_reason", "liquidity", "fee_asset", "correlation_id", "interval", "taker_side",
    "last_side", "status", "buyer_fee_asset", "seller_fee_asset",
}  # fmt: skip


def order_record(row: HistoryOrderRow, known: Directory) -> Record:
    """An order. Of an instrument that is not known, as a rejected order may name one, numbers stay whole.

    `notional` is exact; `average_price` is it over what traded, four places finer than prices are, half to
    even. Times are ns since 1970.
    """
    symbol, price, qty = scales_of(row.instrument_id, known)
    notional = decimal_of(row.notional, price + qty)
    average = None
    if row.fills and row.cum_qty:
        mean = EXACT.scaleb(EXACT.divide(Decimal(row.notional), Decimal(row.cum_qty)), -price)
        average = EXACT.quantize(mean, Decimal(1).scaleb(-price - _AVERAGE_PLACES))
    return {
        "entered_sequence": row.entered_sequence,
        "order_id": row.order_id or None,
        "client_order_id": row.client_order_id,
        "orig_client_order_id": row.orig_client_order_id or None,
        "tenant": row.tenant,
        "account": row.account,
        "instrument_id": row.instrument_id,
        "symbol": symbol,
        "side": word_of(row.side),
        "type": word_of(row.type),
        "time_in_force": word_of(row.time_in_force),
        "order_status": word_of(row.order_status),
        "order_qty": decimal_of(row.order_qty, qty),
        "cum_qty": decimal_of(row.cum_qty, qty),
        "leaves_qty": decimal_of(row.leaves_qty, qty),
        "price": None if row.price is None else decimal_of(row.price, price),
        "stop_price": None if row.stop_price is None else decimal_of(row.stop_price, price),
        "fills": row.fills,
        "notional": notional,
        "average_price": average,
        "reject": Reject(row.reject).name if row.reject else None,
        "cancel_reason": word_of(row.cancel_reason),
        "entered_at": row.entered_at,
        "updated_at": row.updated_at,
        "sequence": row.sequence,
        "correlation_id": row.correlation_id or None,
    }


def execution_record(row: HistoryExecutionRow, known: Directory) -> Record:
    """An execution; times are ns since 1970."""
    symbol, price, qty = scales_of(row.instrument_id, known)
    try:
        asset = known.asset(row.fee_asset) if row.fee_asset else None
    except LookupError:
        asset = None
    return {
        "exec_id": row.exec_id,
        "trade_id": row.trade_id,
        "order_id": row.order_id,
        "client_order_id": row.client_order_id,
        "tenant": row.tenant,
        "account": row.account,
        "instrument_id": row.instrument_id,
        "symbol": symbol,
        "side": word_of(row.side),
        "liquidity": word_of(row.liquidity),
        "order_status": word_of(row.order_status),
        "last_qty": decimal_of(row.last_qty, qty),
        "last_price": decimal_of(row.last_price, price),
        "cum_qty": decimal_of(row.cum_qty, qty),
        "leaves_qty": decimal_of(row.leaves_qty, qty),
        "fee": decimal_of(row.fee, asset.scale if asset else 0),
        "fee_asset": asset.symbol if asset else None,
        "timestamp": row.timestamp,
        "sequence": row.sequence,
        "correlation_id": row.correlation_id or None,
    }


def as_arrow(records: Sequence[Record], names: Sequence[str]) -> Any:
    """Records of one kind as a `pyarrow.Table`: decimals as `decimal128`, times as `timestamp[ns, UTC]`.

    Args:
        records: As of the two functions above, or of the other modules of records here.
        names: Their keys, which an empty table has, too.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    pa = _pyarrow()

    def column(name: str) -> Any:
        values = [record[name] for record in records]
        if name in _DECIMALS:
            places = max((-int(each.as_tuple().exponent) for each in values if each is not None), default=0)
            return pa.array(values, pa.decimal128(_DECIMAL_DIGITS, places))
        if name in _TIMES:
            return pa.array(values, pa.timestamp("ns", tz="UTC"))
        if name in _FLAGS:
            return pa.array(values, pa.bool_())
        return pa.array(values, pa.string() if name in _TEXTS else pa.uint64())

    return pa.table({name: column(name) for name in names})


def write_arrow(path: Path, records: Sequence[Record], names: Sequence[str]) -> None:
    """The same as a file that Polars, DuckDB and pandas read: Parquet where its name ends so, else Arrow IPC.

    Raises:
        ConfigError: pyarrow is not installed, or the file cannot be written.
    """
    whole, pa = as_arrow(records, names), _pyarrow()
    try:
        if path.suffix == ".parquet":
            import_module("pyarrow.parquet").write_table(whole, path)
            return
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, whole.schema) as writer:
            writer.write_table(whole)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}") from None


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ModuleNotFoundError as error:
        raise ConfigError(f"Arrow needs the extra: pip install 'cmatch[arrow]' ({error})") from error
    return pa


def scales_of(instrument_id: int, known: Directory) -> tuple[str | None, int, int]:
    """Symbol of an instrument, places of its prices and of its quantities; of one that is not known none."""
    try:
        instrument = known.instrument(instrument_id)
    except LookupError:
        return None, 0, 0
    return instrument.symbol, instrument.price_scale, instrument.qty_scale


def decimal_of(number: int, scale: int) -> Decimal:
    """A number of units of 10**-scale."""
    return EXACT.scaleb(Decimal(number), -scale)


def word_of(value: object) -> str | None:
    """Of an enum."""
    return None if value is None else str(value)


ORDER_NAMES: Final = tuple(order_record(HistoryOrderRow(), Directory()))
EXECUTION_NAMES: Final = tuple(execution_record(HistoryExecutionRow(), Directory()))
