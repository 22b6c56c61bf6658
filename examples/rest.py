"""Trading over HTTP: an order, what became of it, what there is.

exchange up --data exchange-data --set gateway.enabled=true
exchange apikeys create ann --tenant 1 --account 11 --scope read --scope trade
KEY=gk-... SECRET=... python examples/rest.py BTC-USD 0.5 64000.00
"""

from __future__ import annotations

import argparse
import os

from exchange.client.rest import RestClient, hmac_key
from exchange.client.rest.errors import OutcomeUnknown, RestError


def main() -> None:
    """Bids, looks, changes, and leaves nothing behind."""
    parser = argparse.ArgumentParser(description="A bid over HTTP.")
    parser.add_argument("symbol")
    parser.add_argument("qty")
    parser.add_argument("price")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    options = parser.parse_args()
    with RestClient(options.url, hmac_key(os.environ["KEY"], os.environ["SECRET"])) as client:
        print(f"the exchange is {client.status().status}")
        try:
            order = client.limit(options.symbol, "buy", options.qty, options.price)
        except OutcomeUnknown as unknown:  # it may be there: the same name asks again, and does nothing twice
            order = client.limit(
                options.symbol, "buy", options.qty, options.price, client_order_id=unknown.client_order_id
            )
        except RestError as refused:
            raise SystemExit(f"refused: {refused.number} {refused.name}: {refused.problem.message}") from None
        print(f"{order.exec_type}: {order.leaves_qty} {order.symbol} at {order.price}")
        for each in client.each_open_order(symbol=options.symbol):
            print(f"live: {each.side} {each.leaves_qty} at {each.price}")
        for balance in client.balances().balances:
            print(f"{balance.asset}: {balance.available} of {balance.total}")
        print(f"{client.cancel(order).exec_type}")
        if client.budgets.key is not None:
            print(f"budget: {client.budgets.key.remaining} of {client.budgets.key.limit}")


if __name__ == "__main__":
    main()
