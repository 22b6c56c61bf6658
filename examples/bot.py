"""A small market maker: quotes both sides of one instrument, follows its fills, pulls its quotes at the end.

exchange up --data exchange-data &
python examples/bot.py exchange-data --setup --seconds 60

It quotes around a price that drifts away from its fills: bought, it bids and asks lower; sold, higher. Its
session asks the exchange to cancel what it has when the connection is lost: a bot that dies leaves nothing.
Ctrl-C ends it as the end of its time does.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from exchange.client import Client, ExecutionReport, Instrument
from exchange.domain.enums import ExecType, Side

SYMBOL = "BOT-USD"
ACCOUNT = 9_001
TENANT = 9


@dataclass
class Quotes:
    """What the bot knows of itself. Ticks and lots.

    Args:
        fair: The price that it quotes around.
        spread: From that to either quote.
        qty: Of each quote.
    """

    fair: int
    spread: int
    qty: int
    position: int = 0
    cash: int = 0
    fills: int = 0
    rounds: int = 0

    def filled(self, report: ExecutionReport) -> None:
        """Take a fill in, and lean away from it."""
        sign = 1 if report.side is Side.BUY else -1
        self.position += sign * report.last_qty
        self.cash -= sign * report.last_qty * report.last_price
        self.fills += 1
        self.fair -= sign * max(1, self.spread // 4)

    @property
    def prices(self) -> tuple[int, int]:
        """Of the bid and the ask."""
        return self.fair - self.spread, self.fair + self.spread

    @property
    def result(self) -> int:
        """Cash and position at the fair price, ticks times lots."""
        return self.cash + self.position * self.fair


def quote(bot: Client, instrument: Instrument, quotes: Quotes) -> None:
    """Put the quotes where they belong: one frame, whatever has to change in it."""
    make = bot.make.orders
    wanted = dict(zip((Side.BUY, Side.SELL), quotes.prices, strict=True))
    live = {order.side: order for order in bot.orders.live()}
    requests = []
    for side, price in wanted.items():
        order = live.get(side)
        if order is None:
            requests.append(make.limit(instrument.symbol, side, quotes.qty, price, post_only=True))
        elif order.price != price:
            requests.append(make.replace(order, price=price, qty=order.cum_qty + quotes.qty))
    if requests:
        quotes.rounds += 1
        for report in bot.batch(requests):
            # A quote that would take, or an order that was filled a moment ago: the next round sees to it.
            if (
                report.reject is not None
                and not report.reject.transient
                and report.reject.name != "unknown_order"
            ):
                raise SystemExit(f"the exchange refused a quote: {report.reject}: {report.reject.meaning}")


def run(bot: Client, quotes: Quotes, seconds: float, over: threading.Event) -> None:
    """Quote until it is over, or the time is; then pull all quotes."""
    instrument = bot.instruments.instrument(SYMBOL)
    until = time.monotonic() + seconds
    with bot.reports() as reports:
        while not over.is_set() and (left := until - time.monotonic()) > 0:
            quote(bot, instrument, quotes)
            batch = reports.take(timeout=min(left, 0.2))
            for report in batch or ():
                if report.exec_type is ExecType.TRADE:
                    quotes.filled(report)
        bot.mass_cancel()
        while (batch := reports.take(timeout=0.05)) is not None:
            for report in batch:
                if report.exec_type is ExecType.TRADE:
                    quotes.filled(report)


def set_up(endpoint: str) -> None:
    """Make the market and the bot's account, as an operator; done again where they are there."""
    with Client.connect(endpoint, tenant=0, name="bot-setup", user="bot.py") as operator:
        admin = operator.admin
        answers = [
            admin.define_asset(9_001, "BOT", 8),
            admin.define_asset(9_002, "BOTUSD", 6),
            admin.define_instrument(
                9_001,
                SYMBOL,
                base="BOT",
                quote="BOTUSD",
                price_scale=2,
                qty_scale=4,
                max_price="10000.00",
                max_qty="1000",
            ),
            admin.open_account(ACCOUNT, tenant=TENANT),
            admin.deposit("BOT", "100", account=ACCOUNT),
            admin.deposit("BOTUSD", "100000", account=ACCOUNT),
        ]
    for answer in answers:
        if answer.reject is not None:
            raise SystemExit(f"the exchange refused to set the market up: {answer.reject}")


def main() -> None:
    """Read the arguments and run the bot."""
    parser = argparse.ArgumentParser(description="A small market maker.")
    parser.add_argument("data", type=Path, help="the data directory of a running exchange")
    parser.add_argument("--setup", action="store_true", help="make the market and the account first")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to quote")
    options = parser.parse_args()
    over = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: over.set())
    endpoint = f"ipc://{options.data.absolute()}/run/orders.sock"
    if options.setup:
        set_up(endpoint)
    quotes = Quotes(fair=100_00, spread=20, qty=1_000)
    with Client.connect(
        endpoint, tenant=TENANT, name="bot", user="bot.py", account=ACCOUNT, cancel_on_disconnect=True
    ) as bot:
        bot.load_instruments()
        print(f"quoting {SYMBOL} for {options.seconds:g} s", flush=True)
        run(bot, quotes, options.seconds, over)
    print(
        f"rounds {quotes.rounds}, fills {quotes.fills}, position {quotes.position} lots,"
        f" result {quotes.result} ticks x lots"
    )


if __name__ == "__main__":
    main()
