"""RPC servers of the processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from exchange.bus.context import Context
from exchange.bus.curve import Authenticator, KeyPair, Keyring, KeyringWatch
from exchange.bus.rpc import Dispatcher, RpcServer
from exchange.config import Settings
from exchange.errors import SecurityError
from exchange.runtime.auditing import ProcessAudit, Refusal
from exchange.runtime.chores import chores
from exchange.runtime.log import log

_KEYS_INTERVAL_S: Final = 1.0


@asynccontextmanager
async def serve(
    settings: Settings, audit: ProcessAudit, context: Context, endpoint: str, dispatcher: Dispatcher
) -> AsyncIterator[RpcServer]:
    """Serves an endpoint with the protection that it has: a private socket, or CURVE and an authenticator."""
    keys = settings.security.keys_directory
    if endpoint.startswith("ipc://") or keys is None:
        async with RpcServer(context, endpoint, dispatcher) as server:
            yield server
        return
    with Authenticator(context, Keyring.read(keys / "clients")) as authenticator:
        authenticator.on_refused = lambda key: audit.refuse(Refusal(action="logon", target=key or "no key"))
        server_keys = KeyPair.read(keys / "server.key")
        async with (
            chores(_watch_keys(keys / "clients", authenticator)),
            RpcServer(context, endpoint, dispatcher, authenticator=authenticator, keys=server_keys) as server,
        ):
            yield server


async def _watch_keys(directory: Path, authenticator: Authenticator) -> None:
    """Has revoked keys no longer recognised, and new ones let in, within a second or two."""
    watch = KeyringWatch(directory)
    while True:
        await asyncio.sleep(_KEYS_INTERVAL_S)
        try:
            keyring = watch.changed()
        except SecurityError as error:
            log("keys cannot be read", level=logging.ERROR, reason=error)
            continue
        if keyring is not None:
            authenticator.keyring = keyring
            log("keys were changed", principals=len(keyring))
