"""The host of a service, in this process: who waits for what."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from exchange.bus.log.interface import Extent
from exchange.config import load
from exchange.runtime.process_status import status_of
from exchange.runtime.service_host import HostPlan, ServiceHost
from exchange.storage.directory import DataDirectory
from exchange.topology.hosted import plan_of
from exchange.topology.running import prepare


def test_log_is_asked_how_far_it_is_by_threads_alone(tmp_path: Path) -> None:
    """It may be files, or on another machine: whoever asks the service does not wait for that."""
    settings = load(environment={}, data_directory=tmp_path / "data", history={"enabled": True})
    directory, asked = prepare(settings), list[threading.Thread]()

    async def turn(plan: HostPlan) -> None:
        host = ServiceHost(plan)
        running = asyncio.create_task(host.run())
        await told(directory, 1)
        extent_of = plan.event_log.extent

        def extent(topic: str) -> Extent:
            asked.append(threading.current_thread())
            return extent_of(topic)

        plan.event_log.extent = extent  # type: ignore[method-assign]
        await told(directory, 4)
        host.stop()
        await running

    with plan_of("history", settings) as plan:
        asyncio.run(turn(plan))
    assert len(asked) >= 3
    assert threading.main_thread() not in asked


async def told(directory: DataDirectory, times: int) -> None:
    """Waits until it has said so many times how far it is."""
    seen = set[int]()
    async with asyncio.timeout(120):
        while len(seen) < times:
            if status := status_of(directory, "history"):
                seen.add(status["heartbeat_ns"])
            await asyncio.sleep(0.01)
