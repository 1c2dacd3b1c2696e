"""Searches in an archive of a million exams, on SQLite and MariaDB.

    .venv/bin/python -m benchmarks.search [--exams N] [--searches N] [--json]

Each search is what a doctor of a random HCF asks for (a large HCF more often), with a random patient, name,
day or place in the list; the time is that of the whole search with its transaction, 50 rows a page. The
database is the benchmark's own and fresh; MariaDB runs with its production durability and 512 MB of buffers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from benchmarks.generate import CENTRE, generate
from cardioserver.archive import examsearch, patientsearch
from cardioserver.archive.access import Actor
from cardioserver.archive.columns import EPOCH, MICROSECOND
from cardioserver.archive.database import Database, migrate
from cardioserver.archive.paging import encode_cursor
from cardioserver.archive.schema import exam, patient
from cardioserver.protocol.messages import FindExams, FindPatients, Role
from tests.servers import MariaDb, mariadb_missing

AIM_MS = 20.0
SAMPLE = 500
WARM_UP = 30
MAX_PREFIX = 6

Search = tuple[Actor, Any]


class Questions:
    """What doctors ask of a generated archive."""

    def __init__(self, database: Database, exams: int, patients: int, seed: int = 7) -> None:
        self._source = random.Random(seed)
        self._patients = self._some(database, patient, patient.c.patient_id, patients)
        self._exams = self._some(database, exam, exam.c.exam_id, exams)

    def _some(self, database: Database, table: Table, key: Any, count: int) -> list[Any]:
        chosen = [self._source.randint(1, count) for _ in range(SAMPLE)]
        with database.read() as connection:
            return list(connection.execute(select(table).where(key.in_(chosen))).all())

    def _patient(self) -> Any:
        return self._source.choice(self._patients)

    def _exam(self) -> Any:
        return self._source.choice(self._exams)

    def _prefix(self, name: str) -> str:
        return name[: self._source.randint(1, MAX_PREFIX)]

    def patients_by_family_name(self) -> Search:
        """The first letters of a family name."""
        p = self._patient()
        return doctor(p.issuer_hcf_id), FindPatients(family_name=self._prefix(p.family_name))

    def exams_by_family_name(self) -> Search:
        """The newest exams of all whose name begins so."""
        p = self._patient()
        return doctor(p.issuer_hcf_id), FindExams(family_name=self._prefix(p.family_name))

    def patient_by_number(self) -> Search:
        """A patient's number."""
        p = self._patient()
        return doctor(p.issuer_hcf_id), FindPatients(number=p.number)

    def exams_by_patient_number(self) -> Search:
        """All exams of a patient."""
        p = self._patient()
        return doctor(p.issuer_hcf_id), FindExams(patient_number=p.number)

    def exams_by_date_range(self) -> Search:
        """A day, a week or a month."""
        e = self._exam()
        until = e.started_at + timedelta(days=self._source.choice((1, 7, 30)))
        return doctor(e.hcf_id), FindExams(started_from=e.started_at, started_before=until)

    def newest_exams(self) -> Search:
        """What a doctor's screen shows first."""
        return doctor(self._exam().hcf_id), FindExams()

    def deep_page_of_exams(self) -> Search:
        """Anywhere in the list of all exams."""
        e = self._exam()
        return doctor(e.hcf_id), after(FindExams(), ((e.started_at - EPOCH) // MICROSECOND, e.exam_id))

    def deep_page_of_exams_of_all_hcfs(self) -> Search:
        """The same, for a super-administrator."""
        e = self._exam()
        who = Actor(10**6, "root", Role.SUPER_ADMINISTRATOR, CENTRE)
        return who, after(FindExams(), ((e.started_at - EPOCH) // MICROSECOND, e.exam_id))

    def deep_page_of_patients(self) -> Search:
        """Anywhere in the list of all patients."""
        p = self._patient()
        return doctor(p.issuer_hcf_id), after(FindPatients(), (p.family_key, p.personal_key, p.patient_id))

    def exams_of_a_device(self) -> Search:
        """What one recorder sent."""
        e = self._exam()
        return doctor(e.hcf_id), FindExams(device_number=e.device_number)

    def unread_consultations(self) -> Search:
        """The worklist of the region's centre."""
        return doctor(CENTRE), FindExams(consultation_only=True, has_conclusion=False)


def doctor(hcf_id: int) -> Actor:
    """A doctor of an HCF."""
    return Actor(hcf_id, f"doctor{hcf_id}", Role.DOCTOR, hcf_id)


def after(request: Any, key: tuple[Any, ...]) -> Any:
    """The page of a search that comes after a sort key."""
    return replace(request, cursor=encode_cursor(request, key))


SEARCHES: tuple[Callable[[Questions], Search], ...] = (
    Questions.patients_by_family_name,
    Questions.exams_by_family_name,
    Questions.patient_by_number,
    Questions.exams_by_patient_number,
    Questions.exams_by_date_range,
    Questions.newest_exams,
    Questions.deep_page_of_exams,
    Questions.deep_page_of_exams_of_all_hcfs,
    Questions.deep_page_of_patients,
    Questions.exams_of_a_device,
    Questions.unread_consultations,
)


def measure(database: Database, question: Callable[[], Search], count: int) -> list[float]:
    """Milliseconds of *count* searches, ascending."""
    times = []
    for number in range(count + WARM_UP):
        who, request = question()
        search: Any = examsearch if isinstance(request, FindExams) else patientsearch
        began = time.perf_counter()
        with database.read() as connection:
            search.find(connection, who, request, max_page=1000)
        if number >= WARM_UP:
            times.append(1000 * (time.perf_counter() - began))
    return sorted(times)


def run(url: str, exams: int, searches: int) -> dict[str, Any]:
    """Fill a database and search it."""
    database = Database(url)
    migrate(database)
    began = time.perf_counter()
    region = generate(database, exams)
    filled = time.perf_counter() - began
    questions = Questions(database, region.exams, region.patients)
    results = {}
    for search in SEARCHES:
        times = measure(database, lambda search=search: search(questions), searches)
        name = search.__name__.replace("_", " ").replace("hcfs", "HCFs")
        results[name] = {"p50_ms": _at(times, 0.50), "p95_ms": _at(times, 0.95)}
    database.close()
    return {"fill_s": round(filled, 1), "patients": region.patients, "searches": results}


def _at(times: list[float], part: float) -> float:
    return round(times[min(len(times) - 1, int(part * len(times)))], 2)


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """URLs of fresh databases of both kinds."""
    urls = {"SQLite": f"sqlite:///{folder / 'search.db'}"}
    if missing := mariadb_missing():
        print(f"MariaDB {missing}", file=sys.stderr)
        yield urls
        return
    server = MariaDb(folder / "mariadb", durable=True, options=["--innodb-buffer-pool-size=512M"])
    server.start()
    try:
        yield urls | {"MariaDB": server.new_database()}
    finally:
        server.stop()


def table(results: dict[str, Any]) -> str:
    """The results as a table in Markdown."""
    kinds = list(results)
    lines = [
        "| Search | " + " | ".join(f"{kind} p50, ms | {kind} p95, ms" for kind in kinds) + " |",
        "|---|" + "---:|---:|" * len(kinds),
    ]
    for name in results[kinds[0]]["searches"]:
        cells = (results[kind]["searches"][name] for kind in kinds)
        lines.append(
            f"| {name} | " + " | ".join(f"{c['p50_ms']:.1f} | {c['p95_ms']:.1f}" for c in cells) + " |"
        )
    return "\n".join(lines)


def main() -> int:
    """Run it; the exit status tells whether every search met the aim."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exams", type=int, default=1_000_000)
    parser.add_argument("--searches", type=int, default=300, help="of each kind")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as urls:
        results = {kind: run(url, arguments.exams, arguments.searches) for kind, url in urls.items()}
    worst = max(s["p95_ms"] for r in results.values() for s in r["searches"].values())
    if arguments.json:
        print(json.dumps({"exams": arguments.exams, "aim_p95_ms": AIM_MS, "results": results}, indent=1))
    else:
        for kind, result in results.items():
            size = f"{arguments.exams:,} exams of {result['patients']:,} patients"
            print(f"{kind}: {size}, generated in {result['fill_s']} s")
        print(table(results))
        print(f"worst p95: {worst:.1f} ms, aim: {AIM_MS:g} ms")
    return 0 if worst <= AIM_MS else 1


if __name__ == "__main__":
    sys.exit(main())
