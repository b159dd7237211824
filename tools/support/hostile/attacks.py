"""What clients that mean harm do. Each returns in words what became of it."""

import contextlib
import itertools
import random
import selectors
import socket
import struct
import time

import wire
from schemas import Writer, changed, framed, load, varint

MIB = 1 << 20


class Attack:
    def __init__(self, address, seed, scale, seconds):
        self.address, self.random, self.scale, self.seconds = address, random.Random(seed), scale, seconds
        self.opened = []

    def connect(self, **options):
        client = wire.connect(self.address, **options)
        self.opened.append(client)
        return client

    def close(self):
        for client in self.opened:
            with contextlib.suppress(OSError):
                client.close()
        self.opened = []

    def push(self, streams, seconds):
        """Sends each client's bytes as far as it is let; returns how many were taken, and how many it closed."""
        selector = selectors.DefaultSelector()
        taken, closed = 0, 0
        for client, chunks in streams:
            client.setblocking(False)
            selector.register(client, selectors.EVENT_WRITE, [iter(chunks), memoryview(b"")])
        end = time.monotonic() + seconds
        while selector.get_map() and time.monotonic() < end:
            for key, _ in selector.select(0.1):
                chunks, rest = key.data
                try:
                    if not rest:
                        rest = memoryview(next(chunks, b""))
                        if not rest:
                            selector.unregister(key.fileobj)
                            continue
                    count = key.fileobj.send(rest)
                    taken += count
                    key.data[1] = rest[count:]
                except BlockingIOError:
                    key.data[1] = rest
                except OSError:
                    closed += 1
                    selector.unregister(key.fileobj)
        selector.close()
        return taken, closed

    # What is sent.

    def malformed(self):
        schemas = load(wire.offered(self.address))
        names = {"id": wire.topic_id(self.address, "sink"), "GroupId": "harmed", "MemberId": "m",
                 "ProtocolType": "consumer", "TransactionalId": "sink", "ResourceName": "sink", "Groups": "harmed",
                 "GroupsNames": "harmed", "GroupIds": "harmed", "Key": "harmed", "Assignor": "uniform",
                 "Names": "sink", "ClientSoftwareName": "hostile", "ClientSoftwareVersion": "1"}
        records = wire.batch(wire.record(b"value", b"key", b"\x02" + wire.signed(1) + b"h" + wire.signed(1) + b"v"))
        # Behind each, a question that any broker answers: it has gone past the other by then.
        question = wire.frame(wire.header(18, 0))
        outcomes = {"answered": 0, "closed": 0}
        count = int(20_000 * self.scale)
        for number in range(count):
            schema = schemas[number % len(schemas)]
            version = self.random.randint(*schema.versions)
            writer = Writer(schema, version, self.random, names, records)
            frame = framed(schema.key, version, changed(writer.parts, self.random), writer.is_flexible, self.random)
            with contextlib.closing(wire.connect(self.address)) as client:
                try:
                    client.sendall(frame + question)
                    client.shutdown(socket.SHUT_WR)
                    came = client.recv(65536)
                except TimeoutError:
                    raise
                # Closed before all of it was sent: not only a ConnectionError says so.
                except OSError:
                    came = b""
                outcomes["answered" if came else "closed"] += 1
        return (f"{count:,} requests of {len(schemas)} APIs: {outcomes['answered']:,} answered, "
                f"{outcomes['closed']:,} closed")

    def slow(self):
        streams = []
        request = wire.produce("sink", wire.batch(wire.record(bytes(1000))))
        for _ in range(200):
            client = self.connect()
            client.setblocking(False)
            streams.append((client, itertools.chain(request[:-1])))
        end = time.monotonic() + self.seconds
        sent = 0
        while time.monotonic() < end:
            for client, rest in streams:
                byte = next(rest, None)
                if byte is not None:
                    with contextlib.suppress(OSError):
                        sent += client.send(bytes([byte]))
            time.sleep(0.01)
        return f"200 clients sent {sent:,} bytes, one at a time"

    def half_open(self):
        for number in range(1000):
            client = self.connect()
            client.sendall([b"", b"\x00", b"\x00\x00\x10\x00", b"\x00\x00\x10\x00\x00\x03"][number % 4])
        time.sleep(self.seconds)
        return "1,000 connections that stop before, in and after the length of a request"

    def connections(self, limit):
        refused = 0
        for _ in range(limit + 500):
            self.connect()
        end = time.monotonic() + wire.PATIENCE_SECONDS
        for client in self.opened:
            client.setblocking(False)
        gone = set()
        while len(gone) < 500 and time.monotonic() < end:
            for client in self.opened:
                if client not in gone:
                    try:
                        if client.recv(1) == b"":
                            gone.add(client)
                    except BlockingIOError:
                        pass
                    except OSError:
                        gone.add(client)
            time.sleep(0.2)
        refused = len(gone)
        if not refused >= 500:
            raise AssertionError(f"only {refused} of {limit + 500} connections were refused, with a limit of {limit}")
        return f"{limit + 500:,} connections: {refused:,} refused"

    def non_readers(self):
        request = wire.fetch("large")
        metadata = wire.frame(wire.header(3, 1) + struct.pack(">i", -1))
        streams = [
            (self.connect(receive_bytes=4096), itertools.repeat(request * 50 if number % 2 else metadata * 500))
            for number in range(64)]
        taken, closed = self.push(streams, self.seconds)
        return f"64 clients asked with {taken / MIB:,.1f} MiB and read nothing; {closed} were closed"

    def announced(self):
        streams = [(self.connect(), [struct.pack(">i", 100 * MIB) + wire.header(0, 9, True)]) for _ in range(64)]
        self.push(streams, 1)
        closed = sum(self.is_closed(client) for client, _ in streams)
        if closed != 64:
            raise AssertionError(f"only {closed} of 64 were closed that announced 100 MiB")
        return "64 clients announced 100 MiB each: all were closed at once"

    @staticmethod
    def is_closed(client):
        client.settimeout(wire.PATIENCE_SECONDS)
        try:
            return client.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def hogs(self):
        chunk = bytes(256 << 10)
        streams = []
        for _ in range(64):
            begin = struct.pack(">i", 30 * MIB) + wire.header(0, 9, True) + b"\x00"
            # All but the last bytes: nothing of it is ever done with.
            streams.append((self.connect(), itertools.chain([begin], itertools.repeat(chunk, 118))))
        taken, closed = self.push(streams, self.seconds * 2)
        return f"64 clients sent {taken / MIB:,.0f} of 1,888 MiB of requests that do not end; {closed} were closed"

    def arrays(self):
        """Elements of one or two bytes that take a hundred in memory, by clients that leave before they are answered."""
        count = int(250_000 * self.scale)
        topics = wire.frame(wire.header(3, 1) + struct.pack(">i", count) + bytes(2 * count))
        groups = wire.frame(wire.header(9, 9, True) + varint(count + 1) + b"\x01\x01\x00\x01\x00" * count + b"\x00\x00")
        lies = wire.frame(wire.header(19, 1) + struct.pack(">i", 0x7FFFFFFF) + bytes(1000))
        creates = wire.frame(
            wire.header(19, 4) + struct.pack(">i", count // 5)
            + struct.pack(">hihii", 0, 1, 1, 0, 0) * (count // 5) + struct.pack(">i?", 1000, True))
        for turn in range(max(2, int(10 * self.scale))):
            streams = [
                (self.connect(), [[topics, groups, lies, creates][number % 4]] * 2) for number in range(64)]
            taken, closed = self.push(streams, 5)
            if turn % 2:
                self.close()
        return f"64 clients at a time asked for {count:,} topics, groups and new topics at once"

    def tags(self):
        count = int(400_000 * self.scale)
        flood = varint(count) + b"\x09\x00" * count
        body = wire.frame(wire.header(3, 12, True) + b"\x01\x00\x00" + flood)
        head = wire.frame(struct.pack(">hhih", 3, 12, 1, 7) + b"hostile" + flood + b"\x01\x00\x00\x00")
        lie = wire.frame(wire.header(3, 12, True) + b"\x01\x00\x00\xff\xff\xff\xff\x0f")
        streams = [(self.connect(), [[body, head, lie][number % 3]] * 4) for number in range(64)]
        taken, closed = self.push(streams, self.seconds)
        return f"64 clients sent {taken / MIB:,.0f} MiB of tagged fields; {closed} were closed"

    def headers(self):
        header = wire.signed(1) + b"h" + wire.signed(-1)
        flood = wire.batch(wire.record(b"v", b"k", wire.signed(200_000) + header * 200_000))
        lie = wire.batch(wire.record(b"v", b"k", wire.signed(1 << 31)))
        codes = []
        with contextlib.closing(wire.connect(self.address)) as client:
            for number in range(max(20, int(200 * self.scale))):
                codes.append(wire.produce_code(client, "flooded", flood if number % 2 else lie))
        if set(codes) != {87}:
            raise AssertionError(f"batches with floods of headers were answered with {set(codes)}")
        return f"{len(codes)} batches with 200,000 headers in a record, or the promise of 2 billion: all refused"

    def bombs(self):
        zeros = bytes(200 * MIB)
        whole = wire.batch(wire.record(zeros, b"k"), lz4_frame=True)
        part = wire.batch(wire.record(zeros[:60 * MIB], b"k"), lz4_frame=True)
        refused = 0
        clients = [self.connect() for _ in range(8)]
        for client, bomb in itertools.islice(
                itertools.cycle(itertools.product(clients, (whole, part))), max(16, int(160 * self.scale))):
            refused += wire.produce_code(client, "compacted", bomb) != 0
        if refused != max(16, int(160 * self.scale)):
            raise AssertionError("a decompression bomb was taken")
        return f"{refused} batches of {len(part) / MIB:.1f} and {len(whole) / MIB:.1f} MiB for 60 and 200: all refused"

    def groups(self, limit):
        """Members that say nearly a MiB each, by both protocols, in groups of their own. They stay for half an hour."""
        codes = {}
        count = max(100, int(300 * self.scale))
        for number in range(count):
            ask = wire.join_classic if number % 2 else wire.join_consumer
            code = ask(self.connect(), f"hoard-{number}", 30 * 32_000)
            codes[code] = codes.get(code, 0) + 1
        taken, refused = codes.pop(0, 0), codes.pop(wire.GROUP_MAX_SIZE_REACHED, 0)
        if codes:
            raise AssertionError(f"members were answered with errors {codes}")
        if not 0 < taken * 30 * 32_000 <= limit:
            raise AssertionError(f"{taken} members of 0.9 MiB were let in, where {limit / MIB:.0f} MiB may be said")
        return f"{taken} members of 0.9 MiB each were let in, {refused} refused"


def all_of(attack, limit, member_bytes):
    return {
        "malformed": attack.malformed, "slow": attack.slow, "half-open": attack.half_open,
        "connections": lambda: attack.connections(limit), "non-readers": attack.non_readers,
        "announced": attack.announced, "hogs": attack.hogs, "arrays": attack.arrays, "tags": attack.tags,
        "headers": attack.headers, "bombs": attack.bombs,
        "groups": lambda: attack.groups(member_bytes),
    }


NAMES = list(all_of(Attack(None, 0, 0, 0), 0, 0))
