"""Settings that nobody means: one sentence that names the setting, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exchange.config import load
from exchange.errors import ConfigError, StorageError
from exchange.storage.sql import open_store
from exchange.storage.venue_limits import read_limits

DIGITS = "9" * 5_000
HUGE = 1 << 20_000  # of more digits than Python writes


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"durability": ["disk"]}, "durability is ['disk']"),
        ({"durability": {"disk": True}}, "durability is {'disk': True}"),
        ({"data_directory": "~nosuchuser/x"}, "data_directory is '~nosuchuser/x': expected a path"),
        ({"data_directory": "a\0b"}, "data_directory is"),
        ({"limits": {"accounts": HUGE}}, "limits.accounts is a value too long to be shown (int)"),
        ({"limits": [HUGE]}, "limits is a value too long to be shown (list)"),
        ({"profile": HUGE}, "profile is a value too long to be shown (int)"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:20],
)
def test_value_of_another_kind_is_refused_in_a_sentence(values: dict[str, Any], named: str) -> None:
    """Lists, tables, users that there are not, and numbers that cannot even be written."""
    with pytest.raises(ConfigError) as caught:
        load(environment={}, **values)
    assert str(caught.value).startswith(f"argument: {named}")


@pytest.mark.parametrize("line", [f"limits.accounts = {DIGITS}", f"limits.accounts = 0x{DIGITS}"])
def test_number_of_thousands_of_digits_in_a_file_is_refused(tmp_path: Path, line: str) -> None:
    """Those that TOML's reader refuses, and those that it reads and nobody can show."""
    file = tmp_path / "exchange.toml"
    file.write_text(f"{line}\n", encoding="ascii")
    with pytest.raises(ConfigError, match=r"exchange\.toml"):
        load(file, environment={})


def test_file_whose_name_no_system_has_is_refused() -> None:
    """As one that is missing."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load("a\0b", environment={})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql//u:S3cret@h/d",
        "mysql://u:S3cret@h/d",
        "postgresql:u:S3cret@h",
        "/srv/stores",
        "postgresql://",
    ],
)
def test_stores_url_that_is_no_address_of_postgresql_is_refused(url: str) -> None:
    """It would have been taken for the name of a directory; and what it holds is not repeated."""
    with pytest.raises(ConfigError, match=r"stores\.url is no address") as caught:
        load(environment={}, stores={"url": url})
    assert "S3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "postgresql:///exchange", "postgresql+psycopg://u:p@[::1]:5432/d?host=/run/pg"]
)
def test_stores_url_that_is_one_is_taken(url: str) -> None:
    """Or none, for SQLite."""
    assert load(environment={}, stores={"url": url}).stores.url == url


def test_store_whose_url_cannot_be_taken_apart_is_refused_without_its_password() -> None:
    """A port that is no number."""
    with pytest.raises(ConfigError, match="address of the stores") as caught:
        open_store("postgresql://u:S3cret@h:port/d", "history")
    assert "S3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [[], {"max_accounts": None}, {"max_accounts": [1]}, {"max_accounts": "x"}]
)
def test_limits_of_a_directory_that_are_no_numbers_cannot_be_read(tmp_path: Path, content: object) -> None:
    """Of a file that somebody wrote by hand."""
    (tmp_path / "venue.json").write_text(json.dumps(content), encoding="ascii")
    with pytest.raises(StorageError, match=r"venue\.json cannot be read"):
        read_limits(tmp_path)


def test_limits_of_a_directory_that_are_beyond_all_numbers_cannot_be_read(tmp_path: Path) -> None:
    """Infinity is no whole number."""
    (tmp_path / "venue.json").write_text('{"max_accounts": 1e999}', encoding="ascii")
    with pytest.raises(StorageError, match=r"venue\.json cannot be read"):
        read_limits(tmp_path)
