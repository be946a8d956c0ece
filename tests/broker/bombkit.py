# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""bombkit - record batches of Kafka that are small until somebody unpacks them.

Each holds one record whose value is all zeros. No client would make them, so they are made here
byte by byte and produced over a socket.
"""

import socket
import struct
import zlib

BLOCK = 1 << 20


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def varint(n):
    """A number as Kafka's records have it: zigzag, then seven bits a byte."""
    return plain_varint(n << 1 if n >= 0 else (-n << 1) - 1)


def plain_varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def record_head(n):
    """What stands before the n zeros of the value; one more zero is its list of headers."""
    head = b"\0" + varint(0) + varint(0) + varint(-1) + varint(n)
    return varint(len(head) + n + 1) + head


def gzip(head, n):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = [packer.compress(head)]
    for at in range(0, n, BLOCK):
        out.append(packer.compress(bytes(min(BLOCK, n - at))))
    return b"".join(out) + packer.flush()


def snappy(head, n):
    """The framing of Java's library around blocks that are literals or copies of the last byte."""
    def block(literal, copies):
        size = len(literal) + copies
        out = plain_varint(size) + bytes([len(literal) - 1 << 2]) + literal
        out += b"\xfe\x01\x00" * (copies // 64)
        if copies % 64:
            out += bytes([copies % 64 - 1 << 2 | 2, 1, 0])
        return struct.pack(">i", len(out)) + out

    out = [b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1), block(head, 0)]
    step = 32768
    whole = block(b"\0", step - 1)
    out.append(whole * (n // step))
    if n % step:
        out.append(block(b"\0", n % step - 1))
    return b"".join(out)


def xxh32(data):
    """Of fewer than 16 bytes, with a length that is no multiple of four beyond whole words."""
    p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    mask = 0xFFFFFFFF

    def rotate(x, r):
        return (x << r | x >> (32 - r)) & mask

    h = (p5 + len(data)) & mask
    while len(data) >= 4:
        h = rotate((h + struct.unpack("<I", data[:4])[0] * p3) & mask, 17) * p4 & mask
        data = data[4:]
    for byte in data:
        h = rotate((h + byte * p5) & mask, 11) * p1 & mask
    h = (h ^ h >> 15) * p2 & mask
    h = (h ^ h >> 13) * p3 & mask
    return h ^ h >> 16


def lz4(head, n):
    """A frame of independent blocks of up to 4 MiB."""
    flags = b"\x60\x70"
    most = 4 * BLOCK

    def zeros(size):
        if size < 32:
            return struct.pack("<I", size | 1 << 31) + bytes(size)
        match = size - 1 - 5  # one literal before it, five behind
        more, rest = divmod(match - 4 - 15, 255)
        out = b"\x1f\0\x01\0" + b"\xff" * more + bytes([rest]) + b"\x50" + bytes(5)
        return struct.pack("<I", len(out)) + out

    out = [struct.pack("<I", 0x184D2204), flags, bytes([xxh32(flags) >> 8 & 0xFF]),
           struct.pack("<I", len(head) | 1 << 31), head, zeros(most) * (n // most)]
    if n % most:
        out.append(zeros(n % most))
    return b"".join(out) + bytes(4)


def zstd(head, n):
    """A frame without its size, of blocks that are one byte again and again."""
    def block(kind, size, data, is_last=False):
        return struct.pack("<I", size << 3 | kind << 1 | is_last)[:3] + data

    most = 128 * 1024
    out = [struct.pack("<I", 0xFD2FB528), b"\x00\x38", block(0, len(head), head),
           block(1, most, b"\0") * (n // most), block(1, n % most, b"\0", True)]
    return b"".join(out)


CODECS = {"gzip": (1, gzip), "snappy": (2, snappy), "lz4": (3, lz4), "zstd": (4, zstd)}


def batch(codec, n):
    """A record batch with one record of n zeros."""
    number, pack = CODECS[codec]
    body = struct.pack(">hiqqqhii", number, 0, 0, 0, -1, -1, -1, 1)
    body += pack(record_head(n), n + 1)
    return struct.pack(">qiibI", 0, 9 + len(body), -1, 2, crc32c(body)) + body


def produce(address, topic, partition, records):
    """Returns the error code of the partition's leader, which is asked at that address."""
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()

    host, _, port = address.rpartition(":")
    body = struct.pack(">hhi", 0, 7, 1) + text("bombkit")
    body += struct.pack(">hhii", -1, -1, 60000, 1) + text(topic)
    body += struct.pack(">iii", 1, partition, len(records)) + records
    with socket.create_connection((host, int(port)), 90) as conn:
        conn.sendall(struct.pack(">i", len(body)) + body)
        reader = conn.makefile("rb")
        size = struct.unpack(">i", reader.read(4))[0]
        answer = reader.read(size)
    at = 4 + 4 + 2 + len(topic.encode()) + 4 + 4
    return struct.unpack(">h", answer[at:at + 2])[0]
