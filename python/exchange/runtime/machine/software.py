"""Python and the libraries: versions, the GIL, libzmq and CURVE."""

from __future__ import annotations

import platform
import sys
import sysconfig

from exchange.bus.library import libzmq
from exchange.runtime.machine.finding import Finding, Level


def check() -> list[Finding]:
    """All findings on software."""
    return [python(sys.version_info[:2]), build(), *zeromq()]


def python(version: tuple[int, ...]) -> Finding:
    """Which Python runs."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if version >= (3, 11):
        return Finding("python", Level.OK, found)
    return Finding("python", Level.FAIL, found, "use CPython 3.11 or later")


def build() -> Finding:
    """Whether the interpreter has a GIL, and whether it was built for debugging."""
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    found = ("free-threaded, GIL " + ("on" if enabled else "off")) if free_threaded else "with a GIL"
    if hasattr(sys, "gettotalrefcount"):
        return Finding(
            "python build", Level.WARN, f"{found}, a debug build", "use a release build of CPython"
        )
    return Finding("python build", Level.OK, found)


def zeromq() -> list[Finding]:
    """Whether the kernels reach the libzmq that pyzmq uses, and whether it can encrypt."""
    library = libzmq()
    reachable = (
        Finding("libzmq", Level.OK, f"{library.version} at {library.path}")
        if library.path
        else Finding(
            "libzmq",
            Level.FAIL,
            f"{library.version}, but no shared object of it is mapped",
            "pip install --force-reinstall --only-binary :all: pyzmq",
        )
    )
    encrypted = (
        Finding("curve", Level.OK, "available")
        if library.curve
        else Finding(
            "curve",
            Level.FAIL,
            "this libzmq was built without it",
            "pip install --force-reinstall --only-binary :all: pyzmq",
        )
    )
    return [reachable, encrypted]
