"""What the end-to-end scripts share: the lines that were sent, and everything that a topic holds."""

import sys
import time
from collections import defaultdict

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition


def fail(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


def read_lines(path):
    """The source: a list of (device, line), from lines of `device TAB json`."""
    with open(path, "rb") as file:
        return [tuple(line.rstrip(b"\n").split(b"\t", 1)) for line in file]


def by_device(pairs):
    devices = defaultdict(list)
    for device, line in pairs:
        devices[device].append(line)
    return devices


def make_consumer(broker):
    return Consumer({
        "bootstrap.servers": broker,
        "group.id": "end-to-end",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "check.crcs": True,
    })


def partitions_of(consumer, topic):
    description = consumer.list_topics(topic, timeout=10).topics[topic]
    if description.error is not None:
        raise KafkaException(description.error)
    return sorted(description.partitions)


def replay(consumer, topic, starts=None):
    """Every record of a topic as (partition, offset, timestamp, key, value), each partition from its start."""
    partitions = partitions_of(consumer, topic)
    starts = starts or {partition: OFFSET_BEGINNING for partition in partitions}
    consumer.assign([TopicPartition(topic, partition, starts[partition]) for partition in partitions])
    left = set(partitions)
    records = []
    last_progress = time.monotonic()
    while left:
        # It waits for so many messages, or until the time is over, also where the end has been reached.
        messages = consumer.consume(10_000, timeout=0.1)
        if messages:
            last_progress = time.monotonic()
        elif time.monotonic() - last_progress > 20:
            fail(f"the replay of {topic} stands still before the end of partitions {sorted(left)}")
        for message in messages:
            if message.error() is None:
                records.append(
                    (message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value()))
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise KafkaException(message.error())
    consumer.unassign()
    for partition in partitions:
        offsets = [record[1] for record in records if record[0] == partition]
        if offsets and offsets != list(range(offsets[0], offsets[0] + len(offsets))):
            fail(f"partition {partition} of {topic} has a gap in its offsets")
    return records
