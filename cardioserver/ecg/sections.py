"""Runs of bytes, each compressed by itself as one Zstandard frame (RFC 8878)."""

from __future__ import annotations

import struct

import zstandard

from cardioserver.ecg.errors import CodecError

_LENGTH = struct.Struct("<I")

_PARAMETERS = zstandard.ZstdCompressionParameters(
    window_log=12,  # blocks of at most 4 KiB: Huffman tables follow the drift of the statistics
    hash_log=6,
    chain_log=6,
    search_log=1,
    min_match=7,  # residues hardly repeat: look for long matches only
    strategy=zstandard.STRATEGY_FAST,
    write_content_size=True,
    write_checksum=False,  # the codec's index has checksums
)


class SectionWriter:
    """Collects sections; each is a length and a Zstandard frame of that length, or a zero length."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(compression_params=_PARAMETERS)
        self._parts: list[bytes] = []

    def put(self, data: bytes) -> None:
        """Append a section that holds *data*."""
        frame = self._compressor.compress(data) if data else b""
        self._parts += (_LENGTH.pack(len(frame)), frame)

    def put_plain(self, data: bytes) -> None:
        """Append *data* as they are; the reader has to know their length."""
        self._parts.append(data)

    def bytes(self) -> bytes:
        """All sections so far."""
        return b"".join(self._parts)


class SectionReader:
    """Takes apart what a :class:`SectionWriter` made."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._decompressor = zstandard.ZstdDecompressor()

    def take_plain(self, length: int) -> memoryview:
        """The next *length* bytes as they are.

        Raises
        ------
        CodecError
            There are not so many bytes.
        """
        if len(self._data) < length:
            raise CodecError("encoded samples are cut off")
        part, self._data = self._data[:length], self._data[length:]
        return part

    def take(self, limit: int) -> bytes:
        """The content of the next section.

        Raises
        ------
        CodecError
            The section is damaged, or holds more than *limit* bytes.
        """
        (length,) = _LENGTH.unpack(self.take_plain(_LENGTH.size))
        if length == 0:
            return b""
        frame = self.take_plain(length)
        try:
            if zstandard.frame_content_size(frame) not in range(limit + 1):
                raise CodecError("a section holds more bytes than its segment can need")
            return self._decompressor.decompress(frame, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise CodecError(f"a section is damaged: {error}") from None

    def expect_end(self) -> None:
        """Raise :class:`CodecError` if bytes are left."""
        if self._data:
            raise CodecError("bytes are left after the encoded samples")
