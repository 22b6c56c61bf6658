"""`exchange up`."""

from __future__ import annotations

import argparse
import errno
import socket
import sys
from collections.abc import Mapping
from typing import Final

from cmatch.cli.words import INT32_MAX, whole
from exchange.cli.common import add_settings, settings_of
from exchange.config import Settings
from exchange.errors import ConfigError
from exchange.runtime.parent import die_with_parent
from exchange.storage.directory import DataDirectory, DirectoryLock
from exchange.topology.all_in_one import run_all
from exchange.topology.supervising import supervise

DESCRIPTION = """Run an exchange on a data directory until it is told to stop (Ctrl-C, SIGTERM): a core
process and a read replica under a supervisor, which starts again what falls over and serves /metrics
and /health. One line of the log an event goes to standard error; where to connect is printed, and
written to DIR/run/exchange.json. A second `up` on the same directory is refused."""

SERVICES: Final[Mapping[str, str]] = {
    "admin": "admin.enabled",
    "gateway": "gateway.enabled",
    "history": "history.enabled",
    "marketdata": "market_data.enabled",
    "settlement": "settlement.enabled",
}
"""What runs beside the core where somebody wants it, by the setting that says so."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_settings(parser)
    parser.add_argument(
        "--with",
        dest="services",
        action="append",
        default=[],
        choices=["all", *SERVICES],
        metavar="SERVICE",
        help=f"with a service beside the core: {', '.join(SERVICES)}, or all; may be repeated",
    )
    parser.add_argument(
        "--parent", type=whole(1, INT32_MAX), metavar="PID", help="stop when the process with this id is gone"
    )
    parser.add_argument(
        "--all-in-one", action="store_true", help="one process, without a supervisor: for tests, notebooks"
    )


def run(options: argparse.Namespace) -> int:
    """Runs until stopped; returns the exit code of what could not be helped, or 0."""
    if options.parent is not None:
        die_with_parent(options.parent)
    wanted = SERVICES if "all" in options.services else dict.fromkeys(options.services)
    options.set = [*(f"{SERVICES[name]}=true" for name in wanted), *options.set]  # what --set says counts
    settings = settings_of(options)
    if not DirectoryLock.is_held(DataDirectory(settings.data_directory).lock):  # else that is what is wrong
        check_ports(settings)
    if options.all_in_one:
        return run_all(settings)

    def say(endpoints: Mapping[str, str]) -> None:
        width = max(map(len, endpoints))
        for name, endpoint in endpoints.items():
            print(f"{name:<{width}}  {endpoint}")
        print(f"{'ready':<{width}}  data in {settings.data_directory}")
        sys.stdout.flush()

    return supervise(settings, say)


def check_ports(settings: Settings) -> None:
    """Looks whether the ports of an exchange can be had, before anything of it is started.

    Raises:
        ConfigError: One is taken.
    """
    host, _, port = settings.endpoints.metrics.rpartition(":")
    wanted = [(host, int(port), f"endpoints.metrics={host}:0")] if port else []
    if settings.gateway.enabled:
        wanted.append((settings.gateway.host, settings.gateway.port, "gateway.port=8090"))
    for host, number, other in wanted:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            socket.create_server((host, number), family=family).close()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ConfigError(
                    f"port {number} of {host} is taken (another exchange?): choose one with --set {other}"
                ) from None
