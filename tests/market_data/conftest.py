"""Tests that read real market data. Its terms keep it out of the project, so they run only where it lies."""

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_DATA = Path(os.environ.get("CMATCH_DATA", _HERE.parents[2] / "shared" / "data"))

collect_ignore_glob = [] if _DATA.is_dir() else ["test_*.py"]


@pytest.fixture(scope="session")
def market_data() -> Path:
    """The folder of the market data: `CMATCH_DATA`, or `../shared/data` seen from the project's root."""
    return _DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test below this folder as one that needs market data."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.market_data)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was left out where there is no market data."""
    if collect_ignore_glob:
        left_out = len(list(_HERE.glob("test_*.py")))
        terminalreporter.section("market data")
        terminalreporter.line(f"{left_out} test files left out: there is no {_DATA} (see CMATCH_DATA)")
