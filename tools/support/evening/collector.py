"""A consumer as an operator has many: reads a group's share of a topic, works on each record, commits as it goes.

    collector.py BROKER GROUP TOPIC NAME [SECONDS-A-RECORD]
"""

import signal
import sys
import time

from confluent_kafka import Consumer

broker, group, topic, name = sys.argv[1:5]
work = float(sys.argv[5]) if len(sys.argv) > 5 else 0
stopped = False


def stop(*_):
    global stopped
    stopped = True


signal.signal(signal.SIGTERM, stop)
consumer = Consumer({
    "bootstrap.servers": broker, "group.id": group, "client.id": name, "group.instance.id": name,
    "auto.offset.reset": "earliest", "auto.commit.interval.ms": 500, "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 500, "partition.assignment.strategy": "cooperative-sticky", "log_level": 0})
consumer.subscribe([topic])
while not stopped:
    for message in consumer.consume(1 if work else 500, 0.2):
        if message.error() is None:
            time.sleep(work)
consumer.close()
