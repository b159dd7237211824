"""kcat, the command."""

import re
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from client import PATIENCE, Client, Cluster, Record, Refused, Stored, send_until

# What no record here contains.
RECORD_END, KEY_END, FIELDS_END = b"\n<record>\n", b"<key>", b"\x1e\x1f\x1e"
# The lengths come before the bytes, so keys and values may hold anything.
FORMAT = r"%t\t%p\t%o\t%T\t%K\t%S\t%h\x1e\x1f\x1e%k%s\n"


def version_of(text):
    kcat, librdkafka = re.search(r"Version (\S+) .*librdkafka (\S+)", text).groups()
    return f"{kcat} (librdkafka {librdkafka})"


def parse_headers(text):
    if not text:
        return ()
    pairs = (pair.split(b"=", 1) for pair in text.split(b","))
    return tuple((name.decode(), None if value == b"NULL" else value) for name, value in pairs)


def parse(output):
    found, position = [], 0
    while position < len(output):
        end = output.index(FIELDS_END, position)
        fields = output[position:end].split(b"\t", 6)
        partition, offset, timestamp, key_bytes, value_bytes = map(int, fields[1:6])
        parts, position = [], end + len(FIELDS_END)
        for count in (key_bytes, value_bytes):
            parts.append(None if count < 0 else output[position:position + count])
            position += max(count, 0)
        position += 1
        found.append(Stored(offset, Record(partition, *parts, parse_headers(fields[6]), timestamp)))
    return found


class Kcat(Client):
    name = "kcat"
    sets_timestamps = False
    describing_creates = True

    def __init__(self, broker):
        super().__init__(broker)
        self.version = version_of(subprocess.run(["kcat", "-V"], capture_output=True, text=True, check=True).stdout)

    def can_write(self, record):
        # -Z turns all that is empty into null; an empty line without a key is no record.
        return not (record.value is None and record.key == b"") and not (record.value == b"" and record.key is None)

    def run(self, *arguments, **more):
        done = subprocess.run(
            ["kcat", "-b", self.broker, *arguments], capture_output=True, timeout=PATIENCE * 2, check=False, **more)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            # librdkafka's own texts of the protocol's errors: the command does not print their numbers.
            for text, code in (("Message size too large", 10), ("Unknown topic or partition", 3),
                               ("Broker failed to validate record", 87)):
                if text in said:
                    raise Refused(code, said)
            raise RuntimeError(f"kcat says: {said}")
        return done.stdout

    def produce(self, topic, records, *, acks=None, codec=None, idempotent=None, record_bytes_max=None):
        arguments = ["-P", "-t", topic, "-D", RECORD_END, "-K", KEY_END, "-X", "linger.ms=20"]
        if acks is not None:
            arguments += ["-X", f"topic.acks={acks}"]
        if codec is not None:
            arguments += ["-z", codec]
        if idempotent is not None:
            arguments += ["-X", f"enable.idempotence={str(idempotent).lower()}"]
        if record_bytes_max is not None:
            arguments += ["-X", f"message.max.bytes={record_bytes_max}"]
        # One call writes to one partition, with the same headers, and takes what is empty either as null or as empty.
        partitions = sorted({record.partition for record in records})
        for partition in partitions:
            of_partition = [record for record in records if record.partition == partition]
            for (headers, null), group in groupby(of_partition, lambda r: (r.headers, r.value is None)):
                call = [*arguments, "-p", str(partition), *(["-Z"] if null else [])]
                for name, value in headers:
                    call += ["-H", name.encode() if value is None else name.encode() + b"=" + value]
                with tempfile.NamedTemporaryFile() as file:
                    file.write(b"".join(
                        (b"" if record.key is None and not null else (record.key or b"") + KEY_END)
                        + (record.value or b"") + RECORD_END
                        for record in group))
                    file.flush()
                    self.run(*call, "-l", file.name)

    def read(self, topic, *arguments):
        return parse(self.run(
            "-C", "-t", topic, "-e", "-q", "-f", FORMAT, "-X", "fetch.wait.max.ms=20", "-X", "check.crcs=true",
            "-X", "topic.auto.offset.reset=earliest", *arguments))

    def consume(self, topics, *, starts=None, read_committed=False, partition_bytes=None):
        arguments = ["-X", f"isolation.level={'read_committed' if read_committed else 'read_uncommitted'}"]
        if partition_bytes is not None:
            arguments += ["-X", f"fetch.message.max.bytes={partition_bytes}"]
        found = {(topic, partition): [] for topic in topics for partition in self.describe_topic(topic)}
        calls = [(topic, arguments) for topic in topics]
        if starts:
            calls = [(topic, [*arguments, "-p", str(partition), "-o", str(starts.get((topic, partition), "beginning"))])
                     for topic, partition in found]
        with ThreadPoolExecutor(4) as pool:
            for (topic, _), records in zip(calls, pool.map(lambda call: self.read(call[0], *call[1]), calls)):
                for record in records:
                    found[topic, record.record.partition].append(record)
        return found

    def consume_from_time(self, topic, partition, timestamp):
        return self.read(topic, "-p", str(partition), "-o", f"s@{timestamp}")

    def offset_at(self, topic, partition, timestamp):
        said = self.run("-Q", "-t", f"{topic}:{partition}:{timestamp}").decode()
        offset = int(re.search(r"offset (-?\d+)", said).group(1))
        return None if offset < 0 else offset

    def tail(self, topic, partition, count):
        return self.read(topic, "-p", str(partition), "-o", str(-count))

    def follow(self, topic, partition, produce_one):
        command = ["kcat", "-b", self.broker, "-C", "-t", topic, "-p", str(partition), "-o", "end", "-c", "1", "-q",
                   "-u", "-f", FORMAT]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as kcat:
            def poll():
                try:
                    return kcat.communicate(timeout=0.3)[0]
                except subprocess.TimeoutExpired:
                    return None

            try:
                (first,) = parse(send_until(produce_one, poll))
                return first
            finally:
                kcat.kill()

    def read_through(self, topic, partition, first, total, interrupt):
        # -E: it goes on where the broker is away for a while.
        command = ["kcat", "-b", self.broker, "-C", "-E", "-t", topic, "-p", str(partition), "-o", "beginning",
                   "-c", str(total), "-q", "-u", "-f", r"%o %s\n", "-X", "reconnect.backoff.max.ms=200"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as kcat:
            timer = threading.Timer(PATIENCE, kcat.kill)
            timer.start()
            try:
                found = []
                for line in kcat.stdout:
                    offset, value = line.rstrip(b"\n").split(b" ", 1)
                    found.append(Stored(int(offset), Record(partition, None, value)))
                    if len(found) == first:
                        interrupt()
                return found
            finally:
                timer.cancel()
                kcat.kill()

    def metadata(self, *arguments):
        return self.run("-L", *arguments).decode()

    def list_topics(self):
        return set(re.findall(r'^  topic "([^"]+)"', self.metadata(), re.MULTILINE))

    def describe_topic(self, topic):
        said = self.metadata("-t", topic)
        if "Unknown topic or partition" in said:
            raise Refused(3, said)
        rows = re.findall(r"partition (\d+), leader (-?\d+), replicas: ([\d,]*), isrs: ([\d,]*)", said)
        nodes = lambda text: [int(node) for node in text.split(",") if node]
        return {int(partition): (int(leader), nodes(replicas), nodes(isr)) for partition, leader, replicas, isr in rows}

    def describe_cluster(self):
        brokers = re.findall(r"^  broker (\d+) at \S+(.*)$", self.metadata(), re.MULTILINE)
        (controller,) = (int(node) for node, more in brokers if "(controller)" in more)
        # It prints no id of the cluster.
        return Cluster("", controller, tuple(int(node) for node, _ in brokers))
