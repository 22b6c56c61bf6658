"""Instruments as the gateway knows them, asked for by many at once."""

from __future__ import annotations

import asyncio

from exchange.client.instruments import Directory, Instrument
from exchange.domain.queries import InstrumentsReply
from exchange.errors import ServiceUnavailableError
from exchange.services.gateway.known import Known
from exchange.services.gateway.refusal import Refusal


def test_symbol_that_is_new_is_found_by_all_who_ask_while_the_replica_is_asked() -> None:
    """One question serves them; a symbol that is none is refused to each of them."""

    async def scene() -> None:
        directory, asked = Directory(), 0

        async def load() -> InstrumentsReply:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0.01)
            directory.add(Instrument(7, "NEW-USD", 1, 2, 2, 4))
            return InstrumentsReply()

        known = Known(directory, load)
        found = await asyncio.gather(*(known.instrument("NEW-USD") for _ in range(50)))
        assert ({each.instrument_id for each in found}, asked) == ({7}, 1)
        refused = await asyncio.gather(
            *(known.instrument("NO-USD") for _ in range(5)), return_exceptions=True
        )
        assert [type(each) for each in refused] == [Refusal] * 5
        assert asked <= 2

    asyncio.run(scene())


def test_accident_of_the_question_is_told_to_all_who_wait_for_it() -> None:
    """And the next one asks again."""

    async def scene() -> None:
        away = ServiceUnavailableError("away")

        async def load() -> InstrumentsReply:
            await asyncio.sleep(0.01)
            raise away

        known = Known(Directory(), load)
        told = await asyncio.gather(*(known.instrument("A") for _ in range(3)), return_exceptions=True)
        assert told == [away] * 3

    asyncio.run(scene())
