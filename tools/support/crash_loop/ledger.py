"""What is known of a log from outside: which record stands at which offset, and what groups have committed.

A record says itself who sent it and as the how manieth to its partition, and its bytes follow from that. So a reader
can tell that a record was sent and is whole, and one number an offset is enough to remember it by.
"""

import threading
from array import array
from collections import defaultdict

UNKNOWN = -1
FILLER = bytes(range(33, 127)) * 8


def payload(sender, partition, number):
    """The value of a record: of up to some hundred bytes, no two alike."""
    length = (number * 2654435761 + sender * 97) % 311
    start = (number * 31 + partition) % 94
    return b"%d %d %d " % (sender, partition, number) + FILLER[start:start + length]


class Violation(Exception):
    """The broker broke a promise."""


class PartitionLedger:
    """What stands in one partition."""

    def __init__(self, topic, partition):
        self.topic = topic
        self.partition = partition
        self.held = array("q")
        # How far the order of senders has been followed, and which number of each comes next.
        self.verified = 0
        self.next_numbers = {}
        self.newest_of_key = {}

    @property
    def name(self):
        return f"{self.topic.name}-{self.partition}"

    def note(self, offset, sender, number, source):
        """An offset has one record for ever, whoever says so: an acknowledgement or a reader."""
        held = self.held
        if offset >= len(held):
            held.extend([UNKNOWN] * (offset + 1 - len(held)))
        entry = sender << 32 | number
        if held[offset] == UNKNOWN:
            held[offset] = entry
        elif held[offset] != entry:
            was = held[offset]
            raise Violation(
                f"{self.name} offset {offset}: record {number} of sender {sender} ({source}), where record "
                f"{was & 0xffffffff} of sender {was >> 32} was acknowledged or read before")

    def parse(self, message, senders):
        """Who sent a record that was read, and as the how manieth; it must be what that one sent."""
        value = message.value()
        try:
            sender, partition, number = map(int, value.split(b" ", 3)[:3])
        except ValueError:
            raise Violation(f"{self.name} offset {message.offset()}: nobody sent {value[:60]!r}") from None
        if (sender >= len(senders) or partition != self.partition or senders[sender].topic is not self.topic
                or number >= senders[sender].sent[partition] or value != payload(sender, partition, number)):
            raise Violation(f"{self.name} offset {message.offset()}: nobody sent {value[:60]!r} there")
        return sender, number

    def follow(self, offset, sender, number, rule):
        """The next record of the partition in the order of offsets: is it the next of its sender?"""
        expected = self.next_numbers.get(sender, 0)
        if rule == "once":
            if number < expected:
                raise Violation(f"{self.name} offset {offset}: record {number} of sender {sender} is there twice")
            if number > expected and not self.topic.loses_some:
                raise Violation(
                    f"{self.name} offset {offset}: record {number} of sender {sender}, where {expected} was to come")
        elif rule == "in order" and number > expected and not self.topic.loses_some:
            raise Violation(
                f"{self.name} offset {offset}: record {number} of sender {sender}, where {expected} was to come")
        self.next_numbers[sender] = max(expected, number + 1)


class Topic:
    """A topic of the run. `loses_some`: records go by retention or compaction."""

    def __init__(self, name, partitions, settings, loses_some=False, compacted=False):
        self.name = name
        self.settings = settings
        self.loses_some = loses_some
        self.compacted = compacted
        self.partitions = [PartitionLedger(self, partition) for partition in range(partitions)]


class Commits:
    """What a group has committed: an acknowledged offset stays, until a later one that was sent is there."""

    def __init__(self):
        self.lock = threading.Lock()
        self.acknowledged = defaultdict(int)
        self.attempted = defaultdict(int)
        self.count = 0

    def attempt(self, places):
        with self.lock:
            for topic, partition, offset in places:
                key = (topic, partition)
                self.attempted[key] = max(self.attempted[key], offset)

    def acknowledge(self, places):
        with self.lock:
            self.count += len(places)
            for topic, partition, offset in places:
                key = (topic, partition)
                self.acknowledged[key] = max(self.acknowledged[key], offset)
