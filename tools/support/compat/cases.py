"""What is checked. A check is a name and a function of a client; it returns nothing, or raises what is wrong."""

import random
import uuid

from client import Record, Refused, readings

# Errors of the protocol.
OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC, MESSAGE_TOO_LARGE, INVALID_TOPIC, TOPIC_EXISTS = 1, 3, 10, 17, 36
INVALID_PARTITIONS, INVALID_CONFIG, ELECTION_NOT_NEEDED = 37, 40, 84

ACKS = (0, 1, "all")
# Batches are stored as the client made them.
AS_SENT = {"compression.type": "producer"}
# The times of the records of topics that are sought by time: so many milliseconds apart, from here on.
TIMES_START, TIMES_STEP, TIMES_COUNT, TIMES_BATCH = 1_700_000_000_000, 1000, 60, 20


# What the topics of this run are called first, so that a broker that runs already keeps its own.
PREFIX = f"compat-{uuid.uuid4().hex[:6]}"
LARGE_TOPIC = f"{PREFIX}-large"


class Wrong(Exception):
    """An answer that is not the right one."""


def expect(what, found, due):
    if found != due:
        raise Wrong(f"{what}: {shorten(found)} where {shorten(due)} was due")


def shorten(value):
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}… ({len(text)} characters)"


def expect_refused(what, code, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except Refused as refused:
        expect(f"{what}: the error's number ({refused.message})", refused.code, code)
    else:
        raise Wrong(f"{what} was taken, where error {code} was due")


# What is produced

def large():
    chance = random.Random(7)
    return [Record(0, b"large", bytes(f"{chance.getrandbits(8 * count // 2):x}", "ascii")[:count])
            for count in (900_000, 10, 900_000, 500_000)]


def null_and_empty():
    return [Record(number % 2, key, value)
            for number, (key, value) in enumerate(
                (key, value) for key in (b"key", b"", None) for value in (b"value", b"", None) for _ in range(2))]


def with_headers():
    kinds = [
        (), (("trace", b"1"),), (("trace", b"1"), ("trace", b"2"), ("span", b"3")),
        (("empty", b""), ("bytes", b"\x01\xff")), (("nothing", None),), (("größe", "é".encode()),)]
    return [Record(number % 2, b"key", b"%d" % number, kinds[number // 4 % len(kinds)]) for number in range(24)]


def binary():
    chance = random.Random(3)
    return [Record(number % 2, chance.randbytes(16).replace(b"\n", b"."), chance.randbytes(200).replace(b"\n", b"."))
            for number in range(50)]


def with_timestamps():
    return [Record(number % 2, b"key", b"%d" % number, (), 1_600_000_000_000 + number * 7) for number in range(40)]


class Production:
    """Records that one client sends to a topic of their own and every client reads."""

    def __init__(self, check, records, *, settings=None, creates=True, wants_timestamps=False, **options):
        self.check = check
        self.records = records
        # None: the topic's settings are the defaults.
        self.settings = settings
        # False: the topic is made by its first use.
        self.creates = creates
        self.wants_timestamps = wants_timestamps
        self.options = options

    def topic(self, client):
        return "-".join([PREFIX, client.name, *self.check.replace("=", " ").replace(",", "").split()])

    def records_for(self, client):
        return [record for record in self.records if client.can_write(record)]


def productions(client):
    same = readings(200, seed=1)
    found = [
        Production(f"acks={acks}, {codec}", same, settings=AS_SENT, acks=acks, codec=codec,
                   **({"idempotent": False} if acks == "all" else {}))
        for codec in client.codecs for acks in ACKS]
    found += [
        Production("default settings", readings(200, seed=1, partitions=1), creates=False),
        Production("idempotent", same, acks="all", idempotent=True),
        Production("idempotent, zstd", same, settings=AS_SENT, acks="all", codec="zstd", idempotent=True),
        Production("headers", with_headers()),
        Production("null and empty keys and values", null_and_empty()),
        Production("bytes that are no text", binary()),
        Production("large records", large()),
        Production("large records, gzip", large(), codec="gzip"),
        Production("20,000 records", readings(20_000, seed=2)),
    ]
    if client.sets_timestamps:
        found.append(Production("timestamps of its own", with_timestamps(), wants_timestamps=True))
    return found


def in_partitions(records):
    partitions = {}
    for record in records:
        partitions.setdefault(record.partition, []).append(record)
    return partitions


def compare(production, client, read):
    """Whether what was read from the production's topic is what was sent; `read` is `{partition: [Stored]}`."""
    due = in_partitions(production.records_for(client))
    for partition in sorted({*due, *read}):
        found, sent = read.get(partition, []), due.get(partition, [])
        expect(f"records in partition {partition}", len(found), len(sent))
        expect(f"offsets in partition {partition}", [stored.offset for stored in found], list(range(len(sent))))
        for number, (stored, record) in enumerate(zip(found, sent)):
            for field in ("key", "value", "headers", *(["timestamp"] if production.wants_timestamps else [])):
                expect(f"{field} of record {number} in partition {partition}",
                       getattr(stored.record, field), getattr(record, field))


# Consuming, beside what the clients wrote

def times_topic(codec):
    return f"{PREFIX}-times-{codec}"


def write_times(client, codec):
    """Records of known times, in batches of a known size."""
    client.create_topic(times_topic(codec), 1, AS_SENT)
    every = [Record(0, b"key", b"reading %d, of some length, so that it is worth to be compressed" % number, (),
                    TIMES_START + number * TIMES_STEP) for number in range(TIMES_COUNT)]
    for first in range(0, TIMES_COUNT, TIMES_BATCH):
        client.produce(times_topic(codec), every[first:first + TIMES_BATCH], acks="all", codec=codec)


def seek_by_time(codec):
    def check(client):
        topic = times_topic(codec)
        last = TIMES_COUNT - 1
        for due, timestamp in (
                (0, 0), (0, TIMES_START), (1, TIMES_START + 1), (33, TIMES_START + 33 * TIMES_STEP),
                (last, TIMES_START + last * TIMES_STEP)):
            expect(f"first offset from {timestamp} on", client.offset_at(topic, 0, timestamp), due)
        expect("offset after the last", client.offset_at(topic, 0, TIMES_START + TIMES_COUNT * TIMES_STEP), None)
        read = client.consume_from_time(topic, 0, TIMES_START + 33 * TIMES_STEP)
        expect("offsets read", [stored.offset for stored in read], list(range(33, TIMES_COUNT)))
    return check


def seek_by_time_to_batch(codec):
    """A broker that does not read a codec may answer with the batch that holds the record: never too late."""
    def check(client):
        for number in (0, 1, 33, TIMES_COUNT - 1):
            found = client.offset_at(times_topic(codec), 0, TIMES_START + number * TIMES_STEP)
            if not number // TIMES_BATCH * TIMES_BATCH <= found <= number:
                raise Wrong(f"the record of offset {number} is sought by its time from offset {found} on")
        read = client.consume_from_time(times_topic(codec), 0, TIMES_START + 33 * TIMES_STEP)
        expect("offsets read", [stored.offset for stored in read if stored.offset >= 33], list(range(33, TIMES_COUNT)))
    return check


def read_committed(client):
    read = client.consume([times_topic("none")], read_committed=True)[times_topic("none"), 0]
    expect("offsets read", [stored.offset for stored in read], list(range(TIMES_COUNT)))


def from_the_end(client):
    read = client.tail(times_topic("lz4"), 0, 5)
    expect("offsets read", [stored.offset for stored in read], list(range(TIMES_COUNT - 5, TIMES_COUNT)))


def from_an_offset(client):
    # In the middle of a batch, whose records before it the client leaves out.
    topic = times_topic("lz4")
    read = client.consume([topic], starts={(topic, 0): 27})[topic, 0]
    expect("offsets read", [stored.offset for stored in read], list(range(27, TIMES_COUNT)))


def from_outside(client):
    topic = times_topic("none")
    read = client.consume([topic], starts={(topic, 0): 1_000_000})[topic, 0]
    expect("offsets read", [stored.offset for stored in read], list(range(TIMES_COUNT)))


def small_fetches(client):
    read = client.consume([LARGE_TOPIC], partition_bytes=2000)[LARGE_TOPIC, 0]
    expect("values", [len(stored.record.value) for stored in read], [len(record.value) for record in large()])


# Over a crash

def through_a_crash(client, owner, broker):
    """A consumer goes on where it was when the broker was killed and came back with what it had acknowledged."""
    topic = name_for(client, "crash")
    owner.create_topic(topic, 1)
    every = [Record(0, None, b"%d" % number) for number in range(60)]
    owner.produce(topic, every[:40], acks="all")

    def crash():
        broker.crash()
        owner.produce(topic, every[40:], acks="all")

    read = client.read_through(topic, 0, 20, len(every), crash)
    expect("offsets", [stored.offset for stored in read], list(range(len(every))))
    expect("values", [stored.record.value for stored in read], [record.value for record in every])


# Admin. Each check has a topic of its own: `client` has made no other use of the name.

def name_for(client, purpose):
    return f"{PREFIX}-{purpose}-{client.name}"


def missing(client):
    return name_for(client, "missing")


def create_topic(client):
    name = name_for(client, "create")
    client.create_topic(name, 3, {"segment.bytes": "1048576", "message.timestamp.type": "LogAppendTime"})
    expect("partitions", sorted(client.describe_topic(name)), [0, 1, 2])
    client.produce(name, [Record(2, b"key", b"value", (), 1000 if client.sets_timestamps else None)], acks="all")
    ((stored,),) = [records for (_, partition), records in client.consume([name]).items() if partition == 2]
    if stored.record.timestamp < TIMES_START:
        raise Wrong(f"a record has the time {stored.record.timestamp}, where that of its append was due")
    expect_refused("a topic that is there", TOPIC_EXISTS, client.create_topic, name, 3)
    expect_refused("a bad name", INVALID_TOPIC, client.create_topic, "not a name!", 1)
    expect_refused("no partitions", INVALID_PARTITIONS, client.create_topic, name + "-none", 0)
    expect_refused("an unknown setting", INVALID_CONFIG, client.create_topic, name + "-setting", 1, {"no.such": "1"})


def create_topic_validate_only(client):
    name = name_for(client, "validate")
    client.create_topic(name, 2, validate_only=True)
    expect("topics", name in client.list_topics(), False)
    expect_refused("a bad name", INVALID_TOPIC, client.create_topic, "not a name!", 1, validate_only=True)


def delete_topic(client):
    name = name_for(client, "delete")
    client.create_topic(name, 2)
    expect("is listed", name in client.list_topics(), True)
    client.delete_topic(name)
    expect("is listed", name in client.list_topics(), False)
    expect_refused("a topic that is gone", UNKNOWN_TOPIC, client.delete_topic, name)


def list_topics(client):
    found = client.list_topics()
    expect("topics that are missing", {times_topic("none"), times_topic("lz4")} - found, set())


def describe_topic(client):
    found = client.describe_topic(times_topic("none"))
    node = client.describe_cluster().nodes
    expect("partitions", sorted(found), [0])
    leader, replicas, in_sync = found[0]
    expect("the leader is a node", leader in node, True)
    expect("the leader is a replica in sync", (leader in replicas, leader in in_sync), (True, True))
    if not client.describing_creates:
        expect_refused("a topic that is not there", UNKNOWN_TOPIC, client.describe_topic, missing(client))


def describe_partitions(client):
    names = [name_for(client, f"pages-{letter}") for letter in "ab"]
    client.create_topic(names[0], 3)
    client.create_topic(names[1], 2)
    expect("in one answer", client.describe_partitions(names, 100), [{names[0]: [0, 1, 2], names[1]: [0, 1]}])
    pages = client.describe_partitions(names, 2)
    expect("the largest answer", max(sum(map(len, page.values())) for page in pages), 2)
    every = [(topic, partition) for page in pages for topic, partitions in page.items() for partition in partitions]
    expect("all answers together", every,
           [(names[0], 0), (names[0], 1), (names[0], 2), (names[1], 0), (names[1], 1)])


def create_partitions(client):
    name = name_for(client, "grow")
    client.create_topic(name, 2)
    client.create_partitions(name, 4, validate_only=True)
    expect("partitions after validating", sorted(client.describe_topic(name)), [0, 1])
    client.create_partitions(name, 5)
    expect("partitions", sorted(client.describe_topic(name)), [0, 1, 2, 3, 4])
    expect_refused("fewer partitions", INVALID_PARTITIONS, client.create_partitions, name, 1)
    expect_refused("of no topic", UNKNOWN_TOPIC, client.create_partitions, missing(client), 3)
    client.produce(name, [Record(4, None, b"value")], acks="all")


def describe_settings(client):
    name = name_for(client, "settings")
    client.create_topic(name, 1, {"segment.bytes": "2097152"})
    settings = client.settings(name)
    expect("what was set", settings["segment.bytes"], "2097152")
    expect("what was not", settings["message.timestamp.type"], "CreateTime")
    if client.tells_errors_of_settings:
        expect_refused("of no topic", UNKNOWN_TOPIC, client.settings, missing(client))


def replace_settings(client):
    name = name_for(client, "replace")
    client.create_topic(name, 1)
    before = client.settings(name)["segment.bytes"]
    client.replace_settings(name, {"segment.bytes": "2097152", "max.message.bytes": "500000"})
    settings = client.settings(name)
    expect("what was set", (settings["segment.bytes"], settings["max.message.bytes"]), ("2097152", "500000"))
    client.replace_settings(name, {"max.message.bytes": "600000"})
    settings = client.settings(name)
    expect("what was left out and set", (settings["segment.bytes"], settings["max.message.bytes"]), (before, "600000"))
    expect_refused("a bad value", INVALID_CONFIG, client.replace_settings, name, {"segment.bytes": "many"})
    expect_refused("of no topic", UNKNOWN_TOPIC, client.replace_settings, missing(client), {"segment.bytes": "2097152"})


def change_settings(client):
    name = name_for(client, "change")
    client.create_topic(name, 1)
    before = client.settings(name)["segment.bytes"]
    client.change_settings(name, {"segment.bytes": "2097152"})
    client.change_settings(name, {"max.message.bytes": "500000"})
    settings = client.settings(name)
    expect("what was set", (settings["segment.bytes"], settings["max.message.bytes"]), ("2097152", "500000"))
    client.change_settings(name, {}, unset=["segment.bytes"])
    settings = client.settings(name)
    expect("what was unset and left", (settings["segment.bytes"], settings["max.message.bytes"]), (before, "500000"))
    expect_refused("a bad value", INVALID_CONFIG, client.change_settings, name, {"segment.bytes": "many"})
    too_large = [Record(0, None, b"x" * 600_000)]
    expect_refused("a record that is too large now", MESSAGE_TOO_LARGE, client.produce, name, too_large, codec="none")


def delete_records(client):
    name = name_for(client, "records")
    client.create_topic(name, 1)
    client.produce(name, [Record(0, None, b"%d" % number) for number in range(20)], acks="all")
    expect("first offset", client.delete_records(name, 0, 7), 7)
    expect("earliest", client.list_offset(name, 0, "earliest"), 7)
    read = client.consume([name])[name, 0]
    expect("offsets read", [stored.offset for stored in read], list(range(7, 20)))
    expect("first offset, asked for less", client.delete_records(name, 0, 3), 7)
    expect_refused("beyond the end", OFFSET_OUT_OF_RANGE, client.delete_records, name, 0, 21)
    expect("first offset, all deleted", client.delete_records(name, 0, -1), 20)
    expect("what is left", client.consume([name])[name, 0], [])


def describe_cluster(client):
    cluster = client.describe_cluster()
    expect("the controller is a node", cluster.controller in cluster.nodes, True)
    if client.name != "kcat" and not cluster.id:
        raise Wrong("the cluster has no id")


def list_offsets(client):
    topic = times_topic("lz4")
    expect("earliest", client.list_offset(topic, 0, "earliest"), 0)
    expect("latest", client.list_offset(topic, 0, "latest"), TIMES_COUNT)
    expect("at a time", client.list_offset(topic, 0, TIMES_START + 11 * TIMES_STEP), 11)


def list_newest(client):
    expect("newest", client.list_offset(times_topic("lz4"), 0, "newest"), TIMES_COUNT - 1)


def log_directories(client):
    sizes = client.log_bytes(times_topic("none"))
    expect("partitions", sorted(sizes), [0])
    if sizes[0] < TIMES_COUNT * 60:
        raise Wrong(f"{TIMES_COUNT} records are said to take {sizes[0]} bytes")


def elect_leader(client):
    expect_refused("an election", ELECTION_NOT_NEEDED, client.elect_leader, times_topic("none"), 0)
    expect_refused("of no topic", UNKNOWN_TOPIC, client.elect_leader, missing(client), 0)


def reassignments(client):
    expect("reassignments", client.reassignments(), {})


def describe_producers(client):
    name = name_for(client, "producers")
    client.create_topic(name, 1)
    client.produce(name, [Record(0, None, b"%d" % number) for number in range(20)], acks="all", idempotent=True)
    expect("last sequence numbers", client.producers(name, 0), [19])


def too_large(client, owner):
    name = name_for(client, "too-large")
    owner.create_topic(name, 1)
    records = [Record(0, None, b"x" * 2_000_000)]
    expect_refused("a record of 2 MB", MESSAGE_TOO_LARGE, client.produce, name, records, acks="all", codec="none",
                   record_bytes_max=4_000_000)


CONSUMING = [
    *((f"seek by time, {codec}", seek_by_time(codec)) for codec in ("none", "lz4")),
    *((f"seek by time, {codec}: to its batch at least", seek_by_time_to_batch(codec))
      for codec in ("gzip", "snappy", "zstd")),
    ("seek to an offset", from_an_offset),
    ("seek from the end", from_the_end),
    ("an offset outside: from the start", from_outside),
    ("read committed", read_committed),
    ("fetches smaller than a record", small_fetches),
]

ADMIN = [
    ("create topic", create_topic),
    ("create topic: validate only", create_topic_validate_only),
    ("delete topic", delete_topic),
    ("list topics", list_topics),
    ("describe topic", describe_topic),
    ("describe topic partitions", describe_partitions),
    ("create partitions", create_partitions),
    ("describe configs", describe_settings),
    ("alter configs", replace_settings),
    ("incremental alter configs", change_settings),
    ("delete records", delete_records),
    ("describe cluster", describe_cluster),
    ("list offsets", list_offsets),
    ("list offsets: newest", list_newest),
    ("describe log dirs", log_directories),
    ("elect leaders", elect_leader),
    ("list partition reassignments", reassignments),
    ("describe producers", describe_producers),
]
