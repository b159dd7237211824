"""Replays a topic from the start and from a time in the middle, and compares it record for record with what was sent.

check_replay.py BROKER TOPIC SOURCE
"""

import sys

from confluent_kafka import TopicPartition

from telemetry import by_device, fail, make_consumer, read_lines, replay

broker, topic, path = sys.argv[1:]
consumer = make_consumer(broker)

source = read_lines(path)
records = replay(consumer, topic)
if len(records) != len(source):
    fail(f"{topic} holds {len(records)} records where {len(source)} were sent")
if by_device((record[3], record[4]) for record in records) != by_device(source):
    fail(f"{topic} does not hold each device's records in the order they were sent")

# From a time on: in each partition, from the first record that is as new.
times = sorted(record[2] for record in records)
middle = times[len(times) // 2]
partitions = sorted({record[0] for record in records})
answers = consumer.offsets_for_times([TopicPartition(topic, partition, middle) for partition in partitions], timeout=10)
expected_starts = {
    partition: next((r[1] for r in records if r[0] == partition and r[2] >= middle), -1) for partition in partitions}
starts = {answer.partition: answer.offset for answer in answers}
if starts != expected_starts:
    fail(f"{topic}: from {middle} on are offsets {starts}, where {expected_starts} were due")
later = replay(consumer, topic, starts)
expected = [r for r in records if starts[r[0]] >= 0 and r[1] >= starts[r[0]]]
if sorted(later) != sorted(expected):
    fail(f"{topic}: the replay from {middle} on differs from the one from the start")
consumer.close()
print(f"{len(records)} records from the start, {len(later)} from a time in the middle: equal, record for record")
