"""What is done on behalf of a user: the session says who may what, the audit log what was done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from exchange.bus.rpc import Call
from exchange.errors import ConfigError, GatewayFault, SecurityError, SecurityFault
from exchange.runtime.auditing import ProcessAudit
from exchange.services.identity.api_keys import ApiKeys
from exchange.services.identity.refused import Refused
from exchange.services.identity.sessions import Session, Sessions
from exchange.services.identity.store import IdentityStore
from exchange.services.identity.users import Users

T = TypeVar("T")
_OWN_FAULTS: Final = {
    SecurityFault.UNKNOWN_KEY: GatewayFault.UNKNOWN_CREDENTIAL,
    SecurityFault.KEY_REVOKED: GatewayFault.UNKNOWN_CREDENTIAL,
    SecurityFault.KEY_EXPIRED: GatewayFault.UNKNOWN_CREDENTIAL,
    SecurityFault.KEY_EXISTS: GatewayFault.NAME_TAKEN,
}


@dataclass(frozen=True, slots=True)
class Behalf:
    """What is changed for users: themselves, their sessions, their keys; and what records who did.

    Calls that are coroutines belong to one event loop; what waits for the store does so in threads.
    """

    store: IdentityStore
    users: Users
    sessions: Sessions
    keys: ApiKeys
    audit: ProcessAudit

    async def session(self, session_id: str, scope: str = "") -> Session:
        """A session that counts, whose user may do something.

        Raises:
            Refused: SESSION_OVER, SCOPE_MISSING.
        """
        session = await asyncio.to_thread(self.sessions.by_id, session_id)
        if scope and scope not in session.scopes:
            raise Refused(GatewayFault.SCOPE_MISSING)
        return session

    async def recorded(
        self, call: Call, session: Session, action: str, target: str, do: Callable[[], T]
    ) -> T:
        """Does something in a thread, once the audit log has it, and that it was done."""
        user = session.user

        def recorded() -> T:
            said = {"session": session.session_id}
            with (
                of_bad_input(),
                self.audit.action(
                    action,
                    "".join(each for each in target if each.isprintable())[:64] or "-",
                    tenant=str(user.tenant),
                    user=user.name,
                    correlation_id=call.metadata.correlation_id,
                    details=said,
                ),
            ):
                return do()

        return await asyncio.to_thread(recorded)


@contextmanager
def of_bad_input() -> Iterator[None]:
    """What a user's input cannot be, and what a user's key is not, by the gateway's numbers."""
    try:
        yield
    except ConfigError as error:
        raise Refused(GatewayFault.INVALID_BODY, str(error)) from None
    except SecurityError as error:
        if error.fault not in _OWN_FAULTS:
            raise
        raise Refused(_OWN_FAULTS[error.fault]) from None


def details_of(wanted: Iterable[str], allowed: Iterable[str]) -> str:
    """What is too much."""
    return f"wanted is {', '.join(sorted(wanted))}, own is {', '.join(sorted(allowed)) or 'nothing'}"
