#!/usr/bin/env python3
"""What kafka-python's assignors give to members of groups of chance, for Tests/KafkaClientTests/AssignorTests.swift.

    python3 -m venv /tmp/kafka-python && /tmp/kafka-python/bin/pip install kafka-python==3.0.12
    /tmp/kafka-python/bin/python make_assignments.py

Writes assignments.jsonl beside itself, a group a line; the same each time. Members stand in Kafka's order, static ones
first: kafka-python loses some where they are mixed. For round robin all want the same topics: where one does not,
kafka-python fails.
"""

import json
import os
import random
from types import SimpleNamespace

from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

GROUPS = 60
# Upper case before lower case, and digits as characters: 10 before 2.
NAMES = ["readings", "Alarms", "events-10", "events-2", "z", "_internal"]


def group(chance, assignor):
    topics = chance.sample(NAMES, chance.randint(1, 4))
    counts = {topic: chance.randint(1, 13) for topic in topics}
    is_uniform = assignor is RoundRobinPartitionAssignor
    members = []
    for number in range(chance.randint(1, 9)):
        wanted = topics if is_uniform else chance.sample(topics, chance.randint(1, len(topics)))
        members.append({
            "id": "%08x-%d" % (chance.getrandbits(32), number),
            "instance": "host-%d" % chance.randrange(100) if chance.random() < 0.3 else None,
            "topics": sorted(wanted),
        })
    if len({m["instance"] for m in members if m["instance"]}) < sum(1 for m in members if m["instance"]):
        return group(chance, assignor)
    members.sort(key=lambda m: (m["instance"] is None, m["instance"] or m["id"]))
    theirs = [
        SimpleNamespace(
            member_id=m["id"], group_instance_id=m["instance"], metadata=SimpleNamespace(topics=m["topics"]))
        for m in members
    ]
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(counts[topic])))
    assigned = assignor.assign(cluster, theirs)
    return {
        "assignor": assignor.name,
        "partitions": counts,
        "members": members,
        "assignment": {
            member: {topic: list(partitions) for topic, partitions in assignment.assigned_partitions}
            for member, assignment in assigned.items()
        },
    }


def main():
    chance = random.Random(1)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "assignments.jsonl"), "w") as file:
        for assignor in (RangePartitionAssignor, RoundRobinPartitionAssignor):
            for _ in range(GROUPS):
                file.write(json.dumps(group(chance, assignor), sort_keys=True) + "\n")


main()
