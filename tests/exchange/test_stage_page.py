"""The approval of docs/stages.md does what the page says."""

import re
from pathlib import Path

from cmatch import RejectCode
from cmatch.frames import CommandList, ReportList
from exchange.services.risk.approval import Approval
from tests.core_loop.bench_table import order
from tests.core_loop.stage_bench import Real, StageBench
from tests.core_loop.test_judging import agree, go, started

_PAGE = Path(__file__).parents[2] / "docs" / "stages.md"


def test_approval_of_the_page_lets_a_position_grow_to_its_bound_only() -> None:
    """Up to 100 lots and once beyond; then that account is refused, others are not."""
    (code,) = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 (the page's own example)
    bench = StageBench()
    risk = Real(bench, approve=Approval("the page", names["approve"]))  # type: ignore[arg-type]
    me = started(bench, risk)
    rejects = []
    for number, lots in enumerate((100, 1, 1)):
        for name, account, side in (("m", 3, 2), ("t", 1, 1)):
            bench.send(me, CommandList.ORDERS, order(f"{name}{number}", account, side=side, qty=lots))
            go(bench, risk)
            reports = bench.took(me, ReportList.REPORTS)
            rejects.append({int(code) for code in reports["reject"]})
    refused = {int(RejectCode.RISK_REFUSED)}
    assert rejects == [{0}, {0}, {0}, {0}, refused, refused]
    agree(bench, risk)
