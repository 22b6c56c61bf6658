"""`exchange audit` looks at every store that there is, whole or not, and at those that should be there."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.cli.audit import audit_of
from exchange.config import load
from exchange.errors import StorageError
from exchange.runtime.consumer import Consumer
from exchange.runtime.spec import ServiceSpec
from exchange.services.history.service import SPEC as HISTORY
from exchange.services.marketdata.service import SPEC as MARKET_DATA
from exchange.services.settlement.service import SPEC as SETTLEMENT
from exchange.storage.sql import StoreUnavailable, open_store
from tests.event_log.published import TABLE, Exchange, busy

SPECS: dict[str, ServiceSpec] = {spec.name: spec for spec in (HISTORY, MARKET_DATA, SETTLEMENT)}


def kept(exchange: Exchange) -> None:
    """Trades at once, then by a service, that no service posts; all services have their rows."""
    busy(exchange.writer, count=30)
    exchange.writer.write(exchange.writer.make.admin.set_settlement(True), tenant=0)
    busy(exchange.writer, seed=2, count=30)
    exchange.publish()
    with exchange.open_log() as log:
        for spec in SPECS.values():
            with (
                open_store(exchange.directory.stores, spec.name, spec.tables) as store,
                Consumer(spec, store, log, TABLE) as consumer,
            ):
                while consumer.step():
                    pass


def audited(exchange: Exchange) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Without any word of which services are switched on: what it says, and what is wrong, by check."""
    settings = load(environment={}, data_directory=exchange.root, events={"environment": "dev"})
    found = audit_of(settings)
    return (
        {check.name: check.says for check in found.checks},
        {check.name: check.wrong for check in found.checks if not check.good},
    )


def test_stores_are_audited_wherever_they_are(exchange: Exchange) -> None:
    """Also without the settings that the exchange was started with; how many trades wait has a line."""
    busy(exchange.writer, count=10)
    exchange.publish()
    says, wrong = audited(exchange)
    assert (wrong, says.keys() & {*SPECS, "unposted"}) == ({}, set())
    kept(exchange)
    says, wrong = audited(exchange)
    assert wrong == {}
    assert says.keys() >= SPECS.keys()
    count, _, rest = says["unposted"].partition(" ")
    assert int(count) > 5
    assert rest == "trades wait for a settlement service to post them"


def remove(path: Path) -> None:
    """The file of a store."""
    path.unlink()


def truncate(path: Path) -> None:
    """Its first page, and a part of the next."""
    path.write_bytes(path.read_bytes()[:6_000])


def overwrite(path: Path) -> None:
    """Bytes at random."""
    path.write_bytes(random.Random(1).randbytes(5_000))


def empty(path: Path) -> None:
    """Nothing of it is left."""
    path.write_bytes(b"")


@pytest.mark.parametrize("service", sorted(SPECS))
@pytest.mark.parametrize("damage", [remove, truncate, overwrite, empty])
def test_store_that_is_gone_or_damaged_is_wrong_and_the_others_are_audited(
    exchange: Exchange, damage: Callable[[Path], None], service: str
) -> None:
    """It is named; a store that is not there is not made."""
    kept(exchange)
    path = exchange.directory.stores / f"{service}.sqlite"
    for beside in path.parent.glob(f"{service}.sqlite-*"):
        beside.unlink()
    damage(path)
    says, wrong = audited(exchange)
    assert wrong.keys() == {service}
    assert says.keys() >= SPECS.keys()
    if damage in (truncate, overwrite):
        assert wrong[service][-1].startswith(
            f"the store of {service} cannot be read: the store {path} is damaged"
        )
    else:
        assert "and its consumer group" in wrong[service][0]
    assert path.exists() == (damage is not remove)


def test_damaged_store_is_named_by_who_opens_it(tmp_path: Path) -> None:
    """It is no error of a statement, nor is the store away."""
    overwrite(tmp_path / "history.sqlite")
    with pytest.raises(StorageError, match=r"history\.sqlite is damaged: file is not a database") as found:
        open_store(tmp_path, "history", HISTORY.tables)
    assert not isinstance(found.value, StoreUnavailable)


def test_exchange_whose_supervisor_was_killed_is_audited_as_one_that_does_not_run(exchange: Exchange) -> None:
    """Nobody waits for its core to show its books."""
    kept(exchange)
    directory = exchange.directory
    directory.run.mkdir(exist_ok=True)
    said: dict[str, Any] = {"supervisor": 1, "processes": {}, "restarts": {}, "endpoints": {}}
    directory.announcement.write_text(json.dumps(said))
    settings = load(environment={}, data_directory=exchange.root, market_data={"enabled": True})
    found = audit_of(settings)
    assert found.good
    assert "mirrors" not in {check.name for check in found.checks}
