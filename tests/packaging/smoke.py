"""Looks at a fresh install of the wheel in an empty environment, with nothing else: python smoke.py WHEEL."""

import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

IMPORT_MS_MAX = 50.0
IMPORT = """
import sys, time
start = time.process_time()
import cmatch
print((time.process_time() - start) * 1e3, "numpy" in sys.modules)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs this interpreter in a process of its own."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def check_contents(wheel: Path) -> str:
    """Both packages are in the wheel with their types; the twins and the tests are not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("cmatch/_core.pyi", "cmatch/py.typed", "exchange/__init__.py", "exchange/py.typed"):
        assert name in names, f"{name} is not in the wheel"
    folders = {name.split("/")[0].split(".")[0].split("-")[0] for name in names}
    assert folders == {"cmatch", "exchange"}, f"the wheel holds {sorted(folders)}"
    return f"{len(names)} files, {wheel.stat().st_size / 1024:.0f} KiB"


def check_dependencies() -> str:
    """The core brings NumPy and nothing else."""
    installed = {d.metadata["Name"].lower() for d in distributions()} - {"pip", "setuptools"}
    assert installed == {"cmatch", "numpy"}, f"installed: {sorted(installed)}"
    return "cmatch and numpy only"


def check_import_time() -> str:
    """A fresh process imports cmatch quickly, and without NumPy; the least of several runs counts."""
    times = []
    for _ in range(9):
        milliseconds, has_numpy = run("-c", IMPORT).stdout.split()
        assert has_numpy == "False", "import cmatch imports NumPy"
        times.append(float(milliseconds))
    assert min(times) < IMPORT_MS_MAX, f"import cmatch takes {min(times):.1f} ms"
    return f"{min(times):.1f} ms"


def check_exchange() -> str:
    """Without its extra the exchange says in one sentence how to get it."""
    result = run("-c", "import exchange")
    last = result.stderr.strip().splitlines()[-1]
    assert result.returncode == 1, "import exchange works without its extra"
    assert last.startswith("ImportError: "), last
    assert 'pip install "cmatch[exchange]"' in last, last
    return last


def main() -> None:
    """Runs every check and prints what it saw."""
    print("contents:", check_contents(Path(sys.argv[1])))
    print("dependencies:", check_dependencies())
    print("import cmatch:", check_import_time())
    print("import exchange:", check_exchange())


if __name__ == "__main__":
    main()
