"""Administration: who changed what, when and why; and tenants, liquidity providers, fee schedules.

Reads   admin.changes, admin.records      Writes  admin.records
Owns    a row a change and a row a thing; of what the core has no command of, the truth.
Holds   the rows are a fold of the log: whoever takes it again from its start has the same ones.
"""

from exchange.domain.events import ChangeExplained, ChangeRefused, FeeScheduleSet, ProviderSet, TenantSet
from exchange.domain.messages import AdminCommand, InstrumentCommand
from exchange.domain.queries import AdminChangesRequest
from exchange.runtime.spec import ServiceSpec
from exchange.services.admin.queries import changes
from exchange.services.admin.serving import serve
from exchange.services.admin.store import take_changes
from exchange.services.admin.tables import MIGRATIONS

_TAKEN = (
    InstrumentCommand, AdminCommand, ChangeRefused, ChangeExplained, TenantSet, ProviderSet, FeeScheduleSet,
)  # fmt: skip
SPEC = ServiceSpec(
    name="admin",
    reads=("admin.changes", "admin.records"),
    writes=("admin.records",),
    tables=MIGRATIONS,
    handlers=dict.fromkeys(_TAKEN, take_changes),
    queries={AdminChangesRequest: changes},
    serve=serve,
    needs=("orders",),
)
