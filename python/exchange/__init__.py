"""The exchange around `cmatch`: services that talk over ZeroMQ in Cap'n Proto."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from exchange.lazy import lazily

if TYPE_CHECKING:
    from exchange.embedded import Exchange

__all__ = ["Exchange"]

if missing := [name for name in ("capnp", "zmq") if find_spec(name) is None]:
    raise ImportError(
        f"exchange needs the module{'s' * (len(missing) > 1)} {' and '.join(missing)},"
        ' which come with its extra: pip install "cmatch[exchange]".'
    )


# The services import only what they need.
__getattr__ = lazily(__name__, {"Exchange": "embedded"})
