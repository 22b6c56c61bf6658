"""Where sockets are: names within a private directory, and what may be reached by whom."""

from __future__ import annotations

import os
from pathlib import Path

from exchange.config.private import private_directory
from exchange.config.sockets import SOCKET_PATH_BYTES_MAX
from exchange.errors import ConfigError, SecurityError


def ipc_endpoint(directory: Path, name: str) -> str:
    """The endpoint of a socket called `name` in a private directory.

    Raises:
        SecurityError: The directory is not private.
        ConfigError: The path is longer than a socket's address may be, or `name` is no plain file name.
    """
    if not name or name != Path(name).name or name.startswith("."):
        raise ConfigError(f"{name!r} is no name for a socket: expected a plain file name")
    path = private_directory(directory) / name
    if (size := len(os.fsencode(path))) > SOCKET_PATH_BYTES_MAX:
        raise ConfigError(
            f"the socket {path} has a path of {size} bytes: expected at most {SOCKET_PATH_BYTES_MAX},"
            " so choose a shorter data directory"
        )
    return f"ipc://{path}"


def check_reach(endpoint: str, *, protected: bool) -> None:
    """See that only the user who runs this can reach an endpoint, or that keys protect it.

    The directory of an `ipc` endpoint is made where it is missing.

    Raises:
        SecurityError: Others can reach it, and it is not protected.
    """
    scheme, _, address = endpoint.partition("://")
    if scheme == "inproc" or protected:
        return
    if scheme != "ipc":
        raise SecurityError(f"{endpoint} can be reached by other users: expected keys, or an ipc endpoint")
    if not address.startswith("/"):
        # A name that starts with @ lies in no directory, and any user may take it.
        raise SecurityError(f"{endpoint} lies in no private directory: expected ipc:// and an absolute path")
    private_directory(Path(address).parent)
