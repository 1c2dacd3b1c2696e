"""Which message has which number."""

from __future__ import annotations

from cardioserver.protocol.messages.conclusions import (
    Conclusion,
    Conclusions,
    ListConclusions,
    SaveConclusion,
    SendExam,
)
from cardioserver.protocol.messages.directory import (
    Accounts,
    Archives,
    Hcfs,
    ListAccounts,
    ListArchives,
    ListHcfs,
)
from cardioserver.protocol.messages.events import Event, Subscribe, Subscribed, Unsubscribe
from cardioserver.protocol.messages.orders import (
    CreateOrder,
    FindOrders,
    Order,
    OrderPage,
    ReleaseOrder,
    TakeOrder,
)
from cardioserver.protocol.messages.reading import (
    AutoReport,
    ExamDetails,
    ExamPage,
    FindExams,
    FindPatients,
    GetAutoReport,
    GetExam,
    GetSignal,
    InterpretationRequested,
    PatientPage,
    RequestInterpretation,
    Signal,
)
from cardioserver.protocol.messages.session import (
    ChangePassword,
    Done,
    Hello,
    LoggedIn,
    Login,
    Logout,
    Ping,
    Pong,
    ServerInfo,
)
from cardioserver.protocol.messages.uploads import (
    ExamStored,
    Upload,
    UploadAbort,
    UploadBegin,
    UploadChunk,
    UploadCommit,
    UploadState,
)

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
    0x0025: (RequestInterpretation, InterpretationRequested),
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
