"""Kill switches: thrown over a session of the venue's own, in the name of who asked; and who threw them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Final

import msgspec

from exchange.client.results import AdminAnswer
from exchange.domain import queries as q
from exchange.errors import GatewayFault
from exchange.runtime.log import log
from exchange.services.gateway.calls import Call
from exchange.services.gateway.past import journaled
from exchange.services.gateway.refusal import Refusal, refusal_of

_CHANGES_MAX: Final = 1_000
_ACTOR_MAX: Final = 40
_UNPRINTABLE: Final = re.compile(r"[^!-~]")


async def throw_switch(
    call: Call, scope: str, target: dict[str, int], *, on: bool, why: str, actor: str, name: str
) -> AdminAnswer:
    """Throw a switch, or take it back; the core journals it.

    Args:
        call: That asks for it.
        scope: Of what.
        target: What the core's command names.
        on: Whether it is thrown.
        why: For the administration's records, where there are any; the log has it anyway.
        actor: In whose name; other characters than the journal's are replaced.
        name: Of the target, as people call it.

    Raises:
        Refusal: The core refuses it, or UNAVAILABLE.
    """
    # Another issuer's users may be called anything; the journal has 40 printable characters without spaces.
    actor = _UNPRINTABLE.sub("?", actor)[:_ACTOR_MAX]
    async with call.exchange.upstream.operator(actor) as client:
        explained = why and call.exchange.machine.settings.admin.enabled
        with client.admin.because(why) if explained else nullcontext():
            answer = await client.admin.kill(scope, on=on, correlation_id=call.correlation_id, **target)
    log(
        "kill switch", scope=scope, target=name, on=on, who=actor, why=why, reject=answer.reject or "",
    )  # fmt: skip
    if answer.reject is not None:
        raise refusal_of(answer.reject, {"scope": scope, "target": name})
    return answer


async def changes_of(
    call: Call, entity_type: str, entity_id: str = "", *, min_sequence: int = 0
) -> Sequence[q.AdminChangeRow]:
    """What administration has of such things, newest first.

    Raises:
        Refusal: NOT_ENABLED: there is none.
    """
    if not call.exchange.machine.settings.admin.enabled:
        raise Refusal(GatewayFault.NOT_ENABLED, "This is kept by administration: set admin.enabled.")
    client = (await call.exchange.upstream.trader(0)).client
    seen = await journaled(client, min_sequence)
    return await client.admin.changes(
        entity_type=entity_type, entity_id=entity_id, most=_CHANGES_MAX, min_seq=seen
    )


def values_of(row: q.AdminChangeRow) -> dict[str, Any]:
    """What it set."""
    return msgspec.json.decode(row.afterwards, type=dict[str, Any]) if row.afterwards else {}
