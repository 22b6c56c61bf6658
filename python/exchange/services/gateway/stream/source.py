"""What feeds are made of: the ways into the exchange, and the tails of the event log."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.bus.log.interface import EventLog
from exchange.client.instruments import Directory, Instrument
from exchange.client.market import MarketRequests
from exchange.errors import GatewayFault
from exchange.services.gateway.calls import Exchange
from exchange.services.gateway.refusal import Refusal
from exchange.services.gateway.stream.tail import Tails


@dataclass(frozen=True, slots=True)
class Source:
    """For all feeds of a gateway.

    Args:
        exchange: What is behind it.
        tails: Events as they are logged; None: this exchange publishes none.
        event_log: Likewise, to be read from where somebody was.
    """

    exchange: Exchange
    tails: Tails | None
    event_log: EventLog | None

    @property
    def directory(self) -> Directory:
        """What is known of instruments and assets."""
        return self.exchange.known.directory

    @property
    def market(self) -> MarketRequests:
        """Makes questions to market data.

        Raises:
            Refusal: NOT_ENABLED.
        """
        if not self.exchange.keeps.market_data:
            raise Refusal(GatewayFault.NOT_ENABLED, "this exchange keeps no market data: market_data.enabled")
        return MarketRequests(self.directory)

    @property
    def events(self) -> Tails:
        """Events as they are logged.

        Raises:
            Refusal: NOT_ENABLED.
        """
        if self.tails is None:
            raise Refusal(GatewayFault.NOT_ENABLED, "this exchange publishes no events: events.publish")
        return self.tails

    async def instrument(self, symbol: str) -> Instrument:
        """The instrument of a symbol.

        Raises:
            Refusal: UNKNOWN_INSTRUMENT.
        """
        return await self.exchange.known.instrument(symbol)
