"""The embedded log does what every event log must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.event_log.backends import Backend, Embedded
from tests.event_log.conformance import EventLogConformance


class TestEmbedded(EventLogConformance):
    """In a directory of its own."""

    @pytest.fixture
    def backend(self, memory: Path) -> Iterator[Backend]:
        """Empty."""
        embedded = Embedded(memory)
        yield embedded
        embedded.close()
