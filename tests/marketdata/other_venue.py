"""A local server that speaks as Coinbase does: recorded answers, and its feed beside them."""

from __future__ import annotations

from exchange.observability.server import Answer, PageServer, Request
from tests.marketdata.other_stream import OtherStream, of_now


class OtherVenue:
    """Says what was said of BTC-USD, as if that were now, and of nothing else, as long as it is open."""

    TICKER = (
        '{"ask":"131.50","bid":"131.25","volume":"5934.9","trade_id":86326522,"price":"131.375",'
        '"size":"0.00250000","time":"2025-10-03T10:30:00.250Z","rfq_volume":"96.3"}'
    )

    def __init__(self) -> None:
        self.open = True
        self.ticker = self.TICKER
        self._server = PageServer(self._page, ("127.0.0.1", 0))
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.port}"
        self.stream = OtherStream()
        self.stream.now = True

    def let(self, *, answer: bool) -> None:
        """Answers, and has its feed, or does neither."""
        self.open = self.stream.open = answer
        if not answer:
            self.stream.cut()

    def _page(self, request: Request) -> Answer:
        if not self.open:
            return Answer(503, "application/json", '{"message":"Service Unavailable"}')
        if request.path != "/products/BTC-USD/ticker":
            return Answer(404, "application/json", '{"message":"NotFound"}')
        return Answer(200, "application/json", of_now(self.ticker))

    def close(self) -> None:
        """Nobody is there any more."""
        self._server.close()
        self.stream.close()
