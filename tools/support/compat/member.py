"""A member of a consumer group, as a process: so that it can be killed.

    member.py CLIENT BROKER GROUP TOPIC [--assignor NAME] [--protocol consumer] [--instance NAME] [--commit async]

Says what happens as a line of JSON each, and takes a record for processed when its line is written: only then is it
committed. Ends in order at SIGTERM, and when nobody listens any more.
"""

import argparse
import asyncio
import json
import logging
import signal
import sys

# As short as brokers allow: a member that was killed is missed after this, in milliseconds.
SESSION_MS, HEARTBEAT_MS = 6000, 300


def say(*event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def say_partitions(kind, partitions):
    say(kind, sorted((place.topic, place.partition) for place in partitions))


class Stop:
    """Set by SIGTERM."""

    def __init__(self):
        self.is_set = False
        signal.signal(signal.SIGTERM, self.set)

    def set(self, *_):
        self.is_set = True


def run_confluent(options, stop):
    from confluent_kafka import Consumer, KafkaException

    settings = {
        "bootstrap.servers": options.broker, "group.id": options.group, "auto.offset.reset": "earliest",
        "enable.auto.commit": options.commit == "auto", "auto.commit.interval.ms": 300, "log_level": 0,
        "fetch.wait.max.ms": 50, "reconnect.backoff.max.ms": 200}
    if options.protocol == "consumer":
        settings["group.protocol"] = "consumer"
        if options.assignor:
            settings["group.remote.assignor"] = options.assignor
    else:
        settings |= {"session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": HEARTBEAT_MS,
                     "partition.assignment.strategy": options.assignor or "range"}
    if options.instance:
        settings["group.instance.id"] = options.instance
    consumer = Consumer(settings)

    def commit(asynchronous):
        try:
            consumer.commit(asynchronous=asynchronous)
        except KafkaException as error:
            # Nothing to commit, or the partitions are gone: who has them now reads the records again.
            say("not committed", error.args[0].name())

    def on_revoke(consumer, partitions):
        if options.commit != "auto":
            commit(False)
        say_partitions("revoked", partitions)

    consumer.subscribe(
        [options.topic], on_assign=lambda _, partitions: say_partitions("assigned", partitions), on_revoke=on_revoke,
        on_lost=lambda _, partitions: say_partitions("lost", partitions))
    while not stop.is_set:
        messages = consumer.consume(100, 0.05)
        for message in messages:
            if message.error() is None:
                say("record", message.partition(), message.offset())
            else:
                say("error", message.error().name())
        if messages and options.commit != "auto":
            commit(options.commit == "async")
    if options.commit != "auto":
        commit(False)
    consumer.close()


def run_kafka_python(options, stop):
    from kafka import KafkaConsumer
    from kafka.consumer.subscription_state import ConsumerRebalanceListener
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from kafka.errors import KafkaError

    assignors = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor,
                 "cooperative-sticky": CooperativeStickyAssignor}
    more = {"group_instance_id": options.instance} if options.instance else {}
    consumer = KafkaConsumer(
        bootstrap_servers=options.broker, group_id=options.group, auto_offset_reset="earliest",
        enable_auto_commit=options.commit == "auto", auto_commit_interval_ms=300, session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS, fetch_max_wait_ms=50, reconnect_backoff_max_ms=200,
        partition_assignment_strategy=[assignors[options.assignor or "range"]], **more)

    def commit():
        try:
            if options.commit == "async":
                consumer.commit_async()
            else:
                consumer.commit()
        except KafkaError as error:
            say("not committed", type(error).__name__)

    class Listener(ConsumerRebalanceListener):
        def on_partitions_assigned(self, assigned):
            say_partitions("assigned", assigned)

        def on_partitions_revoked(self, revoked):
            # Committing here is not possible; what was polled before has been committed already.
            say_partitions("revoked", revoked)

        def on_partitions_lost(self, lost):
            say_partitions("lost", lost)

    consumer.subscribe([options.topic], listener=Listener())
    while not stop.is_set:
        # Where a poll ends between SyncGroup's answer and its own work on it, it joins once more, and the leader's join is a
        # rebalance to everybody: 50 ms were not enough beside other work.
        found = consumer.poll(timeout_ms=1000, max_records=100)
        for records in found.values():
            for record in records:
                say("record", record.partition, record.offset)
        if found and options.commit != "auto":
            commit()
    consumer.close()


async def run_aiokafka(options, stop):
    from aiokafka import AIOKafkaConsumer
    from aiokafka.abc import ConsumerRebalanceListener
    from aiokafka.coordinator.assignors.range import RangePartitionAssignor
    from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
    from aiokafka.errors import KafkaError

    assignors = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor,
                 "sticky": StickyPartitionAssignor}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=options.broker, group_id=options.group, auto_offset_reset="earliest",
        enable_auto_commit=options.commit == "auto", auto_commit_interval_ms=300, session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS, fetch_max_wait_ms=50, group_instance_id=options.instance,
        partition_assignment_strategy=[assignors[options.assignor or "range"]])

    async def commit():
        try:
            await consumer.commit()
        except KafkaError as error:
            say("not committed", type(error).__name__)

    class Listener(ConsumerRebalanceListener):
        async def on_partitions_assigned(self, assigned):
            say_partitions("assigned", assigned)

        async def on_partitions_revoked(self, revoked):
            if options.commit != "auto" and revoked:
                await commit()
            say_partitions("revoked", revoked)

    await consumer.start()
    consumer.subscribe([options.topic], listener=Listener())
    while not stop.is_set:
        found = await consumer.getmany(timeout_ms=50, max_records=100)
        for records in found.values():
            for record in records:
                say("record", record.partition, record.offset)
        if found and options.commit != "auto":
            await commit()
    await consumer.stop()


RUNS = {
    "confluent-kafka": run_confluent,
    "kafka-python": run_kafka_python,
    "aiokafka": lambda options, stop: asyncio.run(run_aiokafka(options, stop)),
}


def main():
    parser = argparse.ArgumentParser(prog="member")
    parser.add_argument("client", choices=RUNS)
    parser.add_argument("broker")
    parser.add_argument("group")
    parser.add_argument("topic")
    parser.add_argument("--assignor")
    parser.add_argument("--protocol", default="classic", choices=("classic", "consumer"))
    parser.add_argument("--instance")
    parser.add_argument("--commit", default="sync", choices=("sync", "async", "auto"))
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    RUNS[options.client](options, Stop())
    say("closed")


if __name__ == "__main__":
    main()
