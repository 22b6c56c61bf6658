"""The exchange around `cmatch`: services that talk over ZeroMQ in Cap'n Proto."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exchange.embedded import Exchange

__all__ = ["Exchange"]

if missing := [name for name in ("capnp", "zmq") if find_spec(name) is None]:
    raise ImportError(
        f"exchange needs the module{'s' * (len(missing) > 1)} {' and '.join(missing)},"
        ' which come with its extra: pip install "cmatch[exchange]".'
    )


def __getattr__(name: str) -> Any:
    # Imported when it is first asked for: the services import only what they need.
    if name == "Exchange":
        from exchange.embedded import Exchange

        return Exchange
    raise AttributeError(f"module 'exchange' has no attribute {name!r}")
