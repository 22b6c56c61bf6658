"""Requests of operators about money: paid in and out, moved, set aside, and trades that are posted."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cmatch.frames import LEDGER_COMMAND_DTYPE, set_text
from exchange.client.instruments import Amount
from exchange.client.operating import OperatorRequests
from exchange.client.records import narrow
from exchange.client.requests import Request, whole
from exchange.client.results import AdminAnswer, Postings, postings
from exchange.domain.enums import CommandList, LedgerAction, LedgerField

TRADES_MAX: Final = 400
"""Of one request that posts trades: what fits into a frame."""


class LedgerRequests(OperatorRequests):
    """Those of the ledger."""

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
