"""A market as it happens: its book and trades, over a WebSocket of the gateway.

exchange up --data exchange-data --set gateway.enabled=true --set market_data.enabled=true
python examples/stream.py BTC-USD
"""

from __future__ import annotations

import argparse
import asyncio

from exchange.client.stream import BookEvent, ConnectedEvent, StreamClient, TradesEvent


async def follow(url: str, symbol: str, seconds: float) -> None:
    """Prints the best of both sides when it changes, and every trade."""
    shown = None
    async with asyncio.timeout(seconds), StreamClient(url) as stream:
        await stream.subscribe("book", "trades", symbols=[symbol])
        async for event in stream:
            match event:
                case ConnectedEvent(reconnects=reconnects) if reconnects:
                    print(f"connected again, for the {reconnects}. time", flush=True)
                case BookEvent(book=book) if book.best != shown:
                    shown = book.best
                    bid, ask = (f"{each.qty} at {each.price}" if each else "nothing" for each in shown)
                    print(f"bid {bid}, ask {ask}", flush=True)
                case TradesEvent(trades=trades, is_snapshot=False):
                    for trade in trades:
                        print(f"{trade.qty} at {trade.price}, taken by a {trade.taker_side}", flush=True)


def main() -> None:
    """For a while."""
    parser = argparse.ArgumentParser(description="A market as it happens.")
    parser.add_argument("symbol")
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    options = parser.parse_args()
    try:
        asyncio.run(follow(options.url, options.symbol, options.seconds))
    except TimeoutError:
        print("that was it")


if __name__ == "__main__":
    main()
