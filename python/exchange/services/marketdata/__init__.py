"""Market data: every trade, candles and tickers of the exchange, for whoever may look."""
