"""`exchange standby`."""

from __future__ import annotations

import argparse
from pathlib import Path

from cmatch.cli.words import given
from exchange.cli import up
from exchange.config import load
from exchange.errors import ConfigError
from exchange.storage.directory import DataDirectory

DESCRIPTION = """Run an exchange that stands by for another one: it takes over every batch of its journal,
says when it is on its own disk, and folds it, until it is told to take the lead (`exchange promote`). Its
leader has to run with `durability=replica` if answers are to wait for it. Whose keys and endpoints over TCP:
see replication.* in docs/configuration.md. On its leader's machine it needs a port of its own for metrics:
--set endpoints.metrics=127.0.0.1:9465."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --of and the options of `up`."""
    parser.add_argument(
        "--of",
        type=given,
        metavar="DIR|ENDPOINT",
        required=True,
        help="the leader: its data directory, or its endpoint",
    )
    up.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Runs until stopped; returns the exit code of what could not be helped, or 0."""
    leader = str(options.of)
    if "://" not in leader:
        if not DataDirectory(Path(leader)).journal.is_dir():
            raise ConfigError(
                f"{leader} is no data directory of an exchange: expected the leader's, or its endpoint"
            )
        leader = load(environment={}, data_directory=Path(leader)).endpoints.orders
    options.set = [f"replication.leader={leader}", "durability=replica", *options.set]
    return up.run(options)
