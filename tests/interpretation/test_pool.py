"""Interpretation in worker processes: the same document, and harm that stays where it is done."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from cardioserver.ecg.lead import TWELVE_LEADS, Lead
from cardioserver.ecg.patient import Sex
from cardioserver.interpretation import document
from cardioserver.interpretation.errors import (
    BY_CODE,
    Crashed,
    InterpretationError,
    Refused,
    TooLarge,
    TooLong,
    Unavailable,
)
from cardioserver.interpretation.interpreter import interpret
from cardioserver.interpretation.job import Interpretation
from cardioserver.interpretation.limits import Limits
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.pool import ROOM, Pool
from tests.interpretation import hostile
from tests.interpretation.signals import made
from tests.servers import wait_until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ECG = made(TWELVE_LEADS)
PERSON = Person(Sex.FEMALE, 61.0, 170.0)
MADE = interpret(ECG, PERSON)
EXPECTED = Interpretation(MADE.text, document.encode(MADE))
PATIENT = Limits(seconds=60.0)
SHORT = Limits(seconds=0.5)

SERVER = """
import json
from cardioserver.ecg.lead import Lead
from cardioserver.interpretation.limits import Limits
from cardioserver.interpretation.person import Person
from cardioserver.interpretation.pool import Pool
import hostile
from signals import made
pool = Pool(1, Limits(seconds=600.0), module="hostile")
done = pool.interpret(hostile.hostile(made((Lead.I,)), hostile.TELL_PID), Person())
print(json.loads(done.document)["program"], flush=True)
pool.interpret(hostile.hostile(made((Lead.I,)), hostile.HANG), Person())
"""


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)  # where the workers find it; `tests` may be another package's there
        opened = Pool(2, PATIENT, module="hostile")
        yield opened
        opened.close()


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits only for somebody to ask how it ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


def program(interpretation: Interpretation) -> int:
    return int(document.decode(interpretation.document).program)


def worker_of(pool: Pool) -> int:
    """The process that interprets next."""
    return program(pool.interpret(hostile.hostile(ECG, hostile.TELL_PID), PERSON))


def test_the_document_is_that_of_this_process(pool: Pool) -> None:
    assert pool.interpret(ECG, PERSON) == EXPECTED


def test_a_worker_stays_for_the_next(pool: Pool) -> None:
    assert worker_of(pool) == worker_of(pool)


def test_recordings_of_all_sizes_follow_each_other(pool: Pool) -> None:
    for seconds in (10, 400, 2, 400):
        recording = made((Lead.I, Lead.II, Lead.V1, Lead.V2), seconds=seconds)
        assert (recording.format.byte_count > ROOM) == (seconds == 400)
        assert document.decode(pool.interpret(recording, PERSON).document) == interpret(recording, PERSON)


@pytest.mark.parametrize(
    ("harm", "error", "note"),
    [
        (hostile.ABORT, Crashed, "its process ended"),
        (hostile.BOMB, TooLarge, ""),
        (hostile.FAIL, Crashed, "ZeroDivisionError at hostile.py:"),
        (hostile.REFUSE, Refused, "signal.sample_count: allowed is at least a beat"),
    ],
)
def test_harm_costs_one_result(pool: Pool, harm: int, error: type[InterpretationError], note: str) -> None:
    with pytest.raises(error) as raised:
        pool.interpret(hostile.hostile(ECG, harm), PERSON)
    assert raised.value.note.startswith(note)
    assert "nobody" not in str(raised.value)
    assert pool.interpret(ECG, PERSON) == EXPECTED


def test_a_hang_is_ended(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = worker_of(pool)
    monkeypatch.setattr(pool, "limits", SHORT)
    with pytest.raises(TooLong):
        pool.interpret(hostile.hostile(ECG, hostile.HANG), PERSON)
    assert has_ended(pid)
    monkeypatch.undo()
    assert pool.interpret(ECG, PERSON) == EXPECTED


def test_the_limits_grow_with_the_recording() -> None:
    limits = Limits(10.0, 1 << 20)
    day = 24 * 3600 * 500 * 3
    assert limits.seconds_of(60_000) == pytest.approx(10, rel=0.01)
    assert limits.seconds_of(day) > 100
    assert limits.memory_of(day) > 4 * day


def test_one_that_hangs_keeps_nobody_waiting(pool: Pool) -> None:
    with ThreadPoolExecutor(1) as beside:
        hanging = beside.submit(pool.interpret, hostile.hostile(ECG, hostile.HANG), PERSON)
        for _ in range(3):
            assert pool.interpret(ECG, PERSON) == EXPECTED
        assert not hanging.done()
        pool.close()
        with pytest.raises(Crashed):
            hanging.result(timeout=30)


def test_no_more_than_so_many_at_once(pool: Pool) -> None:
    with ThreadPoolExecutor(6) as threads:
        marked = hostile.hostile(ECG, hostile.TELL_PID)
        done = [threads.submit(pool.interpret, marked, PERSON) for _ in range(12)]
        assert len({program(one.result()) for one in done}) == 2


def test_an_idle_worker_goes(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = worker_of(pool)
    pool.retire()
    assert worker_of(pool) == pid

    monkeypatch.setattr(pool._children, "_idle_seconds", 0.0)
    pool.retire()

    assert has_ended(pid)
    assert worker_of(pool) != pid


def test_a_worker_whose_server_is_killed_ends_in_the_middle_of_its_work() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{HERE}"},
    )
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    server.kill()
    server.communicate()
    wait_until(lambda: has_ended(pid), "the worker has ended")


def test_a_day_of_beats_is_kept_without_the_single_ones(pool: Pool) -> None:
    recording = made((Lead.II,), rr=0.4, seconds=2500)
    whole = interpret(recording, PERSON)
    kept = document.decode(pool.interpret(recording, PERSON).document)
    assert len(whole.beats) > document.MOST_BEATS
    assert not whole.abridged
    assert kept.abridged
    assert (kept.beats, kept.fiducials) == ((), ())
    assert kept.measurements == whole.measurements
    assert kept.statements == whole.statements


def test_what_another_machine_made_is_checked(pool: Pool) -> None:
    assert pool.check(EXPECTED.document, ECG.format, PERSON) == EXPECTED
    other = replace(ECG.format, rate=250.0)
    for answer, signal, person in (
        (EXPECTED.document, other, PERSON),
        (EXPECTED.document, ECG.format, Person()),
        (b"{}", ECG.format, PERSON),
        (EXPECTED.document[:-1], ECG.format, PERSON),
        (EXPECTED.document.replace(b'"version":1', b'"version":2'), ECG.format, PERSON),
        (b"[" * 100_000, ECG.format, PERSON),
        (b"", ECG.format, PERSON),
    ):
        with pytest.raises(Unavailable):
            pool.check(answer, signal, person)


def test_it_is_compared_with_an_earlier_ecg(pool: Pool) -> None:
    """Here, whoever interprets; the text says it before it says that nobody has signed."""
    earlier = pool.interpret(made(TWELVE_LEADS, rr=0.4), PERSON).document
    for compared in (
        pool.interpret(ECG, PERSON, earlier),
        pool.check(EXPECTED.document, ECG.format, PERSON, earlier),
    ):
        found = document.decode(compared.document)
        assert found.comparison is not None
        assert "150 → 75" in found.comparison.text.en
        *lines, said, unsigned = compared.text.ru.splitlines()
        assert [*lines, unsigned] == MADE.text.ru.splitlines()
        assert said == found.comparison.text.ru
    for unreadable in (b"{}", EXPECTED.document.replace(b'"version":1', b'"version":9')):
        assert pool.interpret(ECG, PERSON, unreadable) == EXPECTED


def test_every_error_has_its_code_in_both_languages() -> None:
    for code, error in BY_CODE.items():
        said = error("a note").say()
        assert code == error.code
        assert said.en != said.ru
        assert said.en.endswith("(a note)")
