"""Compares what kafka-python reads of two topics, partition by partition: same_records.py BROKER TOPIC OTHER"""

import sys

from kafka import KafkaConsumer, TopicPartition


def records(broker, topic):
    consumer = KafkaConsumer(bootstrap_servers=broker, enable_auto_commit=False, auto_offset_reset="earliest")
    partitions = [TopicPartition(topic, index) for index in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    found = {partition.partition: [] for partition in partitions}
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for partition, batch in consumer.poll(timeout_ms=1000).items():
            found[partition.partition] += [(r.timestamp, r.key, r.value, tuple(r.headers)) for r in batch]
    consumer.close()
    return found


broker, topic, other = sys.argv[1:]
one, two = records(broker, topic), records(broker, other)
if one != two:
    sys.exit(f"error: {topic} and {other} are not the same")
print(f"{sum(map(len, one.values())):,} records")
