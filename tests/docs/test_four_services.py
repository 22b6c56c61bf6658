"""The page of document 003 names its six pieces, and the way to start what its services depend on."""

from __future__ import annotations

import re

import pytest
import yaml  # type: ignore[import-untyped]

from exchange.config import load
from tests.docs.blocks import DOCS, ROOT

PAGE = "four-services.md"
PIECES = (
    "communication patterns", "service discovery", "error handling", "development environment",
    "API contracts", "monitoring",
)  # fmt: skip


def text() -> str:
    """Of the page."""
    return (DOCS / PAGE).read_text(encoding="utf-8")


@pytest.mark.req("D084")
def test_page_has_the_six_pieces_and_each_a_page() -> None:
    """In the document's order; what a line links to is there, and is more than a heading."""
    rows = re.findall(r"^\| ([\w ]+) \| (.+) \|$", text().partition("## The six pieces")[2], re.MULTILINE)
    found = [
        (piece, re.findall(r"\]\(([\w-]+\.md)", where) or [PAGE]) for piece, where in rows if piece != "piece"
    ]
    assert [piece for piece, _ in found] == list(PIECES)
    for _, pages in found:
        for page in pages:
            assert len((DOCS / page).read_text(encoding="utf-8").splitlines()) > 30, page


@pytest.mark.req("D080")
def test_redis_is_started_alone_and_not_needed() -> None:
    """By the command of the page, of a service that depends on nothing; no setting wants it by default."""
    (name,) = re.findall(r"`docker compose -f deploy/compose\.yaml up (\w+)`", text())
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert services[name]["image"] == "redis:alpine"
    assert "depends_on" not in services[name]
    for profile in ("", "four-services"):
        assert load(environment={}, profile=profile).cache.url == ""
