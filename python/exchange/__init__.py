"""The exchange around `cmatch`: services that talk over ZeroMQ in Cap'n Proto."""

from importlib.util import find_spec

if missing := [name for name in ("capnp", "zmq") if find_spec(name) is None]:
    raise ImportError(
        f"exchange needs the module{'s' * (len(missing) > 1)} {' and '.join(missing)},"
        ' which come with its extra: pip install "cmatch[exchange]".'
    )
