"""Archives, HCFs, accounts."""

from __future__ import annotations

from dataclasses import dataclass

from cardioserver.protocol.messages.session import Account
from cardioserver.protocol.wire import I64, Text


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
