"""Every message of the wire, as values.

A request and its reply share a type number; the frame's flags tell them apart. Field order here is
field order on the wire (:mod:`cardioserver.protocol.layout` derives the layout from the annotations).
``docs/protocol.md`` is the specification; this module and it change together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, IntFlag
from uuid import UUID

from cardioserver.ecg.exam import Exam
from cardioserver.ecg.lead import Lead
from cardioserver.ecg.patient import Patient, Sex
from cardioserver.ecg.recording import SignalFormat
from cardioserver.protocol.wire import I64, U8, U16, U32, U64, LongText, Raw, Sha256, Text


class Role(IntEnum):
    """What an account may do; the access rule is in :mod:`cardioserver.archive.access`."""

    RECORDER = 1
    DOCTOR = 2
    VIEWER = 3
    ADMINISTRATOR = 4
    SERVICE = 5
    SUPER_ADMINISTRATOR = 6


class Capability(IntFlag):
    """Abilities beyond the base protocol, offered in the hello and used when both sides have them."""

    NONE = 0
    RESUME = 1
    EVENTS = 2
    ORDERS = 4
    ALL = 7  # of this version


class EventKind(IntFlag):
    """Kinds of events to subscribe to."""

    EXAM_STORED = 1
    AUTO_REPORT = 2
    CONCLUSION = 4
    CONSULTATION = 8
    ORDER = 16


class UploadStatus(IntEnum):
    """Where an upload stands."""

    RECEIVING = 1
    STORED = 2


class OrderStatus(IntEnum):
    """Life of an order."""

    NEW = 1
    TAKEN = 2
    DONE = 3
    CANCELLED = 4


# ---------------------------------------------------------------- connection


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of a client: what it speaks."""

    version_min: U8
    version_max: U8
    capabilities: Capability
    software: Text  # name and version of the client
    device_number: Text = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server accepts on this connection."""

    max_payload: U32  # bytes in one frame
    max_in_flight: U16  # requests without a reply
    max_upload: U64  # bytes of samples in one exam
    idle_timeout: U32  # seconds
    max_page: U16  # rows in one page


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Reply to :class:`Hello`."""

    version: U8
    capabilities: Capability
    software: Text
    server_id: U32
    server_type: Text
    server_time: datetime
    update_url: Text
    limits: Limits


@dataclass(frozen=True, slots=True)
class Login:
    """Open the session of an account."""

    login: Text
    password: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """A person or device that logs in."""

    account_id: I64
    login: Text
    role: Role
    hcf_id: I64
    name: Text
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Reply to :class:`Login`."""

    account: Account
    hcf_name: Text
    default_archive_id: I64  # 0: none


@dataclass(frozen=True, slots=True)
class Logout:
    """End the session; the connection stays open."""


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Change one's own password."""

    old_password: Text = field(repr=False)
    new_password: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ping:
    """Keep the connection; the server answers at any time after the hello."""


@dataclass(frozen=True, slots=True)
class Pong:
    """Reply to :class:`Ping`."""

    server_time: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """Reply of requests that return nothing."""


# ---------------------------------------------------------------- uploads


@dataclass(frozen=True, slots=True)
class UploadBegin:
    """Announce an exam, or ask how far its broken upload came."""

    exam: Exam
    signal: SignalFormat
    digest: Sha256  # of all sample bytes


@dataclass(frozen=True, slots=True)
class UploadState:
    """Reply to :class:`UploadBegin` and :class:`UploadChunk`."""

    status: UploadStatus
    received: U64  # the server holds the first `received` bytes
    exam_id: I64  # 0 until stored


@dataclass(frozen=True, slots=True)
class UploadChunk:
    """A run of sample bytes; `offset` is the count of bytes sent before it."""

    exam_uuid: UUID
    offset: U64
    data: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class UploadCommit:
    """All bytes are sent: store the exam."""

    exam_uuid: UUID


@dataclass(frozen=True, slots=True)
class Upload:
    """A whole exam in one frame."""

    exam: Exam
    signal: SignalFormat
    digest: Sha256
    data: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class UploadAbort:
    """Forget a partial upload."""

    exam_uuid: UUID


@dataclass(frozen=True, slots=True)
class ExamStored:
    """Reply to :class:`Upload` and :class:`UploadCommit`: the exam is durable."""

    exam_id: I64
    exam_uuid: UUID
    already_stored: bool


# ---------------------------------------------------------------- reading


@dataclass(frozen=True, slots=True)
class FindPatients:
    """Search patients; empty fields do not restrict. Names match by prefix in any letter case."""

    number: Text = ""
    family_name: Text = ""
    personal_name: Text = ""
    birthday: date | None = None
    snils: Text = ""
    limit: U16 = 50
    cursor: Text = ""  # from the last page; opaque


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """A patient as the archive knows them."""

    patient_id: I64
    issuer_hcf_id: I64
    patient: Patient


@dataclass(frozen=True, slots=True)
class PatientPage:
    """Reply to :class:`FindPatients`; an empty cursor means the end."""

    patients: tuple[PatientRecord, ...]
    cursor: Text


@dataclass(frozen=True, slots=True)
class FindExams:
    """Search exams, newest first; empty or zero fields do not restrict."""

    patient_id: I64 = 0
    patient_number: Text = ""
    family_name: Text = ""  # prefix
    started_from: datetime | None = None  # inclusive
    started_before: datetime | None = None  # exclusive
    hcf_id: I64 = 0
    archive_id: I64 = 0
    device_number: Text = ""
    has_conclusion: bool | None = None
    accession_number: Text = ""
    exam_uuid: UUID | None = None
    consultation_only: bool = False  # only exams sent to this account's HCF
    limit: U16 = 50
    cursor: Text = ""


@dataclass(frozen=True, slots=True)
class ExamSummary:
    """A row of a list of exams."""

    exam_id: I64
    exam_uuid: UUID
    patient_id: I64
    patient_number: Text
    family_name: Text = field(repr=False)
    personal_name: Text = field(repr=False)
    patronymic: Text = field(repr=False)
    birthday: date | None = field(repr=False)
    sex: Sex
    started_at: datetime
    stored_at: datetime
    hcf_id: I64
    archive_id: I64
    device_number: Text
    accession_number: Text
    conclusion_count: U32
    has_auto_report: bool
    sender_hcf_id: I64  # who sent it for consultation; 0: own exam


@dataclass(frozen=True, slots=True)
class ExamPage:
    """Reply to :class:`FindExams`; an empty cursor means the end."""

    exams: tuple[ExamSummary, ...]
    cursor: Text


@dataclass(frozen=True, slots=True)
class GetExam:
    """Read an exam's metadata, by id or (id 0) by the recorder's UUID."""

    exam_id: I64 = 0
    exam_uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class ExamDetails:
    """Reply to :class:`GetExam`."""

    exam_id: I64
    patient_id: I64
    hcf_id: I64
    archive_id: I64
    recorder_account_id: I64
    recorder_hcf_id: I64
    sender_hcf_id: I64
    stored_at: datetime
    digest: Sha256
    exam: Exam
    signal: SignalFormat


@dataclass(frozen=True, slots=True)
class GetSignal:
    """Read samples `start` to `start + count` of some leads (count 0: to the end; no leads: all)."""

    exam_id: I64
    start: U64 = 0
    count: U64 = 0
    leads: tuple[Lead, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """Reply to :class:`GetSignal`; long signals come as several PART frames, joined by `data`."""

    exam_id: I64
    start: U64
    signal: SignalFormat  # of the part asked for
    digest: Sha256  # of the bytes of the part asked for
    data: Raw = field(repr=False)


@dataclass(frozen=True, slots=True)
class GetAutoReport:
    """Read the newest machine interpretation of an exam."""

    exam_id: I64


@dataclass(frozen=True, slots=True)
class AutoReport:
    """Reply to :class:`GetAutoReport`; `document` is the interpretation's versioned JSON."""

    exam_id: I64
    version: U32  # 0: there is none yet
    created_at: datetime
    text_ru: LongText = field(repr=False)
    text_en: LongText = field(repr=False)
    document: LongText = field(repr=False)


# ---------------------------------------------------------------- conclusions and consultation


@dataclass(frozen=True, slots=True)
class SaveConclusion:
    """Write a doctor's conclusion. `conclusion_uuid` is made by the client: saving twice saves once."""

    exam_id: I64
    conclusion_uuid: UUID
    text: LongText = field(repr=False)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A doctor's conclusion; never changed, a later one stands beside it."""

    conclusion_id: I64
    conclusion_uuid: UUID
    exam_id: I64
    account_id: I64
    account_name: Text
    hcf_id: I64
    created_at: datetime
    text: LongText = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListConclusions:
    """Read all conclusions of an exam."""

    exam_id: I64


@dataclass(frozen=True, slots=True)
class Conclusions:
    """Reply to :class:`ListConclusions`, oldest first."""

    conclusions: tuple[Conclusion, ...]


@dataclass(frozen=True, slots=True)
class SendExam:
    """Send an exam to another HCF for consultation."""

    exam_id: I64
    to_hcf_id: I64
    comment: Text = field(default="", repr=False)


# ---------------------------------------------------------------- directory


@dataclass(frozen=True, slots=True)
class ListArchives:
    """List the archives this account may see."""


@dataclass(frozen=True, slots=True)
class ArchiveRecord:
    """A named collection of exams within an HCF."""

    archive_id: I64
    hcf_id: I64
    name: Text


@dataclass(frozen=True, slots=True)
class Archives:
    """Reply to :class:`ListArchives`."""

    archives: tuple[ArchiveRecord, ...]


@dataclass(frozen=True, slots=True)
class ListHcfs:
    """List healthcare facilities (to choose one for a consultation)."""


@dataclass(frozen=True, slots=True)
class HcfRecord:
    """A healthcare facility."""

    hcf_id: I64
    name: Text
    oktmo: Text


@dataclass(frozen=True, slots=True)
class Hcfs:
    """Reply to :class:`ListHcfs`."""

    hcfs: tuple[HcfRecord, ...]


@dataclass(frozen=True, slots=True)
class ListAccounts:
    """List accounts of one's HCF (0), or of another for a super-administrator."""

    hcf_id: I64 = 0


@dataclass(frozen=True, slots=True)
class Accounts:
    """Reply to :class:`ListAccounts`."""

    accounts: tuple[Account, ...]


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Have the server push events. With `after_event_id` > 0 the missed ones come first."""

    kinds: EventKind
    after_event_id: I64 = 0


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Reply to :class:`Subscribe`: pushes are the events after `after_event_id`.

    That is the one asked for, or else the newest event there is; a client that loses its connection
    before the first push subscribes again after it.
    """

    after_event_id: I64


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Stop the pushes."""


@dataclass(frozen=True, slots=True)
class Event:
    """Pushed by the server; `subject_id` is the conclusion, auto report version or order, else 0."""

    event_id: I64
    kind: EventKind
    created_at: datetime
    exam_id: I64
    subject_id: I64
    hcf_id: I64


# ---------------------------------------------------------------- orders (the worklist)


@dataclass(frozen=True, slots=True)
class CreateOrder:
    """Order an ECG. An empty accession number lets the server make one."""

    patient: Patient
    accession_number: Text = ""
    scheduled_at: datetime | None = None
    device_number: Text = ""  # empty: any recorder of the HCF
    comment: Text = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """An ordered ECG; reply to :class:`CreateOrder`, :class:`TakeOrder`, :class:`ReleaseOrder`."""

    order_id: I64
    accession_number: Text
    hcf_id: I64
    status: OrderStatus
    patient: Patient
    created_at: datetime
    scheduled_at: datetime | None
    device_number: Text
    taken_by_account_id: I64  # 0: nobody
    exam_id: I64  # 0: not done
    comment: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class FindOrders:
    """Read the worklist, by schedule. Empty fields do not restrict."""

    status: OrderStatus | None = None
    scheduled_from: datetime | None = None
    scheduled_before: datetime | None = None
    patient_number: Text = ""
    accession_number: Text = ""
    device_number: Text = ""
    limit: U16 = 50
    cursor: Text = ""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Reply to :class:`FindOrders`."""

    orders: tuple[Order, ...]
    cursor: Text


@dataclass(frozen=True, slots=True)
class TakeOrder:
    """Reserve an order for this recorder; taking one's own again succeeds."""

    order_id: I64


@dataclass(frozen=True, slots=True)
class ReleaseOrder:
    """Give a taken order back."""

    order_id: I64


# ---------------------------------------------------------------- errors


class ErrorCode(IntEnum):
    """Why a request failed; 1–99 close the connection, the others do not."""

    BAD_MAGIC = 1
    BAD_CRC = 2
    FRAME_TOO_LARGE = 3
    UNSUPPORTED_VERSION = 4
    TIMEOUT = 5
    TOO_MANY_CONNECTIONS = 6
    SHUTTING_DOWN = 7
    BAD_HEADER = 8
    DUPLICATE_REQUEST = 9
    SESSION_ENDED = 10
    UNKNOWN_MESSAGE = 100
    MALFORMED_MESSAGE = 101
    INVALID_FIELD = 102
    UNEXPECTED_MESSAGE = 103
    HELLO_REQUIRED = 110
    LOGIN_REQUIRED = 111
    ALREADY_LOGGED_IN = 112
    LOGIN_FAILED = 113
    LOGIN_THROTTLED = 114
    WEAK_PASSWORD = 115
    ACCESS_DENIED = 120
    NOT_FOUND = 121
    CONFLICT = 122
    UPLOAD_UNKNOWN = 130
    UPLOAD_OFFSET = 131
    UPLOAD_INCOMPLETE = 132
    DIGEST_MISMATCH = 133
    UUID_REUSED = 134
    TOO_MANY_REQUESTS = 140
    BUSY = 141
    STORAGE_FULL = 150
    DATABASE_UNAVAILABLE = 151
    DAMAGED_EXAM = 152
    INTERNAL = 160

    @classmethod
    def _missing_(cls, value: object) -> ErrorCode | None:
        """A code of a later server that does not close the connection is read as ``INTERNAL``."""
        return cls.INTERNAL if isinstance(value, int) and value >= 100 else None


@dataclass(frozen=True, slots=True)
class Error:
    """Payload of a reply with the ERROR flag."""

    code: ErrorCode
    field: Text  # dotted field name for INVALID_FIELD, else empty
    text_en: Text
    text_ru: Text
    retry_after: U32 = 0  # seconds; 0: no advice
    detail: U64 = 0  # UPLOAD_OFFSET: the offset the server expects


# ---------------------------------------------------------------- type numbers

REQUESTS: dict[int, tuple[type, type]] = {
    0x0001: (Hello, ServerInfo),
    0x0002: (Login, LoggedIn),
    0x0003: (Logout, Done),
    0x0004: (ChangePassword, Done),
    0x0005: (Ping, Pong),
    0x0010: (UploadBegin, UploadState),
    0x0011: (UploadChunk, UploadState),
    0x0012: (UploadCommit, ExamStored),
    0x0013: (Upload, ExamStored),
    0x0014: (UploadAbort, Done),
    0x0020: (FindPatients, PatientPage),
    0x0021: (FindExams, ExamPage),
    0x0022: (GetExam, ExamDetails),
    0x0023: (GetSignal, Signal),
    0x0024: (GetAutoReport, AutoReport),
    0x0030: (SaveConclusion, Conclusion),
    0x0031: (ListConclusions, Conclusions),
    0x0032: (SendExam, Done),
    0x0040: (ListArchives, Archives),
    0x0041: (ListHcfs, Hcfs),
    0x0042: (ListAccounts, Accounts),
    0x0050: (Subscribe, Subscribed),
    0x0051: (Unsubscribe, Done),
    0x0060: (CreateOrder, Order),
    0x0061: (FindOrders, OrderPage),
    0x0062: (TakeOrder, Order),
    0x0063: (ReleaseOrder, Order),
}
"""Type number → request and its reply."""

PUSHES: dict[int, type] = {0x0100: Event}
"""Type number → what the server sends unasked."""
