"""The browser of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.web.browser import launched


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module: it takes a second to start."""
    with launched() as made:
        yield made
