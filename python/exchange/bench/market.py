"""The market that is measured: one instrument, funded accounts, and the connections of the load."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import zmq

from cmatch import RejectCode, frames
from cmatch.enums import DefinitionField, Phase, StopWrongSide, TriggerSource
from cmatch.frames import CommandList, ReportList
from exchange.bus.context import new_context
from exchange.bus.curve import KeyPair, connect_with
from exchange.bus.options import SocketOptions, configure
from exchange.client import Reject
from exchange.domain.enums import AdminAction, FeeMode, InstrumentAction, InstrumentKind, LedgerAction
from exchange.errors import TransportError

BASE, QUOTE, INSTRUMENT = 1, 2, 1
_TIMEOUT_S: Final = 20.0
_RECORDS_A_FRAME: Final = 200


class Market:
    """Connections to a core, each with a session of its own.

    Args:
        endpoint: of the core.
        sockets: how many connections.
        keys: of this client and the public key of the server, where keys protect it.
        name: of the sessions.
        realtime_priority: of the thread that sends and receives, see `exchange.bus.context`.
    """

    def __init__(
        self,
        endpoint: str,
        sockets: int,
        keys: tuple[KeyPair, str] | None = None,
        *,
        name: str = "bench",
        realtime_priority: int = 0,
    ) -> None:
        self._context = new_context(realtime_priority)
        self.sockets: list[zmq.Socket[bytes]] = []
        for number in range(sockets):
            socket = self._context.socket(zmq.DEALER)
            configure(socket, SocketOptions(queue_messages_max=100_000))
            socket.setsockopt(zmq.IMMEDIATE, 0)  # open loop: what is due is sent, whoever is there
            if keys is not None:
                connect_with(socket, *keys)
            socket.connect(endpoint)
            self.sockets.append(socket)
            self._log_on(socket, f"{name}-{number}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections."""
        for socket in self.sockets:
            socket.close(linger=0)
        self._context.term()

    def define(self) -> None:
        """Defines two assets and an instrument in continuous trading; again, it changes nothing."""
        self._ask(CommandList.INSTRUMENTS, instrument_rows(), RejectCode.INSTRUMENT_IN_USE)

    def assign(self, shard: int) -> None:
        """Lets a shard match the instrument from now on."""
        row = np.zeros(1, frames.INSTRUMENT_COMMAND_DTYPE)
        row["kind"], row["instrument_id"], row["shard"] = InstrumentAction.ASSIGN_SHARD, INSTRUMENT, shard
        self._ask(CommandList.INSTRUMENTS, row)

    def fund(self, accounts: int) -> None:
        """Opens accounts from 1 on, of tenant 1, and gives each of them more than it will ever need."""
        opened = np.zeros(accounts, frames.ADMIN_COMMAND_DTYPE)
        opened["kind"] = AdminAction.OPEN_ACCOUNT
        opened["account"] = np.arange(1, accounts + 1)
        opened["tenant"] = 1
        self._ask(CommandList.ADMINISTRATION, opened)
        gifts = np.zeros(2 * accounts, frames.LEDGER_COMMAND_DTYPE)
        gifts["kind"] = LedgerAction.DEPOSIT
        gifts["account"] = np.repeat(np.arange(1, accounts + 1), 2)
        gifts["asset"] = np.tile([BASE, QUOTE], accounts)
        gifts["amount"] = np.tile([10**14, 10**15], accounts)
        gifts["transfer_id"][:, 0] = np.arange(1, 2 * accounts + 1)
        gifts["transfer_id"][:, 1] = 0xBE7C
        self._ask(CommandList.LEDGER, gifts)

    def beat(self) -> None:
        """Says on every connection that it lives."""
        for socket in self.sockets:
            socket.send(_session_frame(3, "-"))

    def _log_on(self, socket: zmq.Socket[bytes], name: str) -> None:
        socket.send(_session_frame(1, name))
        kind, rows = _receive(socket)
        if kind is not ReportList.SESSIONS or rows["kind"][0] != 1:
            raise TransportError(f"the core does not let {name} in: reject {rows['reject'][0]}")

    def _ask(self, kind: CommandList, rows: npt.NDArray[np.void], known: int = 0) -> None:
        """Sends commands and waits for their answers; the reject `known` says that it was done before."""
        socket = self.sockets[0]
        for at in range(0, rows.size, _RECORDS_A_FRAME):
            part = rows[at : at + _RECORDS_A_FRAME]
            socket.send(frames.encode_commands(kind, part))
            for rejects in _answers(socket, part.size):
                refused = rejects[(rejects != 0) & (rejects != known)]
                if refused.size:
                    raise TransportError(f"the market could not be made: {Reject(int(refused[0])).name}")


def instrument_rows() -> npt.NDArray[np.void]:
    """(3,) of INSTRUMENT_COMMAND: two assets, and an instrument of them in continuous trading."""
    rows = np.zeros(3, frames.INSTRUMENT_COMMAND_DTYPE)
    rows["kind"] = [
        InstrumentAction.DEFINE_ASSET,
        InstrumentAction.DEFINE_ASSET,
        InstrumentAction.DEFINE_INSTRUMENT,
    ]
    rows["asset"] = [BASE, QUOTE, 0]
    rows["symbol"] = [b"BTC", b"USD", b"BTC-USD"]
    rows["asset_scale"] = [8, 8, 0]
    instrument = rows[2]
    for name, value in {
        "instrument_id": INSTRUMENT,
        "base": BASE,
        "quote": QUOTE,
        "instrument_kind": InstrumentKind.SPOT,
        "fee_mode": FeeMode.RECEIVED,
        "price_scale": 2,
        "qty_scale": 4,
        "phase": Phase.CONTINUOUS,
        "taker_rate": 1_000_000,
        "maker_rate": 0,
        "tick_step": 1,
        "lot_step": 1,
        "min_price": 1,
        "max_price": 10_000_000,
        "max_qty": 1_000_000,
        "max_notional": 10**13,
        "max_parts": 1_000,
        "max_pegs": 1_000,
        "trigger_source": TriggerSource.LAST,
        "stop_wrong_side": StopWrongSide.REJECT,
        "band_mode": 1,
        "present": DefinitionField(0),
    }.items():
        instrument[name] = value
    return rows


def _session_frame(kind: int, name: str) -> bytes:
    rows = np.zeros(1, frames.SESSION_REQUEST_DTYPE)
    rows["kind"] = kind
    rows["name"] = name.encode("ascii")
    rows["schema_version"] = frames.SCHEMA_VERSION
    rows["heartbeat_ms"] = 120_000
    return frames.encode_commands(CommandList.SESSIONS, rows)


def _receive(socket: zmq.Socket[bytes]) -> tuple[ReportList, npt.NDArray[np.void]]:
    if not socket.poll(int(_TIMEOUT_S * 1_000)):
        raise TransportError(f"the core did not answer within {_TIMEOUT_S:g} s")
    _, kind, rows = frames.decode_reports(socket.recv())
    return kind, rows


def _answers(socket: zmq.Socket[bytes], count: int) -> Iterator[npt.NDArray[np.uint16]]:
    until = time.monotonic() + _TIMEOUT_S
    while count > 0:
        if time.monotonic() > until:
            raise TransportError(f"{count} answers of the core are missing")
        kind, rows = _receive(socket)
        if kind is ReportList.ANSWERS:
            count -= rows.size
            yield rows["reject"]
