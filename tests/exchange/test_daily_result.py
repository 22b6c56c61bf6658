"""What a position brought today is told as the daily-loss limit sees it."""

from __future__ import annotations

from exchange import Exchange

DAY_NS = 86_400_000_000_000


def test_result_of_a_day_begins_anew_with_each_day() -> None:
    """Lost yesterday, and held since: nothing is lost today until the mark falls again."""
    with Exchange.embedded() as exchange:
        admin = exchange.client("operator").admin
        assert admin.define_asset(1, "A", 0).ok
        assert admin.define_asset(2, "B", 0).ok
        assert admin.define_instrument(
            1, "A-B", base=1, quote=2, price_scale=0, qty_scale=0, max_price=999
        ).ok
        for account in (7, 8):
            assert admin.open_account(account, tenant=1).ok
            assert admin.deposit(1, 1_000, account=account).ok
            assert admin.deposit(2, 100_000, account=account).ok
        buyer = exchange.client("buyer", tenant=1, account=7)
        seller = exchange.client("seller", tenant=1, account=8)
        assert admin.set_mark(1, 500).ok
        seller.limit(1, "sell", 100, 500)
        buyer.limit(1, "buy", 100, 500)
        assert admin.set_mark(1, 300).ok
        (position,) = buyer.query.positions()
        told = [position.daily_result]
        for _ in range(2):
            exchange.clock.advance_to((exchange.clock.now_ns // DAY_NS + 1) * DAY_NS)
            buyer.limit(1, "buy", 1, 1)
            (position,) = buyer.query.positions()
            told.append(position.daily_result)
        assert admin.set_mark(1, 290).ok
        (position,) = buyer.query.positions()
        assert [*told, position.daily_result] == [-20_000, 0, 0, -1_000]
