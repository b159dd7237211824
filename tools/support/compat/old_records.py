"""What clients see of retention, compaction and times to live: which records are there, and under which offsets.

Compacted topics are written by each client and read by all. The broker looks for what is due each few milliseconds
(`hurry`), so that no check waits long.
"""

import time

from cases import PREFIX, Wrong, expect, expect_refused, name_for
from client import PATIENCE, NotInClient, Record, readings

INVALID_TIMESTAMP, INVALID_REQUEST, INVALID_CONFIG, POLICY_VIOLATION, INVALID_RECORD = 32, 42, 40, 44, 87
# What a client says of an error that it does not know.
UNKNOWN = -1

HURRY = {"log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "100"}
# Segments end soon, and all of them are compacted, whatever is new in them.
COMPACTED = {
    "cleanup.policy": "compact", "segment.bytes": "20000", "min.cleanable.dirty.ratio": "0",
    "max.compaction.lag.ms": "1"}
CODECS = ("none", "lz4")
HOUR = 3_600_000


def hurry(owner):
    owner.change_broker_settings(HURRY)


def stop_hurrying(owner):
    owner.change_broker_settings({}, unset=list(HURRY))


# Compaction

def keyed():
    """Readings of devices; three of them are then taken away, two for good."""
    gone = [b"device-0", b"device-1", b"device-2"]
    return [
        *readings(1500, seed=5, partitions=1),
        *(Record(0, key, None) for key in gone),
        *(record for record in readings(100, seed=6, partitions=1) if record.key not in gone[:2])]


def compacted_topic(writer, codec):
    return f"{PREFIX}-compacted-{codec}-{writer.name}"


def write_compacted(writer, owner, codec):
    topic = compacted_topic(writer, codec)
    owner.create_topic(topic, 1, COMPACTED)
    writer.produce(topic, keyed(), acks="all", codec=codec)


def newest(records):
    """The last record of each key, by offset: what compaction leaves."""
    last = {record.key: offset for offset, record in enumerate(records)}
    return {offset: records[offset] for offset in sorted(last.values())}


def await_compaction(owner, topic):
    due = list(newest(keyed()))
    wait_until(f"offsets of {topic}", due,
               lambda: [stored.offset for stored in owner.consume([topic])[topic, 0]])


def wait_until(what, due, look):
    deadline = time.monotonic() + PATIENCE * 2
    while (found := look()) != due:
        if time.monotonic() > deadline:
            expect(what, found, due)
        time.sleep(0.1)


def compare_compacted(read):
    left = newest(keyed())
    expect("offsets", [stored.offset for stored in read], list(left))
    for stored, record in zip(read, left.values()):
        expect(f"key and value at {stored.offset}",
               (stored.record.key, stored.record.value), (record.key, record.value))


def read_compacted(client, writers):
    topics = [compacted_topic(writer, codec) for writer in writers for codec in CODECS]
    for (topic, _), read in client.consume(topics).items():
        try:
            compare_compacted(read)
        except Wrong as wrong:
            raise Wrong(f"{topic}: {wrong}") from None


def from_a_gap(client, writer):
    """To go on from an offset that is gone is to go on from the next that there is."""
    topic, left = compacted_topic(writer, "lz4"), list(newest(keyed()))
    for start in (0, left[0] + 1, left[len(left) // 2] + 1):
        read = client.consume([topic], starts={(topic, 0): start})[topic, 0]
        expect(f"offsets from {start} on", [stored.offset for stored in read],
               [offset for offset in left if offset >= start])


def without_key(client, owner):
    topic = name_for(client, "keyless")
    owner.create_topic(topic, 1, COMPACTED)
    for codec in CODECS:
        expect_refused(f"a record without a key, {codec}", INVALID_RECORD if client.knows_invalid_record else UNKNOWN,
                       client.produce, topic, [Record(0, None, b"value")], acks="all", codec=codec)


def seek_in_compacted(client, owner):
    topic = name_for(client, "compacted-times")
    start = 1_700_000_000_000
    owner.create_topic(topic, 1, COMPACTED)
    owner.produce(topic, [Record(0, b"key-%d" % (number % 10), b"%d" % number, (), start + number * 1000)
                          for number in range(500)], acks="all")
    wait_until("offsets", list(range(490, 500)),
               lambda: [stored.offset for stored in owner.consume([topic])[topic, 0]])
    for due, timestamp in ((490, start), (490, start + 489_001), (495, start + 495_000), (None, start + 499_001)):
        expect(f"first offset from {timestamp} on", client.offset_at(topic, 0, timestamp), due)


# Retention

def by_size(client, owner):
    """A consumer that comes too late goes on at the start of what there is."""
    topic = name_for(client, "by-size")
    every = readings(2000, seed=8, partitions=1)
    owner.create_topic(topic, 1, {
        "retention.bytes": "60000", "segment.bytes": "20000", "compression.type": "producer"})
    for first in range(0, len(every), 100):
        client.produce(topic, every[first:first + 100], acks="all", codec="none")
    start = settled(lambda: owner.list_offset(topic, 0, "earliest"))
    if not 0 < start < len(every) - 100:
        raise Wrong(f"the log starts at {start} of {len(every)}")
    read = client.consume([topic], starts={(topic, 0): 0})[topic, 0]
    expect("offsets", [stored.offset for stored in read], list(range(start, len(every))))
    expect("values", [stored.record.value for stored in read], [record.value for record in every[start:]])


def settled(look):
    """What is seen when it has moved and then stays for a while."""
    deadline, last, since = time.monotonic() + PATIENCE * 2, look(), time.monotonic()
    while time.monotonic() < deadline:
        if (found := look()) != last:
            last, since = found, time.monotonic()
        elif last > 0 and time.monotonic() - since > 1:
            return last
        time.sleep(0.1)
    raise Wrong(f"it stays at {last}")


def by_age(client, owner):
    """By the records' own times: those of the past go at once, all of them, and new ones stay."""
    topic = name_for(client, "by-age")
    owner.create_topic(topic, 1, {"retention.ms": str(24 * HOUR), "segment.bytes": "20000"})
    now = round(time.time() * 1000)
    owner.produce(topic, [Record(0, b"key", b"%d" % number, (), now - 48 * HOUR) for number in range(300)], acks="all")
    wait_until("earliest", 300, lambda: owner.list_offset(topic, 0, "earliest"))
    client.produce(topic, [Record(0, b"key", b"new")], acks="all")
    read = client.consume([topic], starts={(topic, 0): 0})[topic, 0]
    expect("offsets and values", [(stored.offset, stored.record.value) for stored in read], [(300, b"new")])


def altered(client, owner):
    """A retention that a client sets is in force without more."""
    topic = name_for(client, "altered")
    client.create_topic(topic, 1)
    now = round(time.time() * 1000)
    owner.produce(topic, [Record(0, b"key", b"%d" % number, (), now - 48 * HOUR) for number in range(300)], acks="all")
    expect("earliest before", owner.list_offset(topic, 0, "earliest"), 0)
    client.change_settings(topic, {"retention.ms": str(24 * HOUR)})
    wait_until("earliest after", 300, lambda: owner.list_offset(topic, 0, "earliest"))
    client.change_settings(topic, {"cleanup.policy": "compact"})
    expect("the policy", client.settings(topic)["cleanup.policy"], "compact")
    for wrong in ({"cleanup.policy": "shrink"}, {"retention.ms": "-2"}, {"min.cleanable.dirty.ratio": "2"},
                  {"min.compaction.lag.ms": "10", "max.compaction.lag.ms": "5"}):
        expect_refused(f"settings {wrong}", INVALID_CONFIG, client.change_settings, topic, wrong)


def delete_from_compacted(client):
    topic = name_for(client, "compacted-records")
    client.create_topic(topic, 1, COMPACTED)
    client.produce(topic, [Record(0, b"key", b"value")], acks="all")
    expect_refused("deleting of a compacted topic", POLICY_VIOLATION, client.delete_records, topic, 0, 1)


# Times to live

def time_to_live(client, owner):
    topic = name_for(client, "ttl")
    owner.create_topic(topic, 1, {"record.ttl.ms": str(HOUR)})
    now = round(time.time() * 1000)
    owner.produce(topic, [Record(0, b"key", b"old", (), now - 2 * HOUR)], acks="all")
    owner.produce(topic, [Record(0, b"key", b"new", (), now)], acks="all")
    expect("what is read", values(client, topic), [(1, b"new")])


def time_to_live_by_header(client, owner):
    topic = name_for(client, "ttl-header")
    owner.create_topic(topic, 1, {"record.ttl.headers": "true"})
    now = round(time.time() * 1000)
    for value, headers in ((b"short", (("martlet-ttl-ms", b"1000"),)), (b"for ever", ()),
                           (b"long", (("martlet-ttl-ms", b"86400000"),))):
        owner.produce(topic, [Record(0, b"key", value, headers, now - HOUR)], acks="all", codec="lz4")
    expect("what is read", values(client, topic), [(1, b"for ever"), (2, b"long")])


def values(client, topic):
    return [(stored.offset, stored.record.value) for stored in client.consume([topic])[topic, 0]]


# Timestamps

def in_the_future(client, owner):
    if not client.sets_timestamps:
        raise NotInClient
    topic = name_for(client, "future")
    owner.create_topic(topic, 1, {
        "message.timestamp.after.max.ms": "60000", "message.timestamp.before.max.ms": str(HOUR)})
    now = round(time.time() * 1000)
    for codec in CODECS:
        for timestamp in (now + 2 * HOUR, now - 2 * HOUR):
            expect_refused(f"a record of {timestamp}, {codec}", INVALID_TIMESTAMP, client.produce, topic,
                           [Record(0, b"key", b"value", (), timestamp)], acks="all", codec=codec)
        client.produce(topic, [Record(0, b"key", b"value", (), now - 1000)], acks="all", codec=codec)


# The broker's settings

def broker_settings(client):
    found = client.broker_settings()
    for name in ("log.retention.ms", "log.cleaner.backoff.ms", "message.max.bytes", "num.partitions"):
        if name not in found:
            raise Wrong(f"there is no {name} among {len(found)} settings")
    topic = name_for(client, "default")
    client.create_topic(topic, 1)
    before = client.settings(topic)["segment.ms"]
    client.change_broker_settings({"log.roll.ms": "1234567"})
    try:
        expect("of the broker", client.broker_settings()["log.roll.ms"], "1234567")
        expect("of a topic that sets nothing", client.settings(topic)["segment.ms"], "1234567")
    finally:
        client.change_broker_settings({}, unset=["log.roll.ms"])
    expect("afterwards", client.settings(topic)["segment.ms"], before)
    expect_refused("a bad value", INVALID_CONFIG, client.change_broker_settings, {"log.roll.ms": "soon"})
    expect_refused("one that cannot be changed", INVALID_REQUEST, client.change_broker_settings, {"log.dirs": "/tmp"})


CHECKS = [
    ("compacted: a record without a key", without_key),
    ("compacted: seek by time", seek_in_compacted),
    ("retention by size: reads on from the start", by_size),
    ("retention by age: by the records' times", by_age),
    ("time to live: of the topic", time_to_live),
    ("time to live: of the record", time_to_live_by_header),
    ("timestamps too far away", in_the_future),
]
ADMIN = [
    ("compacted: delete records", delete_from_compacted),
    ("configs of the broker", broker_settings),
]
