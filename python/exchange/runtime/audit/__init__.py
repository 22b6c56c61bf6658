"""Everything held against the journal: hashes recorded live, money, orders, trades, what was published."""

from exchange.runtime.audit.check import Audit, Check
from exchange.runtime.audit.run import audit

__all__ = ["Audit", "Check", "audit"]
