"""The package as a whole: what it names, how fast it comes, and that its stub is true."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cmatch

SITE = Path(cmatch.__file__).parents[1]


def python(*arguments: str) -> str:
    """Run the interpreter and give what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=os.environ
    )
    return done.stdout


def test_import_takes_less_than_50_ms_and_no_numpy() -> None:
    """The best of five fresh interpreters."""
    program = (
        "import json, sys, time; start = time.process_time(); import cmatch;"
        "taken = time.process_time() - start;"
        "print(json.dumps([taken, 'numpy' in sys.modules, 'matplotlib' in sys.modules]))"
    )
    runs = [json.loads(python("-c", program)) for _ in range(5)]
    assert min(taken for taken, *_ in runs) < 0.050
    assert not any(numpy or matplotlib for _, numpy, matplotlib in runs)


def test_single_orders_need_no_numpy() -> None:
    """It is imported when an array is first asked for."""
    program = (
        "import sys, cmatch; e = cmatch.Engine(); e.define_instrument(1); e.submit(1, 'buy', 1, 5);"
        "e.best(1); repr(e);"
        "before = 'numpy' in sys.modules; cmatch.commands(1); print(before, 'numpy' in sys.modules)"
    )
    assert python("-c", program).split() == ["False", "True"]


def test_every_public_name_is_there_and_documented() -> None:
    """`__all__` is whole, sorted as it is read, and each class and function says what it is."""
    public = {name: getattr(cmatch, name) for name in cmatch.__all__}
    assert set(cmatch.__all__) <= set(dir(cmatch))
    undocumented = [name for name, value in public.items() if callable(value) and not inspect.getdoc(value)]
    assert undocumented == []
    for cls in (cmatch.Engine, cmatch.Book, cmatch.BookMirror, cmatch.Scale, cmatch.Result, cmatch.Trade):
        members = [name for name in dir(cls) if not name.startswith("_")]
        assert [name for name in members if not inspect.getdoc(getattr(cls, name))] == []


def test_unknown_name_is_an_attribute_error() -> None:
    """Lazy names do not hide misspelt ones."""
    with pytest.raises(AttributeError, match="module 'cmatch' has no attribute 'COMAND_DTYPE'"):
        cmatch.COMAND_DTYPE  # noqa: B018


def test_star_import_brings_all() -> None:
    """Arrays too."""
    names: dict[str, object] = {}
    exec("from cmatch import *", names)  # noqa: S102
    assert set(cmatch.__all__) <= names.keys()


def test_hot_calls_have_a_signature() -> None:
    """What help() and editors show."""
    signature = inspect.signature(cmatch.Engine.submit)
    assert str(signature).startswith(
        "(self, /, instrument_id, side, qty, price=None, *, account=0, order_id=None, "
    )
    assert [
        name for name, parameter in signature.parameters.items() if parameter.kind is parameter.KEYWORD_ONLY
    ][-1] == "timestamp"


def test_stub_is_that_of_the_module(tmp_path: Path) -> None:
    """mypy.stubtest finds nothing but what pybind11 adds, which is no part of the face."""
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nstrict = true\ncache_dir = {tmp_path / 'cache'}\n")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy.stubtest",
            "cmatch._core",
            f"--allowlist={Path(__file__).with_name('stub_differences.txt')}",
            "--ignore-unused-allowlist",
            f"--mypy-config-file={config}",
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MYPYPATH": str(SITE), "PYTHONPATH": os.pathsep.join([str(SITE), *sys.path])},
    )
    assert done.stdout.strip().endswith("no issues found in 1 module"), done.stdout + done.stderr
    assert done.returncode == 0


def test_doc_examples_run() -> None:
    """The package's own example prints what it says."""
    import doctest

    assert doctest.testmod(cmatch).failed == 0


def test_embedding_page_runs() -> None:
    """The examples of docs/embedding.md, one after the other in one program."""
    page = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text()
    programs = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(programs) == 4
    names: dict[str, object] = {}
    for program in programs:
        exec(program.replace("Engine()", "Engine(deltas=True)"), names)  # noqa: S102
    assert names["scale"] == cmatch.Scale("0.01", "0.001")
