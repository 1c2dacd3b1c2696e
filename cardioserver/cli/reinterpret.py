"""`cardioserver exam reinterpret`: exams interpreted anew, a few at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cardioserver.cli.exits import ExitCode, Failure
from cardioserver.cli.failures import explain
from cardioserver.cli.output import complain, language, say, show_json
from cardioserver.cli.parameters import HcfFilter, Json
from cardioserver.cli.server import Server, over_the_wire
from cardioserver.cli.subject import named_exam
from cardioserver.cli.times import Before, Since, moment
from cardioserver.language import Phrase

if TYPE_CHECKING:
    from uuid import UUID

    from cardioserver.client import Client
    from cardioserver.client.events import EventStream
    from cardioserver.protocol.messages import FindExams

AT_ONCE = 8
"""Exams asked for whose result is not there yet: what recorders upload meanwhile waits behind no more."""


@dataclass(frozen=True, slots=True)
class Reinterpreted:
    """What became of one exam."""

    exam: str
    version: int = 0  # of its new report; 0: there is none yet
    error: str = ""
    code: ExitCode = ExitCode.DONE


@over_the_wire
def reinterpret(
    server: Server,
    *,
    exams: Annotated[
        list[str] | None, typer.Argument(metavar="EXAM", help="Numbers or UUIDs of exams.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All exams this account reads, newest first.")
    ] = False,
    since: Since = None,
    before: Before = None,
    hcf: HcfFilter = 0,
    wait: Annotated[
        float, typer.Option(metavar="S", min=0, help="How long to wait for a result before going on.")
    ] = 120.0,
    as_json: Json = False,
) -> None:
    """Have exams interpreted anew; each result is another version of the exam's auto report.

    With --all, --since and --before choose by the time of recording. A few are asked for at a time, so that
    new exams do not wait behind them.
    """
    from cardioserver.protocol.messages import FindExams

    if everything == bool(exams):
        raise Failure(
            Phrase(
                "Which exams? Give their numbers, or --all.", "Какие обследования? Укажите номера или --all."
            ),
            ExitCode.USAGE,
        )
    named = [named_exam(typed) for typed in exams or ()]
    query = FindExams(started_from=moment(since), started_before=moment(before), hcf_id=hcf)
    results = server.run(lambda client: _Round(client, wait).run(_exams(client, named, query)))
    if as_json:
        show_json([_as_json(result) for result in results])
    else:
        for result in results:
            _tell(result)
    raise typer.Exit(max((result.code for result in results), default=ExitCode.DONE))


async def _exams(client: Client, named: list[int | UUID], query: FindExams) -> AsyncIterator[int | UUID]:
    for exam in named:
        yield exam
    if not named:
        async for found in client.find_exams(query):
            yield found.exam_id


class _Round:
    """Asks for exams, a few at a time, and hears what comes of them."""

    def __init__(self, client: Client, wait: float) -> None:
        self._client = client
        self._wait = wait
        self._results: list[Reinterpreted] = []
        self._asked: dict[int, int] = {}  # exam → newest version when it was asked for

    async def run(self, exams: AsyncIterator[int | UUID]) -> list[Reinterpreted]:
        from cardioserver.protocol.messages import EventKind

        async with self._client.events(EventKind.AUTO_REPORT) as events:
            async for exam in exams:
                await self._ask(exam)
                if len(self._asked) >= AT_ONCE:
                    await self._hear(events)
            while self._asked:
                await self._hear(events)
        return self._results

    async def _ask(self, exam: int | UUID) -> None:
        from cardioserver.client.errors import NotFound

        try:
            exam_id = exam if isinstance(exam, int) else (await self._client.get_exam(exam)).exam_id
            asked = await self._client.request_interpretation(exam_id)
        except NotFound as error:
            explained = explain(error)
            assert explained is not None  # noqa: S101  errors of the client all are
            phrase, code = explained
            self._results.append(Reinterpreted(str(exam), error=phrase.say(language()), code=code))
        else:
            self._asked[exam_id] = asked.newest_version

    async def _hear(self, events: EventStream) -> None:
        """Until one of those asked for is there, or nothing has come for so long."""
        import asyncio

        try:
            async with asyncio.timeout(self._wait):
                async for event in events:
                    newest = self._asked.get(event.exam_id)
                    if newest is not None and event.subject_id > newest:
                        del self._asked[event.exam_id]
                        self._results.append(Reinterpreted(str(event.exam_id), event.subject_id))
                        return
        except TimeoutError:
            late = _LATE.say(language())
            self._results += (
                Reinterpreted(str(exam_id), error=late, code=ExitCode.FAILED) for exam_id in self._asked
            )
            self._asked.clear()


_LATE = Phrase("not ready yet; it stays asked for", "ещё не готово; запрос остаётся в очереди")


def _as_json(result: Reinterpreted) -> dict[str, object]:
    if result.error:
        return {"exam": result.exam, "error": result.error}
    return {"exam": result.exam, "version": result.version}


def _tell(result: Reinterpreted) -> None:
    if result.error:
        complain(Phrase(f"{result.exam}: {result.error}", f"{result.exam}: {result.error}"))
    else:
        version = result.version
        say(
            Phrase(
                f"{result.exam}: version {version} of the auto report",
                f"{result.exam}: версия {version} машинной интерпретации",
            )
        )
