"""Identity: who may come in at the gateway, and as whom.

Reads   nothing      Writes  identity.changes
Owns    users, sessions, keys of programs, keys that sign tokens; in memory, nonces of signed requests.
Holds   a signed request counts once, whichever gateway has it; nobody hands on more than they may.
"""

from exchange.runtime.spec import ServiceSpec
from exchange.services.identity.serving import serve
from exchange.services.identity.tables import MIGRATIONS

SPEC = ServiceSpec(
    name="identity",
    writes=("identity.changes",),
    tables=MIGRATIONS,
    serve=serve,
)
