"""Sessions in their store: opened, found by token, ended. A token is 256 random bits, kept as its hash."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from exchange.errors import GatewayFault
from exchange.security.user_roles import scopes_of, session_scopes
from exchange.services.identity.refused import Refused
from exchange.services.identity.store import Change, IdentityStore
from exchange.services.identity.tables import SESSIONS, USERS
from exchange.services.identity.users import User, end_sessions, locked_user, user_of
from exchange.storage.sql import StoreUnavailable

TOKEN_PREFIX: Final = "xs_"  # noqa: S105 (what all tokens begin with)
_TOKEN_BYTES: Final = 32
_USED_MS: Final = 60_000
_KEPT_MS: Final = 7 * 86_400_000
_OF_A_USER_MAX: Final = 1_000
_TEXT_MAX: Final = 120
_ASKED_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session, of which it is not said whether it counts.

    Args:
        session_id: Names it for ever; it is no secret.
        user: Whose.
        created_ms, used_ms: Since when, and when last; Unix time, `used_ms` to the minute.
        expires_ms: When it ends at the latest.
        address, client: From where, and what that calls itself.
        ended_ms: Since when it counts no more; None: it does.
        is_demo: Whether its user is everybody.
    """

    session_id: str
    user: User
    created_ms: int
    used_ms: int
    expires_ms: int
    address: str
    client: str
    ended_ms: int | None
    is_demo: bool = False

    @property
    def scopes(self) -> frozenset[str]:
        """What it may: whom everybody can be hands nothing on."""
        return scopes_of(self.user.roles) | {"session"} if self.is_demo else session_scopes(self.user.roles)


class Sessions:
    """The sessions of one store. Calls wait for it; threads may share this.

    Args:
        store: Of the service identity.
        idle_ms: How long one may be unused.
        longest_ms: How long one lasts at the latest.
        demo_user: The user who is everybody; empty: there is none.
    """

    def __init__(self, store: IdentityStore, idle_ms: int, longest_ms: int, demo_user: str = "") -> None:
        self._store = store
        self._idle_ms = idle_ms
        self._longest_ms = longest_ms
        self._demo_user = demo_user.lower()

    def open(self, user: User, address: str, client: str) -> tuple[Session, str]:
        """A new session, and its token, which is told this once.

        Those that ended a week ago are removed on this occasion, and of too many of a user the oldest end.

        Raises:
            Refused: WRONG_PASSWORD: the user has another one by now, or was disabled.
        """
        token = TOKEN_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
        with self._store.change() as change:
            now_ms = change.now_ms
            proved, there = user.password, locked_user(change.tx, user.user_id)
            if there is None or there.password != proved or there.disabled_ms is not None:
                raise Refused(GatewayFault.WRONG_PASSWORD)
            user = there
            change.tx.execute(delete(SESSIONS).where(SESSIONS.c.expires_ms < now_ms - _KEPT_MS))
            self._make_room(change, user)
            session = Session(
                session_id=f"se-{secrets.token_hex(8)}",
                user=user,
                created_ms=now_ms,
                used_ms=now_ms,
                expires_ms=now_ms + self._longest_ms,
                address=_printable(address),
                client=_printable(client),
                ended_ms=None,
                is_demo=user.name == self._demo_user,
            )
            change.tx.execute(
                insert(SESSIONS).values(
                    session_id=session.session_id,
                    token=_hash(token),
                    user_id=user.user_id,
                    created_ms=now_ms,
                    used_ms=now_ms,
                    expires_ms=session.expires_ms,
                    address=session.address,
                    client=session.client,
                    reason="",
                )
            )
            change.tell(
                "SessionOpened",
                session.session_id,
                user.tenant,
                of=user.name,
                user_id=user.user_id,
                actor=user.name,
            )
        return session, token

    def by_token(self, token: str) -> Session:
        """The session of a token; that it is used is written down once a minute.

        Raises:
            Refused: SESSION_OVER.
        """
        return self._counting(SESSIONS.c.token == _hash(token))

    def by_id(self, session_id: str) -> Session:
        """Likewise, of its id, which is proof of nothing."""
        return self._counting(SESSIONS.c.session_id == session_id)

    def of_user(self, user_id: str) -> list[Session]:
        """Those of a user that count, the newest first."""
        now_ms = self._store.now_ms()
        wanted = _SESSIONS.where(SESSIONS.c.user_id == user_id, SESSIONS.c.ended_ms.is_(None))
        with self._store.read() as tx:
            rows = tx.execute(wanted.order_by(SESSIONS.c.created_ms.desc())).all()
        return [each for each in map(self._session, rows) if self._counts(each, now_ms)]

    def ended(self, session_ids: Iterable[str]) -> list[str]:
        """Those that count no more; the others are used by being asked for."""
        wanted, now_ms = list(dict.fromkeys(session_ids)), self._store.now_ms()
        counting: dict[str, Session] = {}
        for start in range(0, len(wanted), _ASKED_MAX):
            some = wanted[start : start + _ASKED_MAX]
            with self._store.read() as tx:
                rows = tx.execute(_SESSIONS.where(SESSIONS.c.session_id.in_(some))).all()
            counting |= {
                each.session_id: each for each in map(self._session, rows) if self._counts(each, now_ms)
            }
        self._use(list(counting.values()), now_ms)
        return [each for each in wanted if each not in counting]

    @property
    def live(self) -> int:
        """How many count now; waits for the store."""
        now_ms = self._store.now_ms()
        idle = SESSIONS.c.used_ms > now_ms - self._idle_ms
        wanted = select(func.count()).select_from(SESSIONS.join(USERS, SESSIONS.c.user_id == USERS.c.user_id))
        counting = (SESSIONS.c.ended_ms.is_(None), SESSIONS.c.expires_ms > now_ms, idle)
        with self._store.read() as tx:
            found = tx.execute(wanted.where(*counting, USERS.c.disabled_ms.is_(None))).scalar_one()
        return int(found)

    def end(self, user: User, session_id: str, actor: str, reason: str = "signed out") -> None:
        """Ends a session of a user.

        Raises:
            Refused: UNKNOWN_CREDENTIAL: it is none of the user's, or over.
        """
        with self._store.change() as change:
            if not end_sessions(change, user, reason, actor, [session_id]):
                raise Refused(GatewayFault.UNKNOWN_CREDENTIAL)

    def _session(self, row: Any) -> Session:
        user = user_of(row)
        return Session(
            session_id=row.s_session_id,
            user=user,
            created_ms=int(row.s_created_ms),
            used_ms=int(row.s_used_ms),
            expires_ms=int(row.s_expires_ms),
            address=row.s_address,
            client=row.s_client,
            ended_ms=row.s_ended_ms,
            is_demo=user.name == self._demo_user,
        )

    def _counting(self, where: Any) -> Session:
        now_ms = self._store.now_ms()
        with self._store.read() as tx:
            row = tx.execute(_SESSIONS.where(where)).one_or_none()
        session = None if row is None else self._session(row)
        if session is None or not self._counts(session, now_ms):
            raise Refused(GatewayFault.SESSION_OVER)
        self._use([session], now_ms)
        return session

    def _counts(self, session: Session, now_ms: int) -> bool:
        return (
            session.ended_ms is None
            and session.user.disabled_ms is None
            and now_ms < min(session.expires_ms, session.used_ms + self._idle_ms)
        )

    def _use(self, sessions: list[Session], now_ms: int) -> None:
        due = [
            each.session_id for each in sessions if now_ms - each.used_ms >= min(_USED_MS, self._idle_ms // 4)
        ]
        for start in range(0, len(due), _ASKED_MAX):
            some = SESSIONS.c.session_id.in_(due[start : start + _ASKED_MAX])
            # On a full disk those who are in go on: they may have to cancel.
            with suppress(StoreUnavailable), self._store.begin() as tx:
                tx.execute(update(SESSIONS).where(some).values(used_ms=now_ms))

    def _make_room(self, change: Change, user: User) -> None:
        tx = change.tx
        live = (SESSIONS.c.user_id == user.user_id, SESSIONS.c.ended_ms.is_(None))
        count = tx.execute(select(func.count()).select_from(SESSIONS).where(*live)).scalar_one()
        if count >= _OF_A_USER_MAX:
            oldest = select(SESSIONS.c.session_id).where(*live).order_by(SESSIONS.c.created_ms)
            over = tx.execute(oldest.limit(count - _OF_A_USER_MAX + 1)).scalars().all()
            end_sessions(change, user, "too many sessions", user.name, over)


_SESSIONS: Final = select(USERS, *(column.label(f"s_{column.name}") for column in SESSIONS.c)).join_from(
    SESSIONS, USERS, SESSIONS.c.user_id == USERS.c.user_id
)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _printable(text: str) -> str:
    return "".join(each for each in text if each.isprintable())[:_TEXT_MAX]
