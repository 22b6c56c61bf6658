"""What no linter keeps: rules of the house that are about the project as a whole."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (".ci", "bench", "bindings", "docs", "examples", "python", "src", "tests")
TEXT = {"", ".cpp", ".hpp", ".md", ".pxd", ".py", ".pyi", ".pyx", ".toml", ".txt"}


def sources(*folders: str) -> Iterator[Path]:
    """Every text file of the project below the folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts:
                yield path


def lines_with(pattern: str, *folders: str) -> list[str]:
    """The lines below the folders that match, as `file:line: text`; this file aside."""
    found = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sources(*folders)
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if found.search(line)
    ]


def test_core_has_no_floating_point() -> None:
    """Prices, quantities and money are integers all the way."""
    assert lines_with(r"^(?!\s*//).*\b(float|double)\b", "src") == []


def test_core_has_no_clock_randomness_threads_or_files() -> None:
    """Core and venue are pure state machines; what does I/O lies in a folder of its own, over them."""
    headers = "chrono|ctime|random|thread|mutex|future|fstream|iostream|filesystem|cstdio"
    found = lines_with(rf"#include <({headers})>", "src") + lines_with(r"#include \"cmatch/io/", "src")
    assert [line for line in found if not line.startswith("src/cmatch/io/")] == []


def test_sources_have_nothing_left_to_do() -> None:
    """Work that is owed is an issue, not a comment."""
    assert lines_with(r"\b(TODO|FIXME|XXX)\b|NotImplementedError", *FOLDERS) == []


def test_sources_name_no_machine() -> None:
    """Nothing here knows the machine on which it was written."""
    assert lines_with(r"(?<![\w.])/(work|root|home/\w+)/|/tmp/\w", *FOLDERS) == []


def test_dependencies_are_each_explained() -> None:
    """Every package that pyproject.toml names has its line in docs/dependencies.md."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = table["project"]
    wanted = table["build-system"]["requires"] + project["dependencies"]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[<>=\[]", requirement)[0] for requirement in wanted} - {"cmatch"}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert names - set(re.findall(r"`([\w-]+)`", page)) == set()
