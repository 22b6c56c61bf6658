"""A cache in Redis, which several processes and machines share. Needs the extra `redis`.

A group is one hash, which ages as a whole from its first entry on, and beside it a token that changes when it
is forgotten. Looking up, putting and forgetting are a script each: one round trip, and nothing between.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

from exchange.errors import ConfigError, ServiceUnavailableError
from exchange.storage.cache.interface import CacheCounts, Counter, Found

T = TypeVar("T")

_LOOK_UP: Final = "return {redis.call('GET', KEYS[1]) or '', redis.call('HMGET', KEYS[2], unpack(ARGV))}"
_PUT: Final = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
if redis.call('PTTL', KEYS[2]) < 0 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return 1"""
_FORGET: Final = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('UNLINK', KEYS[2])"
_NONE: Final = "none"  # the generation of what nobody could be asked for
_AT_ONCE: Final = 1_000  # entries in one script: Lua's stack has room for a few thousand words


class Try(Protocol):
    """What is needed of a try."""

    @property
    def remaining_s(self) -> float:
        """What is left of its time, in seconds."""
        ...


class Policy(Protocol):
    """What is needed of the policy of the edge: `exchange.resilience.Policy` is one."""

    def call_sync(self, func: Callable[[Try], T]) -> T:
        """Calls the function as often as there are tries, or refuses with ServiceUnavailableError."""
        ...


class RedisCache:
    """See `Cache`.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        prefix: Of all keys: `PREFIX:GROUP`.
        ttl_s: Age at which a group is no longer found, seconds.
        policy: Of the edge.
        timeout_s: Of one answer.

    Raises:
        ConfigError: redis-py is not installed, or the address is none.
    """

    entries = None

    def __init__(self, url: str, prefix: str, ttl_s: float, policy: Policy, timeout_s: float) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ModuleNotFoundError as error:
            raise ConfigError(f"Redis needs the extra: pip install 'cmatch[redis]' ({error})") from error
        try:
            # The policy tries again, or does not.
            self._redis: Any = redis.Redis.from_url(
                url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise ConfigError(f"cache.url: {error}") from None
        self._away: type[Exception] = redis.RedisError
        self._prefix = prefix
        self._ttl_ms = max(1, round(ttl_s * 1_000))
        self._policy = policy
        self._look_up = self._redis.register_script(_LOOK_UP)
        self._put = self._redis.register_script(_PUT)
        self._forget = self._redis.register_script(_FORGET)
        self._counter = Counter()
        self._lock = threading.Lock()
        self._unforgotten: set[str] = set()
        self.well = True

    @property
    def counts(self) -> Mapping[str, CacheCounts]:
        """See `Cache`."""
        return self._counter.read()

    def look_up(self, group: str, keys: Sequence[str]) -> Found:
        """See `Cache`."""
        values: dict[str, bytes] = {}
        token = None
        if self._has_forgotten(group):
            for at in range(0, len(keys), _AT_ONCE):
                some = keys[at : at + _AT_ONCE]
                answer = self._run(group, self._look_up, some)
                if answer is None or token not in {None, answer[0]}:
                    values, token = {}, None  # away, or forgotten between two parts
                    break
                token = answer[0]
                values |= {
                    key: value for key, value in zip(some, answer[1], strict=True) if value is not None
                }
        self._counter.add(group, hits=len(values), misses=len(keys) - len(values))
        return Found(values, _NONE if token is None else token.decode("ascii"))

    def put(self, group: str, values: Mapping[str, bytes], generation: str) -> None:
        """See `Cache`."""
        if generation == _NONE:
            return
        left = iter(values.items())
        while some := list(islice(left, _AT_ONCE)):
            words = [word for pair in some for word in pair]
            if not self._run(group, self._put, [generation, self._ttl_ms, *words]):
                return

    def forget(self, group: str) -> None:
        """See `Cache`. While Redis is away this process finds nothing of the group, until that is done."""
        self._counter.add(group, invalidations=1)
        with self._lock:
            self._unforgotten.add(group)
        self._has_forgotten(group)

    def close(self) -> None:
        """See `Cache`."""
        self._redis.close()

    def _has_forgotten(self, group: str) -> bool:
        """Whether nothing is there that should have been forgotten; tries it again."""
        with self._lock:
            if group not in self._unforgotten:
                return True
        token = secrets.token_hex(8)
        done = self._run(group, self._forget, [token])
        if done is None:
            return False
        with self._lock:
            self._unforgotten.discard(group)
        return True

    def _keys(self, group: str) -> list[str]:
        # In a cluster the two lie in one slot.
        return [f"{{{self._prefix}:{group}}}:token", f"{{{self._prefix}:{group}}}"]

    def _run(self, group: str, script: Callable[..., Any], arguments: Sequence[object]) -> Any:
        """What a script answers; None where Redis is away."""
        keys = self._keys(group)

        def ask(_: Try) -> Any:
            try:
                return script(keys, arguments)
            except self._away as error:
                raise ServiceUnavailableError(f"redis: {error}") from error

        try:
            answer = self._policy.call_sync(ask)
        except ServiceUnavailableError:
            self._counter.add(group, failures=1)
            self.well = False
            return None
        self.well = True
        return answer
