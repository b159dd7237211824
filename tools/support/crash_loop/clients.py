"""The clients of a crash loop. They live through the kills, as clients do."""

import collections
import logging
import random
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from ledger import Violation, payload

# The broker is away for milliseconds: whoever waits longer than that before trying again sees little of it.
# Nothing is judged by how long it takes: only what hangs comes to this.
PATIENCE_SECONDS = 600
PATIENCE = {
    "reconnect.backoff.ms": 5,
    "reconnect.backoff.max.ms": 40,
    "retry.backoff.ms": 10,
    "topic.metadata.refresh.fast.interval.ms": 20,
    "log_level": 0,
}
UNDER_WAY_MAX = 3000


class Worker(threading.Thread):
    """A thread that is asked to end, and says what went wrong in it."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.context = run
        self.ending = threading.Event()

    def run(self):
        try:
            self.work()
        except Violation as violation:
            self.context.fail(str(violation))
        except Exception as error:
            self.context.fail(f"{type(self).__name__}: {error!r}")

    def end(self):
        self.ending.set()
        self.join()


class Sender:
    """One life of a producer."""

    def __init__(self, run, kind):
        self.context = run
        self.topic = kind.topic
        self.kind = kind
        self.sent = [0] * len(kind.topic.partitions)
        self.under_way = 0
        self.abandoned = False
        self.number = run.register(self)
        self.client = Producer({
            "bootstrap.servers": run.address,
            "linger.ms": 1,
            "batch.num.messages": 50,
            "message.timeout.ms": 0,
            "error_cb": self.on_error,
            **PATIENCE,
            **kind.settings,
        })

    def on_error(self, error):
        if error.fatal():
            self.context.fail(f"a producer ({self.kind.name}) cannot go on: {error}")

    def send(self, count, random):
        for _ in range(count):
            if self.under_way >= UNDER_WAY_MAX:
                return
            partition = random.randrange(len(self.sent))
            number = self.sent[partition]
            # Before it is sent: a reader may have it sooner than this thread goes on.
            self.sent[partition] = number + 1
            self.under_way += 1
            self.client.produce(
                self.topic.name, payload(self.number, partition, number), key=self.key(partition, number),
                partition=partition, on_delivery=self.on_delivery(partition, number))

    def key(self, partition, number):
        return b"%d" % (number % 17) if self.topic.compacted else b"%d" % self.number

    def on_delivery(self, partition, number):
        def callback(error, message):
            self.under_way -= 1
            if error is None:
                self.context.acknowledge(self, partition, number, message.offset())
            elif not self.abandoned:
                self.context.fail(f"a producer ({self.kind.name}) gave up a record: {error}")

        return callback

    def abandon(self):
        """As a process that dies: of what is under way nobody knows."""
        self.abandoned = True
        self.client.purge()
        self.client.poll(0)
        self.leave()

    def leave(self):
        """The run remembers what it sent; its client's threads would go on asking for the broker at each kill."""
        self.client = None


class SenderKind:
    """`rule`: what must hold of the records of one producer in a partition. `once`: each is there once, in order;
    `in order`: in order, some more than once; `any`: acknowledged before it is durable, some may be lost."""

    def __init__(self, name, topic, rule, settings):
        self.name = name
        self.topic = topic
        self.rule = rule
        self.settings = settings
        self.acknowledged = 0


class Sending(Worker):
    """A producer, now and then replaced by another."""

    LIFE_SECONDS = (4, 20)

    def __init__(self, run, kind, seed):
        super().__init__(run)
        self.kind = kind
        self.random = random.Random(seed)

    def work(self):
        sender = Sender(self.context, self.kind)
        until = time.monotonic() + self.random.uniform(*self.LIFE_SECONDS)
        while not self.ending.is_set():
            sender.send(self.random.randrange(1, 1 + self.context.burst), self.random)
            sender.client.poll(self.random.uniform(0.005, 0.04))
            if time.monotonic() > until:
                if self.random.random() < 0.5:
                    sender.abandon()
                else:
                    self.drain(sender)
                sender = Sender(self.context, self.kind)
                until = time.monotonic() + self.random.uniform(*self.LIFE_SECONDS)
        self.drain(sender)

    def drain(self, sender):
        left = sender.client.flush(PATIENCE_SECONDS)
        if left:
            raise Violation(f"{left} records of a producer ({self.kind.name}) were not acknowledged within "
                            f"{PATIENCE_SECONDS} s")
        sender.leave()


class OffsetLog(logging.Handler):
    """The last things that a client said of the offsets that it reads from: why it went back, if it did."""

    def __init__(self):
        super().__init__()
        self.lines = collections.deque(maxlen=40)

    def emit(self, record):
        text = record.getMessage()
        if "offset reset" in text or "OFFSET" in text:
            self.lines.append(text)


class Member(Worker):
    """A member of a group: reads, and commits what it has read."""

    def __init__(self, run, group, settings):
        super().__init__(run)
        self.group = group
        self.commits = run.commits[group]
        self.expected = {}
        self.uncommitted = {}
        self.offsets = OffsetLog()
        logger = logging.Logger(group)
        logger.addHandler(self.offsets)
        self.client = Consumer({
            "bootstrap.servers": run.address,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "check.crcs": True,
            "fetch.wait.max.ms": 50,
            "fetch.error.backoff.ms": 10,
            **PATIENCE,
            "log_level": 7,
            "debug": "topic",
            **settings,
        }, logger=logger)

    def work(self):
        self.client.subscribe(
            [topic.name for topic in self.context.topics], on_assign=self.forget, on_revoke=self.forget,
            on_lost=self.forget)
        committed = time.monotonic()
        while not self.ending.is_set():
            # One at a time: in a list of them one cannot tell which came before a rebalance.
            message = self.client.poll(0.03)
            # That the broker is away comes as a message, too.
            if message is not None and message.error() is None:
                self.take(message)
            if self.uncommitted and time.monotonic() - committed > 0.04:
                self.commit()
                committed = time.monotonic()
        self.client.close()

    def forget(self, _, partitions):
        # What was read and not committed is another member's now, who may have come further already.
        for place in partitions:
            self.expected.pop((place.topic, place.partition), None)
            self.uncommitted.pop((place.topic, place.partition), None)

    def take(self, message):
        topic = self.context.topic_named[message.topic()]
        ledger = topic.partitions[message.partition()]
        key = (topic.name, message.partition())
        offset = message.offset()
        expected = self.expected.get(key)
        if expected is None:
            # Where it goes on after a rebalance: not before what it was told is committed.
            if offset < self.commits.acknowledged[key]:
                raise Violation(
                    f"{self.group} goes on with {ledger.name} at {offset}, behind its committed offset "
                    f"{self.commits.acknowledged[key]}")
        elif offset < expected or offset > expected and not topic.loses_some:
            said = "".join(f"\n    {line}" for line in self.offsets.lines)
            raise Violation(f"{self.group} read {offset} of {ledger.name} after {expected - 1}; its client said:{said}")
        self.expected[key] = offset + 1
        self.uncommitted[key] = offset + 1
        self.context.read(ledger, message)

    def commit(self):
        places = [(topic, partition, offset) for (topic, partition), offset in self.uncommitted.items()]
        self.uncommitted.clear()
        self.commits.attempt(places)
        try:
            answer = self.client.commit(
                offsets=[TopicPartition(*place, metadata=str(place[2])) for place in places], asynchronous=False)
        except KafkaException:
            return
        self.commits.acknowledge(
            [(place.topic, place.partition, place.offset) for place in answer if place.error is None])


class Checker:
    """Reads by assignment, in the order of offsets, and compares with what is known."""

    def __init__(self, run):
        self.context = run
        self.client = Consumer({
            "bootstrap.servers": run.address,
            "group.id": "checker",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "check.crcs": True,
            "fetch.wait.max.ms": 10,
            **PATIENCE,
        })

    def bounds(self, ledger):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                place = TopicPartition(ledger.topic.name, ledger.partition)
                return self.client.get_watermark_offsets(place, timeout=PATIENCE_SECONDS)
            except KafkaException as error:
                # While it learns anew where the leader is, librdkafka says that it knows none.
                if time.monotonic() > deadline or not error.args[0].retriable() and error.args[0].code() not in (
                        KafkaError._UNKNOWN_PARTITION, KafkaError._TRANSPORT):
                    raise Violation(f"the bounds of {ledger.name} cannot be had: {error}") from None
                time.sleep(0.01)

    def read(self, ledger, start, end):
        """The records from `start` to `end`, exclusive. Each partition by itself: the order is what is checked."""
        topic = ledger.topic.name
        self.client.assign([TopicPartition(topic, ledger.partition, start)])
        deadline = time.monotonic() + PATIENCE_SECONDS
        at = start
        while at < end:
            for message in self.client.consume(5000, timeout=0.02):
                error = message.error()
                if error is None:
                    if message.offset() >= end:
                        return
                    at = message.offset() + 1
                    # Patience is for records that do not come: of millions the last one may well come later.
                    deadline = time.monotonic() + PATIENCE_SECONDS
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    if message.offset() >= end:
                        return
                elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                    if ledger.topic.loses_some:
                        return
                    raise Violation(f"{ledger.name} has no offset {at}: it ends before {end}, which was there")
            if time.monotonic() > deadline:
                raise Violation(f"{ledger.name} cannot be read at {at}, before its end {end}")

    def close(self):
        self.client.close()
