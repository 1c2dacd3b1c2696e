"""Passwords: how they are kept, compared and judged.

Argon2id (RFC 9106) with the parameters of the OWASP Password Storage Cheat Sheet: 19 MiB, two passes,
one lane. RFC 9106's own second recommendation (section 4: 64 MiB, three passes, four lanes) costs a
server that thousands of recorders log in to after an outage about five times as much processor time.

Memory is bounded by the number of hashes computed at once, not by the number of logins waiting:
:data:`HASHERS` × 19 MiB.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cardioserver.archive.errors import WeakPassword

MEMORY_KIB = 19_456
PASSES = 2
LANES = 1

HASHERS = max(1, min(4, os.cpu_count() or 1))
"""Hashes computed at once in a process; more would only take turns on the processor."""

MIN_LENGTH = 10  # characters; the text of WeakPassword names it
MAX_LENGTH = 256
MIN_DISTINCT = 4
REMEMBERED = 20_000  # some 10 MB if all are used
"""Accounts whose last good password is recognised without a new hash."""

_ROWS = ("01234567890", "qwertyuiop[]asdfghjkl;'zxcvbnm,./", "йцукенгшщзхъфывапролджэячсмитьбю.")
# Ten characters and more, from the lists of passwords that attackers try first.
_COMMON = frozenset({
    "password12", "password123", "password1234", "passw0rd123", "administrator", "administrator1",
    "welcome123", "letmein123", "changeme123", "qwerty12345", "qwerty123456", "1q2w3e4r5t", "1q2w3e4r5t6y",
    "q1w2e3r4t5", "1qaz2wsx3edc", "abcd123456", "abcdef123456", "iloveyou123", "cardiometer", "cardiometr",
    "cardioserver", "кардиометр", "кардиосервер", "пароль1234", "пароль12345", "йцукен12345",
    "администратор"
})  # fmt: skip


def check_strength(password: str, login: str, *, old: str = "") -> None:
    """Judge a new password by length and guessability, without composition rules.

    So NIST SP 800-63B, section 5.1.1.2.

    Raises
    ------
    WeakPassword
        Shorter than :data:`MIN_LENGTH` or longer than :data:`MAX_LENGTH` characters, the login, a keyboard
        row, a handful of characters repeated, one of those tried first, or the *old* password.
    """
    text = _normal(password).casefold()
    name = _normal(login).casefold()
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise WeakPassword("length")
    if text in (name, name[::-1], name * 2):
        raise WeakPassword("login")
    if _normal(password) == _normal(old):
        raise WeakPassword("unchanged")
    if len(set(text)) < MIN_DISTINCT or text in _COMMON:
        raise WeakPassword("guessable")
    if any(text in row * 2 or text[::-1] in row * 2 for row in _ROWS):
        raise WeakPassword("guessable")


class Passwords:
    """Hashes and compares passwords, a bounded number at a time; thread-safe."""

    def __init__(self, hashers: int = HASHERS) -> None:
        self._argon2 = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._slots = threading.BoundedSemaphore(hashers)
        self._recent = _Recent(REMEMBERED)
        self._nobody = _unmatched_hash()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a place among those who compute.

        Whoever judges a login does all of it inside, so that no more than ``hashers`` guesses are under
        way between the look at earlier failures and the record of the next.
        """
        with self._slots:
            yield

    def hash(self, password: str) -> str:
        """The PHC string to keep for a password. Call it inside :meth:`slot`."""
        return self._argon2.hash(_normal(password))

    def matches(self, password_hash: str, password: str) -> bool:
        """Whether a password is the one hashed. Call it inside :meth:`slot`.

        An empty or foreign hash matches nothing and takes as long as a real one.
        """
        normal = _normal(password)
        if password_hash and self._recent.knows(password_hash, normal):
            return True
        try:
            self._argon2.verify(password_hash or self._nobody, normal)
        except InvalidHashError:
            return self.matches("", password)
        except VerificationError:
            return False
        self._recent.remember(password_hash, normal)
        return True

    def is_outdated(self, password_hash: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(password_hash)


class _Recent:
    """Good passwords of this process's past, as keyed digests in memory only.

    After an outage of the network all recorders log in again at once; those that had logged in to this
    process need no second Argon2. The key dies with the process, and a changed password has another hash,
    so an entry can never outlive its password.
    """

    def __init__(self, capacity: int) -> None:
        self._key = secrets.token_bytes(32)
        self._capacity = capacity
        self._digests: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def _digest(self, password_hash: str, password: str) -> bytes:
        return hmac.digest(self._key, password_hash.encode() + b"\0" + password.encode(), "sha256")

    def knows(self, password_hash: str, password: str) -> bool:
        with self._lock:
            known = self._digests.get(password_hash)
        return known is not None and hmac.compare_digest(known, self._digest(password_hash, password))

    def remember(self, password_hash: str, password: str) -> None:
        digest = self._digest(password_hash, password)
        with self._lock:
            self._digests[password_hash] = digest
            self._digests.move_to_end(password_hash)
            if len(self._digests) > self._capacity:
                self._digests.popitem(last=False)


def _normal(password: str) -> str:
    """NFKC, so that «й» typed on any system is one character (NIST SP 800-63B, section 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _unmatched_hash() -> str:
    """A hash of today's cost that no known password has: the work done for a login that does not exist."""
    salt, tag = (base64.b64encode(secrets.token_bytes(n)).decode().rstrip("=") for n in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${tag}"
