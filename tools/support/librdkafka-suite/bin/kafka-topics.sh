#!/usr/bin/env python
"""What librdkafka's tests ask of Apache Kafka's kafka-topics.sh, by confluent-kafka."""

import argparse

from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

parser = argparse.ArgumentParser()
parser.add_argument("--bootstrap-server", required=True)
for flag in ("--create", "--alter", "--delete"):
    parser.add_argument(flag, action="store_true")
parser.add_argument("--topic", required=True)
parser.add_argument("--partitions", type=int, default=-1)
parser.add_argument("--replication-factor", type=int, default=-1)
parser.add_argument("--config", action="append", default=[])
arguments = parser.parse_args()

admin = AdminClient({"bootstrap.servers": arguments.bootstrap_server})
if arguments.create:
    settings = dict(setting.split("=", 1) for setting in arguments.config)
    new = NewTopic(arguments.topic, arguments.partitions, arguments.replication_factor, config=settings)
    answers = admin.create_topics([new])
elif arguments.alter:
    answers = admin.create_partitions([NewPartitions(arguments.topic, arguments.partitions)])
else:
    answers = admin.delete_topics([arguments.topic])
for answer in answers.values():
    answer.result(20)
