"""An exchange inside this program: a market, two traders, time that is moved by hand, a crash, and the proof.

python examples/embedded.py
"""

from __future__ import annotations

from exchange.client import Client
from exchange.embedded import Exchange


def open_market(exchange: Exchange) -> None:
    """Define BTC-USD and give two accounts of tenant 1 some money, as an operator would."""
    admin = exchange.client("operator").admin
    admin.define_asset(1, "BTC", 8)
    admin.define_asset(2, "USD", 6)
    admin.define_instrument(
        1,
        "BTC-USD",
        base="BTC",
        quote="USD",
        price_scale=2,  # a tick is 0.01 USD
        qty_scale=4,  # a lot is 0.0001 BTC
        max_price="200000.00",
        taker_rate=500_000,  # 5 basis points
    )
    for account in (1, 2):
        admin.open_account(account, tenant=1)
        admin.deposit("USD", "100000", account=account)
        admin.deposit("BTC", "2", account=account)


def trader(exchange: Exchange, name: str, account: int) -> Client:
    """A client that knows the instruments by symbol."""
    client = exchange.client(name, tenant=1, account=account)
    client.load_instruments()
    return client


def main() -> None:
    """Trade, wait, crash, and replay."""
    with Exchange.embedded() as exchange:
        open_market(exchange)
        maker, taker = trader(exchange, "maker", 1), trader(exchange, "taker", 2)

        resting = maker.limit("BTC-USD", "sell", "0.5", "64000.00")
        print(f"maker: {resting.exec_type}, order {resting.order_id}")

        with taker.reports() as reports:
            taker.market("BTC-USD", "buy", "0.2")
            for report in reports:  # ends where nothing is left to read: nothing happens by itself
                print(f"taker: {report.exec_type}, {report.cum_qty} of {report.order_qty} lots filled")

        refused = taker.limit("BTC-USD", "buy", "100", "64000.00")
        print(f"taker: {refused.exec_type}, {refused.reject}")

        minute = 60 * 1_000_000_000
        maker.new_order(
            "BTC-USD",
            "buy",
            "0.1",
            "60000.00",
            time_in_force="gtd",
            expire_at=exchange.clock.now_ns + minute,
        )
        print(f"before the minute: {len(maker.orders)} live orders")
        exchange.clock.advance(seconds=60)
        print(f"after it: {len(maker.orders)} live order, {maker.orders.ended()[-1].order_status}")

        exchange.crash()  # kill -9
        exchange.restart()  # from the journal
        exchange.clock.advance(seconds=1)  # clients come back by themselves
        cancelled = maker.cancel(resting)
        print(f"after the crash: {cancelled.exec_type}, {cancelled.cum_qty} of {cancelled.order_qty} filled")

        replayed = exchange.replay()  # raises where it differs
        print(f"replayed {replayed.commands} commands: same state, same events")


if __name__ == "__main__":
    main()
