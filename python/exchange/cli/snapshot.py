"""`exchange snapshot`."""

from __future__ import annotations

import argparse
import os

from exchange.bus.context import new_context
from exchange.bus.curve import KeyPair
from exchange.bus.rpc import NO_CONTEXT, BlockingChannel, BlockingClient, Metadata
from exchange.cli.common import check_runs, settings_of
from exchange.cli.connecting import add_client
from exchange.resilience import Policies
from exchange.runtime.replica import SNAPSHOT_METHOD

DESCRIPTION = """Have the read replica take a snapshot of all that was answered before. When this returns it
is written, synced, renamed into place and read back. Prints its sequence, event digest and state hash."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_client(parser)


def run(options: argparse.Namespace) -> int:
    """Asks and waits; returns 0."""
    print(_ask(options))
    return 0


def _ask(options: argparse.Namespace) -> str:
    settings = settings_of(options)
    check_runs(settings, [settings.endpoints.queries])
    keys = KeyPair.read(options.key) if options.key else None
    endpoint = settings.endpoints.queries
    metadata = Metadata(f"cli-{os.getpid()}", str(options.tenant), options.user, NO_CONTEXT)
    context = new_context()
    try:
        channel = BlockingChannel(context, endpoint, keys=keys, server_public=options.server_key)
        with BlockingClient(channel, Policies().of("cli", "replica")) as client:
            return client.call(SNAPSHOT_METHOD, metadata=metadata, repeatable=True).decode("ascii")
    finally:
        context.destroy(linger=0)
