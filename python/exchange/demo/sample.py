"""The order flow that the demo plays: 31 seconds of ten books, as `translate.py` wrote it.

The capture is sample data of cryptofeed by Bryant Moscon; its licence lies beside it (coinbase.LICENSE):
"This product includes software developed by Bryant Moscon (http://www.bryantmoscon.com/)".
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np

from exchange.demo.translate import ROW_DTYPE, Rows


@dataclass(frozen=True)
class Product:
    """One instrument of the sample, and how its numbers are to be read."""

    symbol: str
    price_scale: int  # one tick is 10^-price_scale
    qty_scale: int  # one lot is 10^-qty_scale

    @property
    def base(self) -> str:
        """What is traded."""
        return self.symbol.partition("-")[0]

    @property
    def quote(self) -> str:
        """What it is paid in."""
        return self.symbol.partition("-")[2]


@dataclass(frozen=True)
class Sample:
    """Products and what happened in their books, in order: (n,) of ROW_DTYPE."""

    products: tuple[Product, ...]
    rows: Rows

    @property
    def scales(self) -> dict[str, int]:
        """Decimals of every asset: as many as its finest use needs, so that all costs are whole."""
        scales: dict[str, int] = {}
        for product in self.products:
            fine = product.price_scale + product.qty_scale
            scales[product.base] = max(scales.get(product.base, 0), product.qty_scale)
            scales[product.quote] = max(scales.get(product.quote, 0), fine)
        return scales


def load() -> Sample:
    """Reads the sample that is part of the package."""
    with as_file(files("exchange.demo") / "coinbase.npz") as path, np.load(path, allow_pickle=False) as data:
        products = tuple(
            Product(str(symbol), int(price_scale), int(qty_scale))
            for symbol, (price_scale, qty_scale) in zip(data["symbols"], data["decimals"], strict=True)
        )
        rows = np.zeros(data["t_us"].size, ROW_DTYPE)
        for name in ROW_DTYPE.names or ():
            rows[name] = data[name]
    return Sample(products, rows)
