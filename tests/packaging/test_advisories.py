"""No dependency is installed, or may be, in a version with a known hole that would reach us."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import zmq
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
# The first version without each hole. One line a package: the latest hole of it that counts here.
FIXED = {
    "cryptography": ("44.0.1", "CVE-2024-12797: the OpenSSL in its wheels"),
    "pyarrow": ("14.0.1", "CVE-2023-47248: files that run code when they are read"),
    "pycapnp": ("2.2", "CVE-2022-46149 and those before it: reads beyond a list, of the bundled library"),
    "pyjwt": ("2.15.1", "CVE-2026-32597, 102272 to 102275: what a token may claim unchecked"),
    "redis": ("4.5.5", "CVE-2023-28859: answers of another's question"),
    "websockets": ("9.1", "CVE-2021-33880: passwords by the time that they take"),
}
# Used by what we use, so pyproject.toml does not name it.
BENEATH = {"h11": ("0.16.0", "CVE-2025-43859: chunks that two readers see differently")}
NEVER = {"python-jose": "CVE-2024-33663 and 33664, and nobody keeps it"}


def requirements() -> list[Requirement]:
    """Of the project and all its extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    groups = (project["dependencies"], *project["optional-dependencies"].values())
    return [Requirement(line) for group in groups for line in group]


@pytest.mark.parametrize("package", FIXED)
def test_version_that_may_be_installed_has_no_known_hole(package: str) -> None:
    """The lowest one that pyproject.toml allows, and the one that is here."""
    fixed = Version(FIXED[package][0])
    wanted = [each for each in requirements() if each.name == package]
    assert wanted, f"{package} is no dependency any more"
    for each in wanted:
        lowest = [Version(part.version) for part in each.specifier if part.operator in {">=", "=="}]
        assert lowest, each
        assert min(lowest) >= fixed, each
    assert Version(version(package)) >= fixed


def test_what_lies_beneath_has_no_known_hole() -> None:
    """Packages of packages, and libraries that are bundled."""
    for package, (fixed, _) in BENEATH.items():
        assert Version(version(package)) >= Version(fixed)
    assert zmq.zmq_version_info() >= (4, 3, 3)  # CVE-2020-15166 and 2019-13132: unauthenticated peers


@pytest.mark.parametrize("package", NEVER)
def test_package_that_is_not_to_be_used_is_not_there(package: str) -> None:
    """Nor does anything else bring it."""
    assert package not in {each.name for each in requirements()}
    with pytest.raises(PackageNotFoundError):
        version(package)
