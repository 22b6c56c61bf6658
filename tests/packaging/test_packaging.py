"""What is installed is what pyproject.toml says, and set-up says clearly what it cannot do."""

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest

import cmatch

ROOT = Path(__file__).parents[2]
TABLE: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, with some of its environment changed."""
    return subprocess.run(
        arguments, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | environment
    )


def test_version_of_module_and_metadata_is_that_of_the_project() -> None:
    """The version has one home, and everything else reads it there."""
    assert (cmatch.__version__, version("cmatch")) == (TABLE["project"]["version"],) * 2


def test_command_is_installed_with_its_entry_point() -> None:
    """`cmatch` on the command line is `cmatch.cli:main`."""
    (script,) = entry_points(group="console_scripts", name="cmatch")
    assert script.value == "cmatch.cli:main"


def test_exchange_with_its_extra_imports() -> None:
    """With pyzmq and pycapnp installed nothing stands in the way."""
    result = run(sys.executable, "-c", "import exchange; print(exchange.__name__)")
    assert (result.returncode, result.stdout) == (0, "exchange\n")


@pytest.mark.parametrize(
    ("hidden", "named"), [(("zmq",), "module zmq"), (("capnp", "zmq"), "modules capnp and zmq")]
)
def test_exchange_without_its_extra_raises_one_sentence(hidden: tuple[str, ...], named: str) -> None:
    """The sentence names what is missing and the extra that brings it."""
    code = f"import sys; sys.modules.update(dict.fromkeys({hidden}))\nimport exchange"
    result = run(sys.executable, "-c", code)
    assert result.stderr.splitlines()[-1] == (
        f'ImportError: exchange needs the {named}, which come with its extra: pip install "cmatch[exchange]".'
    )


def test_setup_without_rights_names_the_one_apt_line(tmp_path: Path) -> None:
    """Neither root nor sudo: the missing packages are named in one line to run, and nothing is touched."""
    for name, tool in {"bash": "bash", "cat": "cat", "dirname": "dirname", "python3": sys.executable}.items():
        (tmp_path / name).symlink_to(shutil.which(tool) or "")
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    result = run("bash", str(ROOT / ".ci" / "setup"), PATH=str(tmp_path))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "error: packages are missing; run as root: apt-get update && apt-get install -y g++ make\n"
    )
