"""Requests of operators, made of keywords: assets, instruments, accounts, money, limits, switches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cmatch.frames import LEDGER_COMMAND_DTYPE, set_text
from exchange.client.ids import Names
from exchange.client.instruments import Amount, Asset, Directory, Instrument
from exchange.client.records import Records, narrow
from exchange.client.requests import LAYOUTS, Request, checked_id, number_of, whole
from exchange.client.results import AdminAnswer, Postings, admin_answer, postings
from exchange.domain.enums import (
    AdminAction,
    BandMode,
    CommandList,
    DefinitionField,
    FeeMode,
    InstrumentAction,
    InstrumentKind,
    LedgerAction,
    LedgerField,
    LimitField,
    Phase,
    Scope,
    StopWrongSide,
    TriggerSource,
)

_SYMBOL_BYTES_MAX: Final = 24
_INT64_MAX: Final = 2**63 - 1
TRADES_MAX: Final = 400
"""Of one request that posts trades: what fits into a frame."""


def first_answer(rows: Records, durability: Sequence[int]) -> AdminAnswer:
    """The answer of a request with one record."""
    return admin_answer(rows[0], durability[0])


class AdminRequests:
    """Makes requests of operators; nothing is sent. Numbers and words are as in `OrderRequests`.

    Args:
        names: Makes ids.
        directory: Converts decimals and symbols, and learns what is defined here.
        actor: Who asks, for the records of who changed what.
        account: Used by ledger requests that name none.
    """

    def __init__(self, names: Names, directory: Directory, actor: str, account: int | None) -> None:
        self._names = names
        self._directory = directory
        self._actor = actor.encode("ascii")
        self._account = account

    def define_asset(
        self, asset: int, symbol: str, scale: int, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Make an asset known; one minor unit is 10**-scale. The same again is done again."""
        known = Asset(whole("asset", asset), symbol, whole("scale", scale))
        return self._instrument(
            InstrumentAction.DEFINE_ASSET,
            correlation_id,
            self._learn(known),
            asset=known.asset,
            symbol=_symbol(symbol),
            asset_scale=known.scale,
        )

    def define_instrument(
        self,
        instrument_id: int,
        symbol: str,
        *,
        base: int | str,
        quote: int | str,
        price_scale: int,
        qty_scale: int,
        kind: InstrumentKind | str = InstrumentKind.SPOT,
        fee_mode: FeeMode | str = FeeMode.RECEIVED,
        maker_rate: int = 0,
        taker_rate: int = 0,
        tick_step: Amount = 1,
        lot_step: Amount = 1,
        min_price: Amount = 1,
        max_price: Amount = 10**9,
        max_qty: Amount = 10**9,
        max_notional: int | None = None,
        max_parts: int = 10_000,
        max_pegs: int = 1024,
        collar: Amount | None = None,
        static_band: Amount | None = None,
        dynamic_band: Amount | None = None,
        reference: Amount | None = None,
        trigger_source: TriggerSource | str = TriggerSource.LAST,
        stop_wrong_side: StopWrongSide | str = StopWrongSide.REJECT,
        band_mode: BandMode | str = BandMode.REJECT,
        phase: Phase | str = Phase.CONTINUOUS,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Define an instrument, or define it anew.

        Args:
            instrument_id: Its number, above 0.
            symbol: 1 to 24 of A-Z, 0-9 and `-./_`.
            base: What is traded.
            quote: In which prices are.
            price_scale: One tick is 10**-price_scale of quote.
            qty_scale: One lot is 10**-qty_scale of base.
            kind: Spot.
            fee_mode: Which asset fees are taken in.
            maker_rate: Fee in 1e-9 of the notional; negative is a rebate.
            taker_rate: Likewise, never negative.
            tick_step: Prices are multiples of it.
            lot_step: Quantities are multiples of it.
            min_price: The lowest price.
            max_price: The highest; what a market buy in a book without a collar has to be able to pay.
            max_qty: Of one order.
            max_notional: Of one order, in ticks times lots; by default max_price times max_qty, or
                the most that the quote asset's 64 bits have room for.
            max_parts: That an iceberg may show.
            max_pegs: Pegged orders that may live.
            collar: How far from the reference a market order may trade.
            static_band: How far from the reference anything may trade.
            dynamic_band: How far from the last price anything may trade.
            reference: The reference price to begin with.
            trigger_source: What triggers stops.
            stop_wrong_side: What becomes of a stop that would trigger at once.
            band_mode: What becomes of an order that would trade beyond a band.
            phase: To begin with.
            correlation_id: Made where not given.
        """
        know = Instrument(
            whole("instrument_id", instrument_id),
            symbol,
            self._directory.asset_id(base),
            self._directory.asset_id(quote),
            whole("price_scale", price_scale),
            whole("qty_scale", qty_scale),
        )
        know = Instrument(
            know.instrument_id,
            symbol,
            know.base,
            know.quote,
            know.price_scale,
            know.qty_scale,
            know.ticks(tick_step),
            know.lots(lot_step),
        )
        optional = {"collar": collar, "static_band": static_band, "dynamic_band": dynamic_band}
        given = {
            name: know.ticks(value)
            for name, value in (optional | {"reference": reference}).items()
            if value is not None
        }
        highest, most = know.ticks(max_price), know.lots(max_qty)
        return self._instrument(
            InstrumentAction.DEFINE_INSTRUMENT,
            correlation_id,
            self._learn(know),
            present=sum(int(DefinitionField[name.upper()]) for name in given),
            instrument_id=know.instrument_id,
            base=know.base,
            quote=know.quote,
            instrument_kind=number_of(InstrumentKind, kind, "kind"),
            fee_mode=number_of(FeeMode, fee_mode, "fee_mode"),
            symbol=_symbol(symbol),
            price_scale=know.price_scale,
            qty_scale=know.qty_scale,
            phase=number_of(Phase, phase, "phase"),
            maker_rate=whole("maker_rate", maker_rate),
            taker_rate=whole("taker_rate", taker_rate),
            tick_step=know.tick_step,
            lot_step=know.lot_step,
            min_price=know.ticks(min_price),
            max_price=highest,
            max_qty=most,
            max_notional=min(highest * most, self._largest_notional(know))
            if max_notional is None
            else whole("max_notional", max_notional),
            max_parts=whole("max_parts", max_parts),
            max_pegs=whole("max_pegs", max_pegs),
            trigger_source=number_of(TriggerSource, trigger_source, "trigger_source"),
            stop_wrong_side=number_of(StopWrongSide, stop_wrong_side, "stop_wrong_side"),
            band_mode=number_of(BandMode, band_mode, "band_mode"),
            **given,
        )

    def set_phase(
        self, instrument: int | str, phase: Phase | str, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Move an instrument to another phase; what orders do of it is reported to their owners."""
        return self._instrument(
            InstrumentAction.SET_PHASE,
            correlation_id,
            instrument_id=self._directory.instrument_id(instrument),
            phase=number_of(Phase, phase, "phase"),
        )

    def assign_shard(
        self, instrument: int | str, shard: int, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Say which shard matches an instrument from now on, 0: the core itself; no order of it may live."""
        return self._instrument(
            InstrumentAction.ASSIGN_SHARD,
            correlation_id,
            instrument_id=self._directory.instrument_id(instrument),
            shard=whole("shard", shard),
        )

    def set_mark(
        self, instrument: int | str, price: Amount, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Set an instrument's mark price."""
        return self._instrument(
            InstrumentAction.SET_MARK,
            correlation_id,
            instrument_id=self._directory.instrument_id(instrument),
            price=self._directory.ticks(instrument, price),
        )

    def set_reference(
        self, instrument: int | str, price: Amount, *, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Set an instrument's reference price, from which collars and bands are measured."""
        return self._instrument(
            InstrumentAction.SET_REFERENCE,
            correlation_id,
            instrument_id=self._directory.instrument_id(instrument),
            price=self._directory.ticks(instrument, price),
        )

    def open_account(
        self, account: int, *, tenant: int, parent: int = 0, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Open an account of a tenant, or a sub-account of `parent`. The same again is done again."""
        return self._admin(
            AdminAction.OPEN_ACCOUNT,
            correlation_id,
            account=whole("account", account),
            tenant=whole("tenant", tenant),
            parent=whole("parent", parent),
        )

    def deposit(
        self,
        asset: int | str,
        amount: Amount,
        *,
        account: int | None = None,
        transfer_id: int | None = None,
        expected_version: int | None = None,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Pay in from outside.

        Args:
            asset: Its id or symbol.
            amount: Above 0.
            account: The client's where not given.
            transfer_id: 128 bits that name this request for ever; made where not given.
            expected_version: Refuse unless the balance has this version; 0 stands for no balance yet.
            correlation_id: Made where not given.
        """
        return self._ledger(
            LedgerAction.DEPOSIT, account, transfer_id, expected_version, correlation_id, asset, amount
        )

    def withdraw(
        self,
        asset: int | str,
        amount: Amount,
        *,
        account: int | None = None,
        transfer_id: int | None = None,
        expected_version: int | None = None,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Pay out what is available. Arguments as of `deposit`."""
        return self._ledger(
            LedgerAction.WITHDRAW, account, transfer_id, expected_version, correlation_id, asset, amount
        )

    def transfer(
        self,
        asset: int | str,
        amount: Amount,
        *,
        to: int,
        account: int | None = None,
        transfer_id: int | None = None,
        expected_version: int | None = None,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Move what is available to another account of the same tenant. Arguments as of `deposit`."""
        return self._ledger(
            LedgerAction.TRANSFER,
            account,
            transfer_id,
            expected_version,
            correlation_id,
            asset,
            amount,
            counter_account=whole("to", to),
        )

    def reserve(
        self,
        asset: int | str,
        amount: Amount,
        *,
        account: int | None = None,
        transfer_id: int | None = None,
        expire_at: int | None = None,
        expected_version: int | None = None,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Set what is available aside until it is posted, voided, or `expire_at`, ns since 1970.

        Its `transfer_id` is the reservation_id of `post` and `void`.
        """
        expiry = {} if expire_at is None else {"expire_at": whole("expire_at", expire_at)}
        return self._ledger(
            LedgerAction.RESERVE,
            account,
            transfer_id,
            expected_version,
            correlation_id,
            asset,
            amount,
            **expiry,
        )

    def post(
        self,
        asset: int | str,
        amount: Amount,
        reservation_id: int,
        *,
        to: int = 0,
        account: int | None = None,
        transfer_id: int | None = None,
        expected_version: int | None = None,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Pay `amount` of a reservation to an account, or outside (0), and free the rest."""
        return self._ledger(
            LedgerAction.POST,
            account,
            transfer_id,
            expected_version,
            correlation_id,
            asset,
            amount,
            counter_account=whole("to", to),
            reservation_id=narrow(reservation_id),
        )

    def void(
        self,
        asset: int | str,
        reservation_id: int,
        *,
        account: int | None = None,
        transfer_id: int | None = None,
        expected_version: int | None = None,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Free all of a reservation."""
        return self._ledger(
            LedgerAction.VOID_HOLD,
            account,
            transfer_id,
            expected_version,
            correlation_id,
            asset,
            1,
            reservation_id=narrow(reservation_id),
        )

    def set_limits(
        self,
        *,
        account: int = 0,
        instrument: int | str = 0,
        max_order_qty: Amount | None = None,
        max_order_notional: int | None = None,
        max_open_orders: int | None = None,
        max_position: Amount | None = None,
        max_gross_notional: int | None = None,
        max_net_notional: int | None = None,
        max_daily_loss: int | None = None,
        price_collar: Amount | None = None,
        order_rate: int | None = None,
        rate_interval: int = 1_000_000_000,
        duplicate_window: int | None = None,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Replace the limits of a scope: what is not given is lifted there.

        Args:
            account: 0 stands for every account.
            instrument: 0 stands for every instrument; quantities and the collar are then ints, in lots and
                ticks of whichever it is.
            max_order_qty: Of one order.
            max_order_notional: Of one order, in minor units of the quote asset, as are all notionals here.
            max_open_orders: Live orders.
            max_position: Of the position that all live orders could lead to.
            max_gross_notional: Of the position and all live orders.
            max_net_notional: Of the position and the live orders of one side.
            max_daily_loss: Since the UTC day began, in minor units of the quote asset.
            price_collar: How far a limit price may be beyond the reference.
            order_rate: New orders in `rate_interval`.
            rate_interval: ns.
            duplicate_window: ns in which the same order may not come again.
            correlation_id: Made where not given.

        Raises:
            ValueError: A decimal of every instrument.
        """
        know = self._directory
        if instrument == 0:
            _check_whole("lots", max_order_qty=max_order_qty, max_position=max_position)
            _check_whole("ticks", price_collar=price_collar)
        limits = {
            LimitField.ORDER_QTY: (
                "max_order_qty",
                None if max_order_qty is None else know.lots(instrument, max_order_qty),
            ),
            LimitField.ORDER_NOTIONAL: ("max_order_notional", max_order_notional),
            LimitField.OPEN_ORDERS: ("max_open_orders", max_open_orders),
            LimitField.POSITION: (
                "max_position",
                None if max_position is None else know.lots(instrument, max_position),
            ),
            LimitField.GROSS_NOTIONAL: ("max_gross_notional", max_gross_notional),
            LimitField.NET_NOTIONAL: ("max_net_notional", max_net_notional),
            LimitField.DAILY_LOSS: ("max_daily_loss", max_daily_loss),
            LimitField.COLLAR: (
                "price_collar",
                None if price_collar is None else know.ticks(instrument, price_collar),
            ),
            LimitField.ORDER_RATE: ("order_rate", order_rate),
            LimitField.DUPLICATE_WINDOW: ("duplicate_window", duplicate_window),
        }
        given = {name: whole(name, value) for name, value in limits.values() if value is not None}
        if order_rate is not None:
            given["rate_interval"] = whole("rate_interval", rate_interval)
        return self._admin(
            AdminAction.SET_LIMITS,
            correlation_id,
            present=sum(int(bit) for bit, (_, value) in limits.items() if value is not None),
            account=whole("account", account),
            instrument_id=know.instrument_id(instrument),
            **given,
        )

    def kill(
        self,
        scope: Scope | str,
        *,
        on: bool = True,
        tenant: int = 0,
        account: int = 0,
        instrument: int | str = 0,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Block new orders of a scope and cancel what rests there; or lift it."""
        return self._admin(
            AdminAction.KILL,
            correlation_id,
            scope=number_of(Scope, scope, "scope"),
            flag=int(on),
            tenant=whole("tenant", tenant),
            account=whole("account", account),
            instrument_id=self._directory.instrument_id(instrument),
        )

    def set_countdown(
        self, timeout: int, *, account: int | None = None, correlation_id: str | None = None
    ) -> Request[AdminAnswer]:
        """Cancel all orders of the account `timeout` ns from now unless it is set again; 0 ends it."""
        return self._admin(
            AdminAction.SET_COUNTDOWN,
            correlation_id,
            account=self._of(account),
            timeout=whole("timeout", timeout),
        )

    def set_stage(self, *, away: bool, correlation_id: str | None = None) -> Request[AdminAnswer]:
        """Tell the venue that its matching stage is away, or back."""
        return self._admin(AdminAction.SET_STAGE, correlation_id, flag=int(away))

    def set_collateral(
        self,
        asset: int | str,
        *,
        collateral_asset: int | str,
        mark: int,
        haircut: int,
        correlation_id: str | None = None,
    ) -> Request[AdminAnswer]:
        """Say how an asset counts as collateral.

        Args:
            asset: Its id or symbol.
            collateral_asset: In which it is valued.
            mark: Minor units of that for one whole unit of `asset`.
            haircut: What is taken off, in 1e-9.
            correlation_id: Made where not given.
        """
        return self._admin(
            AdminAction.SET_COLLATERAL,
            correlation_id,
            asset=self._directory.asset_id(asset),
            collateral_asset=self._directory.asset_id(collateral_asset),
            mark=whole("mark", mark),
            haircut=whole("haircut", haircut),
        )

    def set_policy(self, policy: int, *, correlation_id: str | None = None) -> Request[AdminAnswer]:
        """Say which checks orders meet: 0 all, 1 money only, 2 none; the last two are for benchmarks."""
        return self._admin(AdminAction.SET_POLICY, correlation_id, flag=whole("policy", policy))

    def set_solo(self, on: bool, *, correlation_id: str | None = None) -> Request[AdminAnswer]:
        """Let answers leave without a standby, on the disk alone; or (False) wait for one again."""
        return self._admin(AdminAction.SET_SOLO, correlation_id, flag=int(on))

    def set_settlement(self, by_service: bool, *, correlation_id: str | None = None) -> Request[AdminAnswer]:
        """Let a settlement service post trades, with their fees; or (False) post them as they are made."""
        return self._admin(AdminAction.SET_SETTLEMENT, correlation_id, flag=int(by_service))

    def post_trades(
        self, trade_ids: npt.ArrayLike, buyer_fees: npt.ArrayLike, seller_fees: npt.ArrayLike
    ) -> Request[Postings]:
        """Post trades that wait for their settlement: each moves money, goods and both fees in one posting.

        Args:
            trade_ids: (n,) in their order, none left out; n from 1 to TRADES_MAX.
            buyer_fees: (n,) minor units of the asset in which the buyer is charged; negative: a rebate.
            seller_fees: (n,) likewise.

        Raises:
            ValueError: None, more than fit into a frame, or unequal lengths.
        """
        count = np.size(trade_ids)
        if not 1 <= count <= TRADES_MAX or {np.size(buyer_fees), np.size(seller_fees)} != {count}:
            raise ValueError(f"{count} trades: expected 1 to {TRADES_MAX}, with two fees each")
        rows = np.zeros(count, LEDGER_COMMAND_DTYPE)
        rows["kind"] = int(LedgerAction.POST_TRADE)
        rows["trade_id"], rows["buyer_fee"], rows["seller_fee"] = trade_ids, buyer_fees, seller_fees
        rows["sent_at"] = self._names.sent_at()
        keys = self._names.correlation_ids(count)
        set_text(rows, "correlation_id", keys)
        return Request(CommandList.LEDGER, rows, postings, [key.encode("ascii") for key in keys])

    def _of(self, account: int | None) -> int:
        if account is None:
            account = self._account
        if account is None:
            raise TypeError("account is needed: give it here, or to connect()")
        return whole("account", account)

    def _largest_notional(self, know: Instrument) -> int:
        """In ticks times lots: half of 64 bits in minor units of quote, so that a fee fits beside it."""
        try:
            scale = self._directory.asset(know.quote).scale
        except LookupError:
            scale = 0
        units = int(10 ** max(0, scale - know.price_scale - know.qty_scale))
        return _INT64_MAX // (2 * units)

    def _learn(self, known: Asset | Instrument) -> Callable[[AdminAnswer], None]:
        def learn(answer: AdminAnswer) -> None:
            if answer.ok:
                self._directory.add(known)

        return learn

    def _ledger(
        self,
        action: LedgerAction,
        account: int | None,
        transfer_id: int | None,
        expected_version: int | None,
        correlation_id: str | None,
        asset: int | str,
        amount: Amount,
        **fields: Any,
    ) -> Request[AdminAnswer]:
        present = 0
        if expected_version is not None:
            fields["expected_version"] = whole("expected_version", expected_version)
            present |= LedgerField.VERSION
        if "expire_at" in fields:
            present |= LedgerField.EXPIRY
        fields |= {
            "kind": int(action),
            "present": int(present),
            "asset": self._directory.asset_id(asset),
            "account": self._of(account),
            "amount": self._directory.units(asset, amount),
            "transfer_id": narrow(self._names.transfer_id() if transfer_id is None else transfer_id),
        }
        return self._request(CommandList.LEDGER, correlation_id, None, fields)

    def _instrument(
        self,
        action: InstrumentAction,
        correlation_id: str | None,
        done: Callable[[AdminAnswer], None] | None = None,
        **fields: Any,
    ) -> Request[AdminAnswer]:
        fields |= {"kind": int(action), "actor": self._actor}
        return self._request(CommandList.INSTRUMENTS, correlation_id, done, fields)

    def _admin(self, action: AdminAction, correlation_id: str | None, **fields: Any) -> Request[AdminAnswer]:
        fields |= {"kind": int(action), "actor": self._actor}
        return self._request(CommandList.ADMINISTRATION, correlation_id, None, fields)

    def _request(
        self,
        family: CommandList,
        correlation_id: str | None,
        done: Callable[[AdminAnswer], None] | None,
        fields: dict[str, Any],
    ) -> Request[AdminAnswer]:
        names = self._names
        correlation = (
            names.correlation_id() if correlation_id is None else checked_id("correlation_id", correlation_id)
        )
        key = correlation.encode("ascii")
        fields |= {"sent_at": names.sent_at(), "correlation_id": key}
        layout = LAYOUTS[family]
        return Request(family, layout.rows(layout.pack(fields)), first_answer, [key], done=done)


def _symbol(symbol: str) -> bytes:
    if not symbol.isascii() or not 0 < len(symbol) <= _SYMBOL_BYTES_MAX:
        raise ValueError(f"symbol must be 1 to {_SYMBOL_BYTES_MAX} ASCII characters, not {symbol!r}")
    return symbol.encode("ascii")


def _check_whole(unit: str, **amounts: Amount | None) -> None:
    for name, amount in amounts.items():
        if amount is not None and not isinstance(amount, int):
            raise ValueError(
                f"{name} {str(amount)!r} needs an instrument: of every one it is an int, in {unit}, as each"
                f" has {unit} of its own size"
            )
