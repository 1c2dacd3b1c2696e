"""Frames: the 24-byte header, its two checksums, and the parser that finds frames in a stream.

Header, little-endian::

    0   magic              89 45 43 47 (the first byte is not ASCII, the others are "ECG")
    4   protocol version   u8
    5   flags              u8
    6   message type       u16
    8   request id         u32
    12  payload length     u32
    16  CRC-32C of the payload   u32
    20  CRC-32C of bytes 0–19    u32
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag

import google_crc32c
import numpy as np

from cardioserver.protocol.errors import BrokenFrame
from cardioserver.protocol.messages import ErrorCode
from cardioserver.protocol.wire import Buffer

MAGIC = b"\x89ECG"
VERSION = 1
HEADER_SIZE = 24
_CHECKED = 20  # bytes of the header that its own CRC covers
_NOTHING = memoryview(b"")


class Flags(IntFlag):
    """What a frame is; a frame without flags is a request."""

    NONE = 0
    REPLY = 1
    ERROR = 2
    PUSH = 4
    PART = 8


_KNOWN_FLAGS = int(Flags.REPLY | Flags.ERROR | Flags.PUSH | Flags.PART)
_LAYOUT = struct.Struct("<4sBBHIII")
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Header:
    """A frame's header, with its checksum already checked."""

    version: int
    flags: Flags
    type: int
    request_id: int
    length: int
    payload_crc: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame, with its checksums checked. The payload belongs to the frame alone."""

    type: int
    flags: Flags
    request_id: int
    payload: memoryview


def crc32c(data: Buffer, crc: int = 0) -> int:
    """CRC-32C (Castagnoli) of *data*, or of what came before (*crc*) and *data*.

    Polynomial 0x1EDC6F41 as in RFC 3720 (12.1 and B.4) and RFC 9260 (appendix A).
    """
    if not len(data):
        return crc
    # The C function takes objects whose buffer needs no release: bytes, or an array that views it.
    value: int = google_crc32c.extend(crc, data if isinstance(data, bytes) else np.frombuffer(data, np.uint8))
    return value


def frame(message_type: int, flags: Flags, request_id: int, payload: list[Buffer]) -> list[Buffer]:
    """The buffers of one frame, header first; big buffers of the payload are passed on as they are."""
    crc = 0
    for buffer in payload:
        crc = crc32c(buffer, crc)
    length = sum(map(len, payload))
    checked = _LAYOUT.pack(MAGIC, VERSION, flags, message_type, request_id, length, crc)
    header = checked + _CRC.pack(crc32c(checked))
    if payload and isinstance(payload[0], bytes):
        return [header + payload[0], *payload[1:]]
    return [header, *payload]


def read_header(data: bytes) -> Header:
    """Read the 24 bytes of a header.

    Raises
    ------
    BrokenFrame
        ``BAD_MAGIC``; ``BAD_CRC``; ``UNSUPPORTED_VERSION``; ``BAD_HEADER`` for unknown flags.
    """
    if data[:4] != MAGIC:
        raise BrokenFrame(ErrorCode.BAD_MAGIC)
    (crc,) = _CRC.unpack_from(data, _CHECKED)
    if crc32c(data[:_CHECKED]) != crc:
        raise BrokenFrame(ErrorCode.BAD_CRC)
    _, version, flags, message_type, request_id, length, payload_crc = _LAYOUT.unpack_from(data)
    if version != VERSION:
        raise BrokenFrame(ErrorCode.UNSUPPORTED_VERSION, request_id)
    if flags & ~_KNOWN_FLAGS:
        raise BrokenFrame(ErrorCode.BAD_HEADER, request_id)
    return Header(version, Flags(flags), message_type, request_id, length, payload_crc)


class FrameParser:
    """Finds frames in a stream that arrives in pieces of any size.

    The caller asks for the next header, decides by it whether the frame is accepted or skipped, and
    then asks for the frame. An accepted payload has one buffer of its own, into which it is copied
    as it arrives; the system gives that buffer memory only as it is filled. A skipped payload is
    counted and not stored. Between frames nothing is held.
    """

    __slots__ = ("_filled", "_header", "_inbox", "_payload", "_skip", "bytes_received")

    def __init__(self) -> None:
        self.bytes_received = 0
        """Of the whole stream."""
        self._inbox = bytearray()  # received and not looked at
        self._header: Header | None = None  # of the accepted frame
        self._payload = _NOTHING
        self._filled = 0  # bytes of the payload
        self._skip = 0  # bytes of a refused payload still to come

    @property
    def bytes_wanted(self) -> int:
        """Bytes that the begun header, payload or skipped payload still lacks; 0 between frames."""
        if self._header is not None:
            return len(self._payload) - self._filled
        if self._skip:
            return self._skip
        return max(0, HEADER_SIZE - len(self._inbox)) if self._inbox else 0

    @property
    def payload_size(self) -> int:
        """Bytes in the payload of the accepted frame that is not complete, else 0."""
        return len(self._payload)

    def receive(self, data: Buffer) -> None:
        """Take the next bytes of the stream; they are copied."""
        view = memoryview(data)
        self.bytes_received += len(view)
        if self._header is not None:
            view = self._fill(view)
        elif self._skip:
            view = self._drop(view)
        self._inbox += view

    def next_header(self) -> Header | None:
        """The next frame's header, if it is here and the frame before it was taken or skipped.

        Raises
        ------
        BrokenFrame
            As :func:`read_header`. The stream is of no more use.
        """
        if self._header is not None or self._skip:
            return None
        if len(self._inbox) < HEADER_SIZE:
            if not MAGIC.startswith(self._inbox[: len(MAGIC)]):
                raise BrokenFrame(ErrorCode.BAD_MAGIC)
            return None
        header = read_header(bytes(self._inbox[:HEADER_SIZE]))
        del self._inbox[:HEADER_SIZE]
        return header

    def accept(self, header: Header) -> None:
        """Receive the payload of the header just read."""
        self._header = header
        if len(self._inbox) >= header.length:
            with memoryview(self._inbox) as inbox:
                self._payload = memoryview(bytes(inbox[: header.length]))
            self._filled = header.length
            del self._inbox[: header.length]
            return
        # Not a bytearray: it would be zeroed, so that an announced length alone would cost memory.
        self._payload = np.empty(header.length, np.uint8).data
        self._filled = 0
        begun, self._inbox = self._inbox, bytearray()
        self._fill(memoryview(begun))

    def skip(self, header: Header) -> None:
        """Drop the payload of the header just read, as it comes."""
        self._skip = header.length
        inbox, self._inbox = self._inbox, bytearray()
        self._inbox += self._drop(memoryview(inbox))

    def next_frame(self) -> Frame | None:
        """The accepted frame, if it is complete.

        Raises
        ------
        BrokenFrame
            ``BAD_CRC``: the payload was damaged.
        """
        header, payload = self._header, self._payload
        if header is None or self._filled < len(payload):
            return None
        self._header, self._payload = None, _NOTHING
        if crc32c(payload) != header.payload_crc:
            raise BrokenFrame(ErrorCode.BAD_CRC, header.request_id)
        return Frame(header.type, header.flags, header.request_id, payload.toreadonly())

    def _fill(self, view: memoryview) -> memoryview:
        """Copy to the payload; returns what comes after it."""
        taken = min(len(self._payload) - self._filled, len(view))
        self._payload[self._filled : self._filled + taken] = view[:taken]
        self._filled += taken
        return view[taken:]

    def _drop(self, view: memoryview) -> memoryview:
        """Count off a skipped payload; returns what comes after it."""
        taken = min(self._skip, len(view))
        self._skip -= taken
        return view[taken:]
