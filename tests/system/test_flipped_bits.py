"""Flipped bits on the disk: `bank verify` names every file, and nobody is shown a wrong ECG."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cardioserver.client.client import Client
from cardioserver.client.errors import ServerError
from cardioserver.client.retry import ONCE
from cardioserver.protocol import messages as m
from tests.archive import examples
from tests.processes import PASSWORD, ServerProcess
from tests.system.conftest import Start
from tests.system.recorders import open_archive

EXAMS = 12
FLIPPED = 4


def _flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    bit = random.randrange(len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    path.chmod(0o640)
    path.write_bytes(data)


def _verify(server: ServerProcess) -> tuple[int, Any]:
    command = [sys.executable, "-m", "cardioserver", "bank", "verify", "--json"]
    done = subprocess.run(
        [*command, "--config", str(server.config)], capture_output=True, text=True, check=False
    )
    return done.returncode, json.loads(done.stdout)


async def test_each_is_found_and_none_is_read(start_server: Start) -> None:
    server = start_server()
    bank, database = open_archive(server)
    database.close()
    stored = {}
    async with Client("127.0.0.1", server.port, login="recorder", password=PASSWORD) as recorder:
        for seed in range(EXAMS):
            exam = examples.exam()
            answer = await recorder.upload(exam, examples.recording(seed))
            stored[bank.exam_path(exam.uuid, exam.started_at)] = seed, answer.exam_id
    async with Client("127.0.0.1", server.port, login="doctor", password=PASSWORD) as doctor:
        _, concluded = stored[min(stored)]
        await doctor.request(m.SaveConclusion(concluded, uuid4(), "Ритм синусовый."))
    assert _verify(server)[0] == 0
    (conclusion,) = bank.record_files()
    flipped = {*random.sample(sorted(stored), FLIPPED), conclusion}
    for path in flipped:
        _flip_a_bit(path)

    status, report = _verify(server)

    assert status != 0
    assert {Path(finding["path"]) for finding in report["findings"]} == flipped
    assert {finding["fault"] for finding in report["findings"]} == {"damaged"}
    async with Client("127.0.0.1", server.port, login="doctor", password=PASSWORD, retry=ONCE) as doctor:
        for path, (seed, exam_id) in stored.items():
            if path in flipped:
                with pytest.raises(ServerError) as raised:
                    await doctor.get_signal(exam_id)
                assert raised.value.code is m.ErrorCode.DAMAGED_EXAM
            else:
                read = await doctor.get_signal(exam_id)
                assert read.samples.tobytes() == examples.recording(seed).samples.tobytes()
