"""What monitoring says."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cardioserver.archive.database import Database
from cardioserver.protocol import messages as m
from tests.server.conftest import Serve, Served
from tests.server.samples import upload

ON = {"enabled": True, "port": 0}
_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
OPERATIONS = frozenset(re.findall(r"`[a-z_]+`", _DOCUMENT.read_text(encoding="utf-8")))
"""Names in the document for those who run the server."""


async def fetch(served: Served, path: str) -> tuple[int, str]:
    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{served.monitoring_port}{path}", timeout=10
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return await asyncio.to_thread(get)


async def sample(served: Served, name: str, **labels: str) -> float:
    _, text = await fetch(served, "/metrics")
    for family in text_string_to_metric_families(text):
        for entry in family.samples:
            if entry.name == name and labels.items() <= entry.labels.items():
                return float(entry.value)
    raise AssertionError(f"no metric {name}")


async def test_metrics_count_what_happens(serve: Serve) -> None:
    served = await serve(monitoring=ON)
    async with served.peer() as peer:
        await peer.login("recorder")
        sent = upload()
        await peer.ask(sent)
        await peer.ask(m.GetExam(5))
        assert await sample(served, "cardioserver_connections") == 1
        assert await sample(served, "cardioserver_exams_stored_total") == 1
        assert await sample(served, "cardioserver_exam_bytes_total") == len(sent.data)
        assert await sample(served, "cardioserver_received_bytes_total") > len(sent.data)
        assert await sample(served, "cardioserver_request_seconds_count", request="Upload") == 1
        assert await sample(served, "cardioserver_errors_total", code="NOT_FOUND") == 1
        assert await sample(served, "cardioserver_queue_depth", pool="read") == 0


async def test_refusals_are_counted(serve: Serve) -> None:
    served = await serve(monitoring=ON, limits={"connections": 1})
    async with served.peer() as first:
        await first.hello()
        async with served.peer() as second:
            await second.last_words()
        count = await sample(served, "cardioserver_connections_refused_total", reason="TOO_MANY_CONNECTIONS")
        assert count == 1


async def test_healthy(serve: Serve) -> None:
    served = await serve(monitoring=ON)
    status, text = await fetch(served, "/healthz")
    health = json.loads(text)
    assert (status, health["status"], health["database"]) == (200, "ok", True)
    assert health["bank_free_bytes"] > 0


async def test_a_database_outage_is_told_but_uploads_go_on(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve(monitoring=ON)
    monkeypatch.setattr(Database, "is_available", lambda _: False)
    served.fakes.ingest.queued = 3
    status, text = await fetch(served, "/healthz")
    health = json.loads(text)
    assert (status, health["status"], health["exams_waiting_for_database"]) == (200, "degraded", 3)


async def test_a_missing_bank_is_no_health(serve: Serve, tmp_path: Path) -> None:
    served = await serve(monitoring=ON)
    served.fakes.lose_bank()
    status, text = await fetch(served, "/healthz")
    assert (status, json.loads(text)["status"]) == (503, "no cardiobank")


async def test_other_paths(serve: Serve) -> None:
    served = await serve(monitoring=ON)
    assert (await fetch(served, "/"))[0] == 404
    assert (await fetch(served, "/../etc/passwd"))[0] == 404


async def test_the_document_lists_every_metric(serve: Serve) -> None:
    served = await serve(monitoring=ON)
    _, page = await fetch(served, "/metrics")
    families = {family.name for family in text_string_to_metric_families(page)}
    ours = {name for name in families if name.startswith("cardioserver_") and not name.endswith("_created")}
    assert len(ours) > 10
    assert {name for name in ours if not {f"`{name}`", f"`{name}_total`"} & OPERATIONS} == set()
