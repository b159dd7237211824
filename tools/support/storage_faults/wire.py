"""As much of Kafka's protocol as a workload needs, one request at a time, without a client's retries: what a broker
answers is seen as it is, and takes no longer than the broker does."""

import socket
import struct

from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder

PRODUCE, FETCH, METADATA, COMMIT, COMMITTED = 0, 1, 3, 8, 9
CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS, INIT_PRODUCER, LIST_OFFSETS, FIND_COORDINATOR = 19, 20, 21, 22, 2, 10


class Gone(Exception):
    """The broker closed the connection, or did not take one."""


def text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    items = list(items)
    return struct.pack(">i", len(items)) + b"".join(items)


class Answer:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values if len(values) > 1 else values[0]

    def text(self):
        length = self.take("h")
        value = None if length < 0 else self.data[self.at:self.at + length].decode()
        self.at += max(0, length)
        return value

    def bytes(self):
        length = self.take("i")
        value = b"" if length < 0 else self.data[self.at:self.at + length]
        self.at += max(0, length)
        return value


def batch(values, producer=-1, epoch=-1, sequence=-1):
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=producer, producer_epoch=epoch,
        base_sequence=sequence, batch_size=1 << 30)
    for i, value in enumerate(values):
        builder.append(i, timestamp=1_700_000_000_000 + i, key=b"key", value=value, headers=[])
    return bytes(builder.build())


class Connection:
    def __init__(self, address, timeout):
        host, port = address.rsplit(":", 1)
        try:
            self.socket = socket.create_connection((host, int(port)), timeout)
        except ConnectionError as error:
            raise Gone(str(error)) from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number = 0

    def ask(self, key, version, body):
        self.number += 1
        frame = struct.pack(">hhi", key, version, self.number) + text("faults") + body
        try:
            self.socket.sendall(struct.pack(">i", len(frame)) + frame)
            size = struct.unpack(">i", self.read(4))[0]
            answer = Answer(self.read(size))
        except ConnectionError as error:
            raise Gone(str(error)) from None
        assert answer.take("i") == self.number
        return answer

    def read(self, count):
        parts = []
        while count:
            part = self.socket.recv(min(count, 1 << 20))
            if not part:
                raise Gone("closed")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close(self):
        self.socket.close()

    # Each returns error codes, 0 for none, and what there is to know beside.

    def create_topic(self, name, partitions, settings):
        topic = text(name) + struct.pack(">ih", partitions, 1) + array([]) + array(
            text(key) + text(value) for key, value in settings.items())
        answer = self.ask(CREATE_TOPICS, 2, array([topic]) + struct.pack(">i?", 10_000, False))
        answer.take("ii")
        answer.text()
        return answer.take("h")

    def delete_topic(self, name):
        answer = self.ask(DELETE_TOPICS, 1, array([text(name)]) + struct.pack(">i", 10_000))
        answer.take("ii")
        answer.text()
        return answer.take("h")

    def topics(self):
        answer = self.ask(METADATA, 1, struct.pack(">i", -1))
        for _ in range(answer.take("i")):
            answer.take("i"), answer.text(), answer.take("i"), answer.text()
        answer.take("i")
        names = []
        for _ in range(answer.take("i")):
            answer.take("h")
            names.append(answer.text())
            answer.take("?")
            for _ in range(answer.take("i")):
                answer.take("hii")
                for _ in range(2):
                    for _ in range(answer.take("i")):
                        answer.take("i")
        return names

    def produce(self, topic, partition, records, acks=-1):
        body = struct.pack(">hhi", -1, acks, 10_000) + array(
            [text(topic) + array([struct.pack(">ii", partition, len(records)) + records])])
        answer = self.ask(PRODUCE, 3, body)
        answer.take("i")
        answer.text()
        answer.take("i")
        _, code, offset, _ = answer.take("ihqq")
        return code, offset

    def new_producer(self):
        answer = self.ask(INIT_PRODUCER, 0, struct.pack(">hi", -1, 60_000))
        answer.take("i")
        return answer.take("hqh")

    def bounds(self, topic, partition):
        """The first offset and the end."""
        found = []
        for time in (-2, -1):
            answer = self.ask(
                LIST_OFFSETS, 1,
                struct.pack(">i", -1) + array([text(topic) + array([struct.pack(">iq", partition, time)])]))
            answer.take("i")
            answer.text()
            answer.take("i")
            _, code, _, offset = answer.take("ihqq")
            if code:
                return code, 0, 0
            found.append(offset)
        return 0, *found

    def fetch(self, topic, partition, offset):
        """A code, and the records there are from an offset on, as (offset, value)."""
        body = struct.pack(">iiiib", -1, 0, 1, 1 << 24, 0) + array(
            [text(topic) + array([struct.pack(">iqi", partition, offset, 1 << 24)])])
        answer = self.ask(FETCH, 4, body)
        answer.take("i")
        answer.take("i")
        answer.text()
        answer.take("i")
        _, code, _, _ = answer.take("ihqq")
        for _ in range(max(0, answer.take("i"))):
            answer.take("qq")
        data = answer.bytes()
        records = []
        stored = MemoryRecords(data)
        while (one := stored.next_batch()) is not None:
            assert one.validate_crc(), f"the checksum of a batch of {topic}-{partition} is wrong"
            records += [(record.offset, bytes(record.value)) for record in one if record.offset >= offset]
        return code, records

    def delete_records(self, topic, partition, offset):
        answer = self.ask(DELETE_RECORDS, 0, array(
            [text(topic) + array([struct.pack(">iq", partition, offset)])]) + struct.pack(">i", 10_000))
        answer.take("i")
        answer.take("i")
        answer.text()
        answer.take("i")
        _, start, code = answer.take("iqh")
        return code, start

    def commit(self, group, places):
        """Of no member: as a program does that assigns partitions to itself."""
        body = text(group) + struct.pack(">i", -1) + text("") + struct.pack(">q", -1) + array(
            text(topic) + array([struct.pack(">iq", partition, offset) + text(str(offset))])
            for (topic, partition), offset in places.items())
        answer = self.ask(COMMIT, 2, body)
        codes = {}
        for _ in range(answer.take("i")):
            topic = answer.text()
            for _ in range(answer.take("i")):
                partition, code = answer.take("ih")
                codes[topic, partition] = code
        return codes

    def committed(self, group, places):
        body = text(group) + array(text(topic) + array([struct.pack(">i", partition)]) for topic, partition in places)
        answer = self.ask(COMMITTED, 1, body)
        offsets = {}
        for _ in range(answer.take("i")):
            topic = answer.text()
            for _ in range(answer.take("i")):
                partition, offset = answer.take("iq")
                told = answer.text()
                code = answer.take("h")
                offsets[topic, partition] = code, offset, told
        return offsets

    def find_coordinator(self, group):
        answer = self.ask(FIND_COORDINATOR, 0, text(group))
        return answer.take("h")
