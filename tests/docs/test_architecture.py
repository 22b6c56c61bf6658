"""The flows of docs/architecture.md are those of the code: who takes part, and who hears of what."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from exchange.bus.topics import TOPICS
from exchange.domain.events.catalogue import CATALOGUE
from exchange.services.gateway.routes import ROUTES
from exchange.topology.services import spec_of
from exchange.topology.table import PROCESSES
from tests.docs.blocks import blocks

SERVICES = {name for process in PROCESSES for name in process.hosts}
LOG = "event log"
OUTSIDE = {"client", LOG}
# Publishes in the place of the service whose events they are.
PUBLISHES = {"publisher": "matching"}


class Flow(NamedTuple):
    """One diagram: participants by their letter, and what they say to each other, in its order."""

    participants: dict[str, str]
    said: list[tuple[str, str, str]]

    def between(self, one: str, other: str) -> list[str]:
        """What one says to another."""
        return [what for sender, receiver, what in self.said if (sender, receiver) == (one, other)]


def flows() -> list[Flow]:
    """Those of the page."""
    made = []
    for block in blocks("architecture.md", "mermaid", "sequenceDiagram"):
        who = dict(re.findall(r"^ +participant (\w) as (.+)$", block, re.MULTILINE))
        arrows = re.findall(r"^ +(\w)--?>>(\w): (.+)$", block, re.MULTILINE)
        assert len(re.findall(r"->>", block)) == len(arrows)
        made.append(Flow(who, [(who[one], who[other], what) for one, other, what in arrows]))
    return made


@pytest.mark.req("A001")
def test_page_shows_creation_matching_and_settlement_by_participants_that_there_are() -> None:
    """Three diagrams; each participant is a service or a process of the table, and takes part."""
    names = [set(flow.participants.values()) for flow in flows()]
    assert names == [
        {"client", "gateway", "orders", "risk", "accounts"},
        {"orders", "matching", "publisher", LOG, "client"},
        {LOG, "settlement", "orders", "marketdata"},
    ]
    real = SERVICES | {process.name for process in PROCESSES}
    for flow, there in zip(flows(), names, strict=True):
        assert there - OUTSIDE <= real
        assert {name for one, other, _ in flow.said for name in (one, other)} == there


@pytest.mark.req("A001")
def test_flows_of_the_page_are_those_of_the_code() -> None:
    """A request that is routed; events by who publishes them and who reads their topic; no log before 201."""
    creation, matching, settlement = flows()
    (asked,) = creation.between("client", "gateway")
    method, path = asked.split()
    assert (method, path) in {(route.method, route.path) for route in ROUTES}
    assert creation.said[0][2] == asked
    assert creation.said[-1] == ("gateway", "client", "201 Created")
    assert LOG not in creation.participants.values()
    events = {row.name: row for row in CATALOGUE}
    for flow in (matching, settlement):
        for sender, receiver, what in flow.said:
            if sender == LOG:
                assert events[what].topic in spec_of(receiver).reads
                (topic,) = [each for each in TOPICS if each.name == events[what].topic]
                assert receiver in topic.consumers
            elif receiver == LOG:
                assert PUBLISHES.get(sender, sender) in events[what].producers
    assert matching.between("publisher", LOG) == ["TradeExecuted"]
    assert settlement.between(LOG, "marketdata") == ["TradeExecuted", "TradeSettled"]
    assert settlement.between(LOG, "settlement") == ["TradeExecuted"]
    assert settlement.between("settlement", LOG) == ["TradeSettled"]
