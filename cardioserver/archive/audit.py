"""The audit journal: who did what, from where, and what came of it.

Entries are only ever added. A change is journalled in its own transaction, a read before its data leave
(:class:`cardioserver.archive.journal.Journal`). Entries hold ids, never names of patients or texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select

from cardioserver.archive.access import Actor
from cardioserver.archive.errors import ArchiveError
from cardioserver.archive.ids import IdGenerator
from cardioserver.archive.schema import LINE, audit, exam
from cardioserver.ecg.errors import InvalidField
from cardioserver.protocol import messages as m

OK = "ok"
LOCAL = "local"
"""Address of whoever works on the server itself, with its command line."""


class Action(StrEnum):
    """What was done."""

    LOGIN = "login"
    CHANGE_PASSWORD = "change_password"  # noqa: S105  a name
    FIND_PATIENTS = "find_patients"
    FIND_EXAMS = "find_exams"
    GET_EXAM = "get_exam"
    GET_SIGNAL = "get_signal"
    GET_AUTO_REPORT = "get_auto_report"
    REQUEST_INTERPRETATION = "request_interpretation"
    LIST_CONCLUSIONS = "list_conclusions"
    SAVE_CONCLUSION = "save_conclusion"
    SEND_EXAM = "send_exam"
    LIST_ACCOUNTS = "list_accounts"
    CREATE_ORDER = "create_order"
    FIND_ORDERS = "find_orders"
    TAKE_ORDER = "take_order"
    RELEASE_ORDER = "release_order"
    EXPORT = "export"
    ADD_ACCOUNT = "add_account"
    SET_PASSWORD = "set_password"  # noqa: S105
    DISABLE_ACCOUNT = "disable_account"
    ENABLE_ACCOUNT = "enable_account"
    UNLOCK_ACCOUNT = "unlock_account"
    ADD_HCF = "add_hcf"
    ADD_ARCHIVE = "add_archive"
    ADD_DEVICE = "add_device"
    CHANGE_DIRECTORY = "change_directory"
    MERGE_PATIENTS = "merge_patients"
    UNMERGE_PATIENTS = "unmerge_patients"
    RETRY_DELIVERY = "retry_delivery"
    DROP_DELIVERY = "drop_delivery"


REQUEST_ACTIONS: dict[type, Action | None] = {
    m.Hello: None,
    m.Login: Action.LOGIN,
    m.Ping: None,
    m.Logout: None,
    m.ChangePassword: Action.CHANGE_PASSWORD,
    m.UploadBegin: None,
    m.UploadChunk: None,
    m.UploadCommit: None,
    m.Upload: None,
    m.UploadAbort: None,
    m.FindPatients: Action.FIND_PATIENTS,
    m.FindExams: Action.FIND_EXAMS,
    m.GetExam: Action.GET_EXAM,
    m.GetSignal: Action.GET_SIGNAL,
    m.GetAutoReport: Action.GET_AUTO_REPORT,
    m.RequestInterpretation: Action.REQUEST_INTERPRETATION,
    m.SaveConclusion: Action.SAVE_CONCLUSION,
    m.ListConclusions: Action.LIST_CONCLUSIONS,
    m.SendExam: Action.SEND_EXAM,
    m.ListArchives: None,
    m.ListHcfs: None,
    m.ListAccounts: Action.LIST_ACCOUNTS,
    m.Subscribe: None,
    m.Unsubscribe: None,
    m.CreateOrder: Action.CREATE_ORDER,
    m.FindOrders: Action.FIND_ORDERS,
    m.TakeOrder: Action.TAKE_ORDER,
    m.ReleaseOrder: Action.RELEASE_ORDER,
}
"""How a request is journalled. ``None``: not at all, since it shows and changes nothing of a patient's; or it
is an upload, and the exam itself tells for ever who sent it, when and with what."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the journal. Zero and empty fields mean that there is none."""

    audit_id: int
    at: datetime
    action: Action
    outcome: str  # "ok", or the error code's name in lower case
    account_id: int = 0
    login: str = ""
    hcf_id: int = 0  # of the account
    address: str = ""
    patient_id: int = 0
    exam_id: int = 0
    subject_id: int = 0  # whatever else it was about: an account, a conclusion, an order, a delivery
    detail: str = ""  # no personal data


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to look for; zero and empty fields do not restrict."""

    since: datetime | None = None  # inclusive
    before: datetime | None = None  # exclusive
    account_id: int = 0
    login: str = ""  # as stored
    hcf_id: int = 0
    address: str = ""
    action: Action | None = None
    only_failures: bool = False
    patient_id: int = 0  # with all that was done to their exams
    exam_id: int = 0
    subject_id: int = 0


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, newest first; an empty cursor means the end."""

    entries: tuple[AuditEntry, ...]
    cursor: str


def entry(
    ids: IdGenerator,
    actor: Actor | None,
    address: str,
    action: Action,
    outcome: str = OK,
    *,
    patient_id: int = 0,
    exam_id: int = 0,
    subject_id: int = 0,
    detail: str = "",
) -> AuditEntry:
    """An entry of now; *actor* ``None`` is somebody at the server itself, or nobody that is known."""
    return AuditEntry(
        audit_id=ids.next(),
        at=datetime.now(UTC),
        action=action,
        outcome=outcome,
        account_id=actor.account_id if actor else 0,
        login=actor.login if actor else "",
        hcf_id=actor.hcf_id if actor else 0,
        address=address,
        patient_id=patient_id,
        exam_id=exam_id,
        subject_id=subject_id,
        detail=detail[:LINE],
    )


def request_entry(
    ids: IdGenerator, actor: Actor, address: str, request: Any, result: object
) -> AuditEntry | None:
    """How a request is journalled.

    Parameters
    ----------
    result
        The reply, or the exception that took its place.

    Returns
    -------
    AuditEntry or None
        ``None``: requests of this type are not journalled.
    """
    action = REQUEST_ACTIONS[type(request)]
    if action is None:
        return None
    failed = isinstance(result, BaseException)
    about = request if failed else result
    return entry(
        ids,
        actor,
        address,
        action,
        outcome_of(result) if failed else OK,
        patient_id=_field("patient_id", about, request),
        exam_id=_field("exam_id", about, request),
        subject_id=next((n for name in _SUBJECTS if (n := _field(name, about, request))), 0),
        detail=_count(result),
    )


_SUBJECTS = ("conclusion_id", "order_id", "to_hcf_id")
_LISTS = ("patients", "exams", "orders", "conclusions", "accounts")


def _field(name: str, *messages: object) -> int:
    return next((n for message in messages if (n := getattr(message, name, 0))), 0)


def _count(result: object) -> str:
    """How many rows of a list were shown."""
    for name in _LISTS:
        rows = getattr(result, name, None)
        if isinstance(rows, tuple):
            return f"{len(rows)} {name}"
    return ""


def outcome_of(error: object) -> str:
    """The outcome of a request that failed."""
    if isinstance(error, ArchiveError):
        return error.code.name.lower()
    return m.ErrorCode.INVALID_FIELD.name.lower() if isinstance(error, InvalidField) else "internal"


def record(connection: Connection, entries: Iterable[AuditEntry]) -> None:
    """Add entries in the caller's transaction; one that is there already is left as it is."""
    rows = [{name: getattr(e, name) for name in _COLUMNS} for e in entries]
    if rows:
        statement = insert(audit).prefix_with("OR IGNORE", dialect="sqlite")
        connection.execute(statement.prefix_with("IGNORE", dialect="mysql"), rows)


_COLUMNS = tuple(field.name for field in fields(AuditEntry))


def search(connection: Connection, query: AuditQuery, limit: int = 50, cursor: str = "") -> AuditPage:
    """A page of the journal, newest first. Pages stay stable while entries are added.

    Raises
    ------
    InvalidField
        The cursor is none of this function's (``cursor``).
    """
    where = list(_clauses(query))
    if query.patient_id:
        exams = connection.scalars(select(exam.c.exam_id).where(exam.c.patient_id == query.patient_id)).all()
        where.append(or_(audit.c.patient_id == query.patient_id, audit.c.exam_id.in_(exams)))
    if cursor:
        at, audit_id = _position(cursor)
        where.append(or_(audit.c.at < at, and_(audit.c.at == at, audit.c.audit_id < audit_id)))
    page = select(audit).where(*where).order_by(audit.c.at.desc(), audit.c.audit_id.desc()).limit(limit + 1)
    entries = tuple(_entry(row) for row in connection.execute(page))
    if len(entries) <= limit:
        return AuditPage(entries, "")
    last = entries[limit - 1]
    return AuditPage(entries[:limit], f"{last.at.isoformat()}/{last.audit_id}")


def _clauses(query: AuditQuery) -> Iterable[ColumnElement[bool]]:
    if query.since is not None:
        yield audit.c.at >= query.since
    if query.before is not None:
        yield audit.c.at < query.before
    for name in ("account_id", "login", "hcf_id", "address", "exam_id", "subject_id"):
        if value := getattr(query, name):
            yield audit.c[name] == value
    if query.action is not None:
        yield audit.c.action == query.action
    if query.only_failures:
        yield audit.c.outcome != OK


def _position(cursor: str) -> tuple[datetime, int]:
    moment, _, number = cursor.partition("/")
    try:
        at, audit_id = datetime.fromisoformat(moment), int(number)
    except ValueError:
        raise InvalidField("cursor", cursor, "a cursor of an earlier page") from None
    if at.tzinfo is None:
        raise InvalidField("cursor", cursor, "a cursor of an earlier page")
    return at, audit_id


def _entry(row: Row[Any]) -> AuditEntry:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return AuditEntry(**values | {"action": Action(row.action)})
