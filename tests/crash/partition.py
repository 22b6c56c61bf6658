"""Cuts the network between clients and a core over TCP with CURVE: one way, both ways, or a fifth of it.

    python -m tests.crash.partition [--cuts 20] [--seed 1] [--short]

The core runs in a network namespace of its own, behind a pair of virtual interfaces; nftables drops what is
to be lost, from a third of a second to five seconds long. Every request is answered in the end, each is
executed once, each client gets each report once and in order, and knows in the end exactly the orders that
are live. Needs root, `ip` (Debian's iproute2) and `nft` (nftables); where one is missing it says which:
exit 2.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from exchange.bench.market import Market
from exchange.bus.curve import KeyPair, make_keys
from exchange.client import Client
from exchange.config.private import private_directory
from tests.crash.lives import Core, Findings, fold, judge, open_market
from tests.crash.traders import TENANT, Traders

_TRADERS: Final = 4
_PORT: Final = 7_401
_BACK_WITHIN_S: Final = 15.0  # TCP's own pauses included
_TABLE: Final = "exchange_cut"
# What is dropped, from where the core is: by the hook of the packets, all of them or a fifth.
_CUTS: Final = {
    "to the core": ("input",),
    "from the core": ("output",),
    "both ways": ("input", "output"),
    "a fifth lost": ("input", "output"),
}


class CannotCut(Exception):
    """This machine, or this user, may not make networks, or has not what it takes."""


def _run(*words: str, text: str | None = None) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True, input=text)
    if done.returncode:
        raise CannotCut(f"{' '.join(words)}: {done.stderr.strip()}")


class Network:
    """A namespace with one address, and one of this side's to reach it from.

    Args:
        name: Of the namespace and, with a figure, of the interfaces.
        inside: The address within.
        outside: The address on this side.
    """

    def __init__(self, name: str, inside: str, outside: str) -> None:
        self.inside = inside
        self.enter = ("ip", "netns", "exec", name)
        near, far = f"{name}0", f"{name}1"
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        _run("ip", "link", "set", far, "netns", name)
        _run("ip", "addr", "add", f"{outside}/30", "dev", near)
        _run("ip", "link", "set", near, "up")
        _run(*self.enter, "ip", "addr", "add", f"{inside}/30", "dev", far)
        for device in (far, "lo"):
            _run(*self.enter, "ip", "link", "set", device, "up")

    def cut(self, hooks: tuple[str, ...], *, percent: int) -> None:
        """Drop so much of what passes these hooks of the namespace."""
        lines = [f"table inet {_TABLE} {{"]
        for hook in hooks:
            lines.append(f"chain {hook} {{ type filter hook {hook} priority 0; policy accept;")
            interface = "iifname" if hook == "input" else "oifname"
            some = "" if percent == 100 else f"numgen random mod 100 < {percent} "
            lines += [f'{interface} != "lo" {some}drop', "}"]
        _run(*self.enter, "nft", "-f", "-", text="\n".join([*lines, "}"]))

    def mend(self) -> None:
        """Drop nothing any more."""
        _run(*self.enter, "nft", "delete", "table", "inet", _TABLE)


@contextmanager
def network() -> Iterator[Network]:
    """A network, removed at the end.

    Raises:
        CannotCut: None may be made here.
    """
    if os.geteuid() != 0:
        raise CannotCut("it needs root")
    missing = [each for each in ("ip", "nft") if shutil.which(each) is None]
    if missing:
        raise CannotCut(f"there is no {' and no '.join(missing)} (Debian's iproute2, nftables)")
    name = f"xcut{os.getpid() % 100_000}"
    third = 4 * (os.getpid() % 60)
    with ExitStack() as opened:
        _run("ip", "netns", "add", name)
        opened.callback(_run, "ip", "netns", "del", name)
        made = Network(name, f"10.251.200.{third + 2}", f"10.251.200.{third + 1}")
        made.cut(("input",), percent=1)  # whether nftables are allowed, before anything depends on them
        made.mend()
        yield made


@dataclass(frozen=True)
class Verdict:
    """What came of it.

    Args:
        cuts: By kind: from the end of each cut to the next answer of each client, ms, ascending.
        answered: Requests.
        reconnects: Of all clients.
        complaints: Of the clients.
        findings: In the journal.
    """

    cuts: dict[str, list[float]]
    answered: int
    reconnects: int
    complaints: tuple[str, ...]
    findings: Findings

    @property
    def good(self) -> bool:
        """Whether nothing was lost or done twice, everyone knows what is so, and all came back in time."""
        return self.findings.good and not self.complaints

    def __str__(self) -> str:
        back = "; ".join(
            f"{len(times) // _TRADERS} {kind}: next answer after {times[len(times) // 2]:.0f} ms (median),"
            f" {times[-1]:.0f} ms (longest)"
            for kind, times in self.cuts.items()
            if times
        )
        return (
            f"{self.answered} requests answered, {self.reconnects} reconnects; {back};"
            f" missing {self.findings.missing}, repeated {self.findings.repeated}"
            f"{''.join(f'; {each}' for each in self.complaints)}"
        )


def run(directory: Path, made: Network, cuts: int, seed: int) -> Verdict:
    """The campaign; raises CoreFailed where the core does not start or end."""
    chance = Random(seed)
    keys = private_directory(directory / "keys")
    server = KeyPair.generate()
    server.write(keys / "server.key")
    operator = make_keys(keys, "operator", tenant="0", roles=["admin", "trade"])
    trader = make_keys(keys, "trader", tenant=str(TENANT), roles=["trade"])
    endpoint = f"tcp://{made.inside}:{_PORT}"
    settings = (f"endpoints.orders={endpoint}", f"security.keys_directory={keys}")
    core = Core(directory / "x", settings=settings, prefix=made.enter)
    core.start()
    with Market(endpoint, 1, (operator, server.public)) as market:
        open_market(market)
    back: dict[str, list[float]] = {kind: [] for kind in _CUTS}
    complaints: list[str] = []
    with Traders(partial(_connect, endpoint, trader, server.public), _TRADERS, seed) as traders:
        for number in range(cuts):
            time.sleep(chance.uniform(0.3, 1.0))
            kind = list(_CUTS)[number % len(_CUTS)]
            made.cut(_CUTS[kind], percent=20 if kind == "a fifth lost" else 100)
            time.sleep(chance.uniform(0.3, 5.0))
            now = time.monotonic_ns()
            made.mend()
            told = traders.wait_told_after(now, _BACK_WITHIN_S)
            if len(told) < _TRADERS:
                complaints.append(f"{kind}: only {len(told)} clients came back within {_BACK_WITHIN_S:g} s")
            back[kind] += [(ns - now) / 1e6 for ns in told]
        traders.stop()
        end = core.stop()
        complaints += traders.complaints(fold(core.directory))
        reconnects = sum(each.client.reconnects for each in traders.all)
        acknowledged = traders.acknowledged
    findings = judge(core.directory, acknowledged, end)
    times = {kind: sorted(each) for kind, each in back.items()}
    return Verdict(times, len(acknowledged), reconnects, tuple(complaints), findings)


def _connect(endpoint: str, keys: KeyPair, server_key: str, name: str, account: int) -> Client:
    return Client.connect(
        endpoint,
        tenant=TENANT,
        name=name,
        user="trader",
        account=account,
        keys=keys,
        server_key=server_key,
        timeout_ms=60_000,
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true", help="one of each kind")
    options = parser.parse_args()
    try:
        with network() as made, tempfile.TemporaryDirectory(prefix="partition-") as directory:
            verdict = run(Path(directory), made, len(_CUTS) if options.short else options.cuts, options.seed)
    except CannotCut as error:
        print(f"not possible here: {error}")
        return 2
    print(f"{'ok' if verdict.good else 'FAILED'}: {verdict}")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
