"""A client that knows the wire, and little else."""

import contextlib
import socket
import struct
import time

import lz4.frame
from crc32c import crc32c

from schemas import varint


# Nothing here is judged by how long it takes: only what hangs comes to this.
PATIENCE_SECONDS = 120


def connect(address, receive_bytes=None, timeout=PATIENCE_SECONDS):
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(timeout)
    host, _, port = address.rpartition(":")
    client.connect((host, int(port)))
    return client


def take(client, count):
    result = b""
    while len(result) < count:
        part = client.recv(count - len(result))
        if not part:
            raise ConnectionError("closed")
        result += part
    return result


def answer(client):
    return take(client, struct.unpack(">i", take(client, 4))[0])


def header(api, version, flexible=False):
    return struct.pack(">hhih", api, version, 1, 7) + b"hostile" + (b"\x00" if flexible else b"")


def frame(body):
    return struct.pack(">i", len(body)) + body


def offered(address):
    """First and last version of each API, as ApiVersions tells."""
    with contextlib.closing(connect(address)) as client:
        client.sendall(frame(header(18, 0)))
        body = answer(client)
    count = struct.unpack(">i", body[6:10])[0]
    return {key: (first, last) for key, first, last in struct.iter_unpack(">hhh", body[10:10 + 6 * count])}


def signed(number):
    """A varint of a record."""
    number = (number << 1) ^ (number >> 63)
    result = b""
    while number >= 0x80:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number])


def record(value, key=None, headers=b"\x00", delta=0):
    body = b"\x00\x00" + signed(delta) + (signed(-1) if key is None else signed(len(key)) + key)
    body += signed(len(value)) + value + headers
    return signed(len(body)) + body


def batch(records, count=1, lz4_frame=False):
    """One batch of format 2."""
    if lz4_frame:
        records = lz4.frame.compress(records, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_linked=False)
    now = int(time.time() * 1000)
    rest = struct.pack(">hiqqqhii", 3 if lz4_frame else 0, count - 1, now, now, -1, -1, -1, count) + records
    return struct.pack(">qiibI", 0, len(rest) + 9, -1, 2, crc32c(rest)) + rest


def produce(topic, records, acks=-1):
    """Produce 9 of one batch to partition 0."""
    name = topic.encode()
    body = b"\x00" + struct.pack(">hi", acks, 30_000) + b"\x02" + varint(len(name) + 1) + name + b"\x02"
    body += struct.pack(">i", 0) + varint(len(records) + 1) + records + b"\x00\x00\x00"
    return frame(header(0, 9, True) + body)


def produce_code(client, topic, records):
    """Sends a batch, and returns the code of the answer."""
    client.sendall(produce(topic, records))
    body = answer(client)
    # Correlation id, tags, one topic with its name, one partition with its index.
    at = 4 + 1 + 1 + 1 + len(topic) + 1 + 4
    return struct.unpack(">h", body[at:at + 2])[0]


def fetch(topic):
    """Fetch 4 from the start, all there is."""
    name = topic.encode()
    body = struct.pack(">iiiib", -1, 0, 1, 0x7FFFFFFF, 0) + struct.pack(">ih", 1, len(name)) + name
    return frame(header(1, 4) + body + struct.pack(">iiqi", 1, 0, 0, 0x7FFFFFFF))


def create(address, topic, **configs):
    body = struct.pack(">ih", 1, len(topic)) + topic.encode() + struct.pack(">ihii", 1, 1, 0, len(configs))
    for name, value in configs.items():
        name = name.replace("_", ".").encode()
        body += struct.pack(">h", len(name)) + name + struct.pack(">h", len(value)) + value.encode()
    with contextlib.closing(connect(address)) as client:
        client.sendall(frame(header(19, 1) + body + struct.pack(">i?", 30_000, False)))
        code = struct.unpack(">h", answer(client)[10 + len(topic):12 + len(topic)])[0]
        if code:
            raise RuntimeError(f"{topic} cannot be created: error {code}")


GROUP_MAX_SIZE_REACHED = 81
SESSION_MILLISECONDS = 1_800_000


def join_classic(client, group, size):
    """JoinGroup 1 by one that says so many bytes, and does not ask for its assignment; the code of the answer."""
    group = group.encode()
    body = struct.pack(">h", len(group)) + group + struct.pack(">ii", SESSION_MILLISECONDS, SESSION_MILLISECONDS)
    body += struct.pack(">hh", 0, 8) + b"consumer" + struct.pack(">ih", 1, 5) + b"range"
    client.sendall(frame(header(11, 1) + body + struct.pack(">i", size) + bytes(size)))
    # Version 1 says no throttle time.
    return struct.unpack(">h", answer(client)[4:6])[0]


def join_consumer(client, group, size):
    """The same by ConsumerGroupHeartbeat 0: names of topics of 32,000 bytes."""
    group = group.encode()
    body = varint(len(group) + 1) + group + b"\x01" + struct.pack(">i", 0) + b"\x00\x00"
    body += struct.pack(">i", SESSION_MILLISECONDS) + varint(size // 32_000 + 1)
    for number in range(size // 32_000):
        body += varint(32_001) + str(number).rjust(32_000, "x").encode()
    client.sendall(frame(header(68, 0, True) + body + b"\x00\x01\x00"))
    # Behind the correlation id: tags, throttle time.
    return struct.unpack(">h", answer(client)[9:11])[0]


def topic_id(address, topic):
    with contextlib.closing(connect(address)) as client:
        client.sendall(frame(header(3, 10, True) + b"\x02" + bytes(16) + varint(len(topic) + 1) + topic.encode()
                             + b"\x00\x00\x00\x00\x00"))
        body = answer(client)
        at = body.index(topic.encode()) + len(topic)
        return body[at:at + 16]
