"""Orders: the worklist."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cardioserver.ecg.patient import Patient
from cardioserver.protocol.messages.codes import OrderStatus
from cardioserver.protocol.wire import I64, U16, Text


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
    patient_number: Text = field(default="", repr=False)
    accession_number: Text = ""
    device_number: Text = ""
    limit: U16 = 50
    cursor: Text = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Reply to :class:`FindOrders`."""

    orders: tuple[Order, ...]
    cursor: Text = field(repr=False)


@dataclass(frozen=True, slots=True)
class TakeOrder:
    """Reserve an order for this recorder; taking one's own again succeeds."""

    order_id: I64


@dataclass(frozen=True, slots=True)
class ReleaseOrder:
    """Give a taken order back."""

    order_id: I64
