"""Everything held against the journal: hashes recorded live, money, orders, trades, what was published."""

from exchange.runtime.audit.changes import ChangesAudit
from exchange.runtime.audit.check import Audit, Auditor, Check
from exchange.runtime.audit.published import PublishedAudit
from exchange.runtime.audit.run import audit

__all__ = ["Audit", "Auditor", "ChangesAudit", "Check", "PublishedAudit", "audit"]
