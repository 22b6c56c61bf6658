"""The text of metrics as Prometheus' own parsers read it, and the tables behind it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from exchange.observability.catalogue import METRICS, Buckets, Metric
from exchange.observability.openmetrics import families_text, merged
from exchange.observability.process_metrics import build_families, interpreter_families, usage_of
from exchange.runtime.metrics_page import described, main

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "exchange.json"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_text_says_whatever_a_label_may_hold(openmetrics: bool) -> None:
    """Quotes, backslashes, line ends; empty labels; floats and whole numbers; a histogram cumulates."""
    wild = 'a "b" \\ c\nd é'
    told = Metric("x_seconds", "gauge", 'Says "what" \\ is\nso', "seconds", ("name", "other"))
    took = Metric("y_seconds", "histogram", "Took", "seconds", ("name",))
    made = Metric("z", "counter", "Made")
    families = [
        told.family([((wild, ""), 1.5)]),
        took.histogram([((wild,), Buckets((0.1, 1.0), (3, 2, 1), 7.25))]),
        made.one(2**60),
        Metric("nothing", "gauge", "Has no samples").family([]),
    ]
    text = families_text(families, openmetrics=openmetrics, process="shard-1")
    parse = parse_openmetrics if openmetrics else parse_prometheus
    found = {family.name: family for family in parse(text)}
    assert set(found) == {"x_seconds", "y_seconds", "z"}
    if openmetrics:
        assert text.endswith("# EOF\n")
        assert text.count("# EOF") == 1
        assert [found[name].unit for name in ("x_seconds", "y_seconds", "z")] == ["seconds", "seconds", ""]
        assert found["x_seconds"].documentation == 'Says "what" \\ is\nso.'
    labels = {"process": "shard-1", "name": wild}
    (sample,) = found["x_seconds"].samples
    assert (sample.labels, sample.value) == ({**labels, "other": ""}, 1.5)
    assert [(each.name, each.labels, each.value) for each in found["y_seconds"].samples] == [
        ("y_seconds_bucket", {**labels, "le": "0.1"}, 3),
        ("y_seconds_bucket", {**labels, "le": "1"}, 5),
        ("y_seconds_bucket", {**labels, "le": "+Inf"}, 6),
        ("y_seconds_sum", labels, 7.25),
        ("y_seconds_count", labels, 6),
    ]
    assert [(each.name, each.value) for each in found["z"].samples] == [("z_total", 2**60)]


@pytest.mark.parametrize("openmetrics", [False, True])
def test_texts_of_several_processes_are_one(openmetrics: bool) -> None:
    """A family of several stands together, as OpenMetrics wants it; nothing is lost, nothing doubled."""
    up, ready = METRICS["exchange_process_up"], METRICS["exchange_process_ready"]
    lines = METRICS["exchange_log_lines"].family([(("info",), 3)])
    texts = [
        families_text([up.one(1), ready.one(1)], openmetrics=openmetrics, process="core"),
        families_text([lines, up.one(1)], openmetrics=openmetrics, process="replica"),
        families_text([up.one(0)], openmetrics=openmetrics, process="shard-1"),
    ]
    text = merged(texts, openmetrics=openmetrics)
    parse = parse_openmetrics if openmetrics else parse_prometheus
    found = [
        (sample.name, sample.labels["process"], sample.value)
        for family in parse(text)
        for sample in family.samples
    ]
    assert found == [
        ("exchange_process_up", "core", 1),
        ("exchange_process_up", "replica", 1),
        ("exchange_process_up", "shard-1", 0),
        ("exchange_process_ready", "core", 1),
        ("exchange_log_lines_total", "replica", 3),
    ]
    assert text.count("# TYPE exchange_process_up gauge") == 1
    assert text.count("# EOF") == int(openmetrics)


@pytest.mark.req("C079")
def test_table_keeps_to_the_conventions_of_openmetrics() -> None:
    """Names, units last, counters without their suffix, a meaning for each; no name twice."""
    names = [family.name for family, _ in described()]
    assert len(set(names)) == len(names)
    for family, labels in described():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name), family.name
        assert family.kind in _SUFFIXES
        assert not family.name.endswith(("_total", "_bucket", "_count", "_sum", "_created")), family.name
        assert family.help
        assert not family.help.endswith(".")
        assert (family.unit == "") == (not family.name.endswith(("_seconds", "_bytes"))), family.name
        assert not family.unit or family.name.endswith(f"_{family.unit}")
        assert "process" not in labels
        assert all(re.fullmatch(r"[a-z][a-z_]*", label) and label != "le" for label in labels)


def test_page_and_dashboard_are_current() -> None:
    """They are what the tables say."""
    assert main(["--check", "--root", str(ROOT)]) == 0


@pytest.mark.req("C101")
def test_every_query_of_the_dashboard_asks_for_metrics_and_labels_that_there_are() -> None:
    """A metric that is renamed would leave an empty panel behind."""
    known = {
        family.name + suffix: {*labels, "process", *({"le"} if suffix == "_bucket" else set())}
        for family, labels in described()
        for suffix in _SUFFIXES[family.kind]
    }
    content = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    targets = [target for panel in content["panels"] for target in panel.get("targets", ())]
    assert len(targets) > 25
    for target in targets:
        expression = target["expr"]
        metrics = re.findall(r"\b(?:exchange|process|python)_[a-z0-9_]+", expression)
        assert metrics, expression
        assert set(metrics) <= set(known), expression
        used = {name for group in re.findall(r"by \(([^)]*)\)", expression) for name in group.split(", ")}
        used |= set(re.findall(r"([a-z_]+)(?:=|!=|=~|!~)\"", expression))
        used |= set(re.findall(r"\{\{([a-z_]+)\}\}", target["legendFormat"]))
        for name in metrics:
            assert used <= known[name], (expression, used - known[name])
        if "_bucket" in expression or "_total" in expression:
            assert "rate(" in expression or "increase(" in expression
    ids = [panel["id"] for panel in content["panels"]]
    assert len(set(ids)) == len(ids)


def test_usage_of_a_process_is_what_the_kernel_says() -> None:
    """Of this one; None of one that is not there."""
    import os
    import threading

    usage = usage_of(os.getpid())
    assert usage is not None
    assert usage.state == "R"
    assert usage.cpu_s > 0
    assert usage.threads >= threading.active_count()
    assert 1 << 20 < usage.rss_bytes < usage.virtual_bytes
    assert usage.fds is not None
    assert usage.fds >= 3
    assert usage_of(2**22 + 5) is None
    names = {family.name for family in (*build_families(), *interpreter_families())}
    assert names == {"exchange_build_info", "python_gc_collections", "python_gc_objects_collected"}
