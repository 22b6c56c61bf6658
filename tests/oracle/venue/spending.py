"""What a market order for so much money takes."""

from tests.oracle import views
from tests.oracle.model import Book
from tests.oracle.venue.model import Market
from tests.oracle.venue.shards import Told
from tests.oracle.venue.words import RATE_ONE


def about_affordable(told: Told, market: Market, quote_qty: int) -> int:
    """The same of a book that is elsewhere, at the price that is known: its shard counts again."""
    r = told.r()
    lots = quote_qty // max(market.notional(market.max_price if r is None else r, 1), 1)
    return min(max(lots, 1), market.max_qty)


def affordable(book: Book, market: Market, quote_qty: int) -> int:
    """How many lots the displayed asks give for so much money, fee included."""
    step, most = book.definition.lot_step, book.definition.max_qty
    qty, notional = 0, 0
    for price, shown, _ in views.levels(book, "sell"):
        for _ in range(shown):
            if qty == most or cost_with_fee(market, notional + market.notional(price, 1)) > quote_qty:
                return qty // step * step
            qty, notional = qty + 1, notional + market.notional(price, 1)
    return qty // step * step


def cost_with_fee(market: Market, notional: int) -> int:
    """What a buyer pays for so much notional, with the fee where it is in quote."""
    if not market.fee_in_quote("buy"):
        return notional
    return notional - -notional * market.reserve_rate // RATE_ONE
