"""What a client can do here, in one form whatever its own API looks like.

A method that a client does not override is a call that it does not have: its check is left out of the table.
"""

import random
import time
from dataclasses import dataclass

# How long any one wait of a client may take, in seconds.
PATIENCE = 20


class NotInClient(Exception):
    """The client has no such call."""


class Refused(Exception):
    """The broker answered with an error. `code` is the protocol's number of it."""

    def __init__(self, code, message):
        super().__init__(f"error {code}: {message}")
        self.code = code
        self.message = message or ""


@dataclass(frozen=True)
class Record:
    """What is sent and what is read. A header is a name and a value; values, keys and headers' values are bytes."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int | None = None


@dataclass(frozen=True)
class Stored:
    offset: int
    record: Record


@dataclass(frozen=True)
class Cluster:
    id: str
    controller: int
    nodes: tuple[int, ...]


class Client:
    name = ""
    version = ""
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    sets_timestamps = True
    # True: a topic that it describes is made where it is missing, if the broker makes topics by their first use.
    describing_creates = False
    # False: it says nothing where the settings of a topic that is not there are asked for.
    tells_errors_of_settings = True

    # False: of all errors of the protocol it does not know this one.
    knows_invalid_record = True

    def __init__(self, broker):
        self.broker = broker

    def can_write(self, record):
        """False where its API has no way to say this."""
        return True

    def produce(self, topic, records, *, acks=None, codec=None, idempotent=None, record_bytes_max=None):
        """Sends all, in order, and waits until they are acknowledged. What is None is not set: the client's default."""
        raise NotInClient

    def consume(self, topics, *, starts=None, read_committed=False, partition_bytes=None):
        """Everything up to the ends that the partitions have now: `{(topic, partition): [Stored]}`.

        `starts` has the offset to begin at, by (topic, partition), where that is not the beginning. One that lies
        outside the partition leads to its beginning.
        """
        raise NotInClient

    def consume_from_time(self, topic, partition, timestamp):
        """The records of a partition from the first one on that is as new as `timestamp`."""
        raise NotInClient

    def offset_at(self, topic, partition, timestamp):
        """The offset of the first record that is as new as `timestamp`, in milliseconds; None: all are older."""
        raise NotInClient

    def tail(self, topic, partition, count):
        """The last `count` records of a partition."""
        raise NotInClient

    def follow(self, topic, partition, produce_one):
        """Goes to the end of a partition, then calls `produce_one` until a record comes. The first that does."""
        raise NotInClient

    def read_through(self, topic, partition, first, total, interrupt):
        """The first `total` records of a partition, by one consumer, which calls `interrupt` when it has `first`."""
        raise NotInClient

    def create_topic(self, topic, partitions, settings=None, validate_only=False):
        raise NotInClient

    def delete_topic(self, topic):
        raise NotInClient

    def list_topics(self):
        raise NotInClient

    def describe_topic(self, topic):
        """`{partition: (leader, replicas, replicas in sync)}`"""
        raise NotInClient

    def describe_partitions(self, topics, limit):
        """By DescribeTopicPartitions, no more than `limit` an answer: `[{topic: [partition]}]`, one an answer."""
        raise NotInClient

    def create_partitions(self, topic, count, validate_only=False):
        raise NotInClient

    def settings(self, topic):
        raise NotInClient

    def replace_settings(self, topic, settings):
        """By AlterConfigs: settings that are not named go back to their defaults."""
        raise NotInClient

    def change_settings(self, topic, settings, unset=()):
        """By IncrementalAlterConfigs."""
        raise NotInClient

    def broker_settings(self):
        raise NotInClient

    def change_broker_settings(self, settings, unset=()):
        """By IncrementalAlterConfigs, of the broker that the client is connected to."""
        raise NotInClient

    def delete_records(self, topic, partition, before):
        """The partition's first offset afterwards. `before` −1: all."""
        raise NotInClient

    def describe_cluster(self):
        raise NotInClient

    def list_offset(self, topic, partition, place):
        """`place`: "earliest", "latest", "newest" (the record with the largest timestamp), or milliseconds."""
        raise NotInClient

    def log_bytes(self, topic):
        """`{partition: bytes on disk}`"""
        raise NotInClient

    def elect_leader(self, topic, partition):
        """Raises `Refused` where there was nothing to elect."""
        raise NotInClient

    def reassignments(self):
        raise NotInClient

    def producers(self, topic, partition):
        """Of the idempotent producers of a partition, the last sequence number of each."""
        raise NotInClient

    def list_groups(self):
        """`{group: state}`; the state is None where the client does not say it."""
        raise NotInClient

    def describe_group(self, group):
        """The group's state and how many members it has."""
        raise NotInClient

    def group_offsets(self, group):
        """What is committed: `{(topic, partition): offset}`"""
        raise NotInClient

    def move_offsets(self, group, offsets):
        """Commits for a group without members."""
        raise NotInClient

    def delete_group_offsets(self, group, places):
        raise NotInClient

    def delete_group(self, group):
        raise NotInClient


def send_until(produce_one, poll):
    """Calls the one and then the other until the latter returns something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        produce_one()
        if (found := poll()) is not None:
            return found
    raise TimeoutError("no record came after the end")


def readings(count, seed, partitions=2):
    """Records of the kind that devices send, in every partition. The same for the same seed."""
    chance = random.Random(seed)
    return [
        Record(
            number % partitions,
            b"device-%d" % chance.randrange(20),
            b'{"reading":%d,"temperature":%.1f,"humidity":%d,"state":"running"}'
            % (number, chance.uniform(-20, 40), chance.randrange(100)))
        for number in range(count)]
