"""confluent-kafka: Python around librdkafka."""

import time
import warnings

import confluent_kafka
from confluent_kafka import (
    OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, ElectionType, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition)
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

from client import PATIENCE, Client, Cluster, Record, Refused, Stored, send_until

OFFSET_TAIL_BASE = -2000


def refused(error):
    return Refused(error.code(), error.str())


def result_of(future):
    try:
        return future.result(PATIENCE)
    except KafkaException as exception:
        error = exception.args[0]
        if error.code() == KafkaError._UNSUPPORTED_FEATURE:
            raise RuntimeError(f"the broker does not offer it: {error.str()}") from None
        raise refused(error) from None


def stored(message):
    headers = tuple((name, value) for name, value in message.headers() or ())
    kind, timestamp = message.timestamp()
    return Stored(
        message.offset(), Record(message.partition(), message.key(), message.value(), headers, timestamp))


class ConfluentKafka(Client):
    name = "confluent-kafka"
    version = f"{confluent_kafka.__version__} (librdkafka {confluent_kafka.libversion()[0]})"

    def __init__(self, broker):
        super().__init__(broker)
        self.admin = AdminClient(self.settings_of_client())

    def settings_of_client(self, **more):
        return {"bootstrap.servers": self.broker, "log_level": 0, **more}

    # Records

    def produce(self, topic, records, *, acks=None, codec=None, idempotent=None, record_bytes_max=None):
        settings = self.settings_of_client(**{"linger.ms": 20})
        if acks is not None:
            settings["acks"] = acks
        if codec is not None:
            settings["compression.type"] = codec
        if idempotent is not None:
            settings["enable.idempotence"] = idempotent
        if record_bytes_max is not None:
            settings["message.max.bytes"] = record_bytes_max
        errors = []
        producer = Producer(settings)
        for record in records:
            arguments = {} if record.timestamp is None else {"timestamp": record.timestamp}
            producer.produce(
                topic, value=record.value, key=record.key, partition=record.partition, headers=list(record.headers),
                on_delivery=lambda error, _: errors.append(error) if error else None, **arguments)
            producer.poll(0)
        if left := producer.flush(PATIENCE):
            raise TimeoutError(f"{left} records were not acknowledged")
        if errors:
            raise refused(errors[0])

    def make_consumer(self, **more):
        return Consumer(self.settings_of_client(**{
            # Without groups it is not used, but it must be there.
            "group.id": "compat", "enable.auto.commit": False, "enable.partition.eof": True,
            "auto.offset.reset": "earliest", "check.crcs": True, "fetch.wait.max.ms": 20, **more}))

    def consume(self, topics, *, starts=None, read_committed=False, partition_bytes=None):
        settings = {"isolation.level": "read_committed" if read_committed else "read_uncommitted"}
        if partition_bytes is not None:
            settings["fetch.message.max.bytes"] = partition_bytes
        consumer = self.make_consumer(**settings)
        places = [
            TopicPartition(topic, partition, (starts or {}).get((topic, partition), OFFSET_BEGINNING))
            for topic in topics for partition in self.describe_by_metadata(topic)]
        try:
            return self.read(consumer, places)
        finally:
            consumer.close()

    def read(self, consumer, places):
        left = {(place.topic, place.partition) for place in places}
        found = {place: [] for place in left}
        consumer.assign(places)
        deadline = time.monotonic() + PATIENCE
        while left:
            messages = consumer.consume(10_000, timeout=0.05)
            if messages:
                deadline = time.monotonic() + PATIENCE
            elif time.monotonic() > deadline:
                raise TimeoutError(f"the end of these did not come: {sorted(left)[:3]}")
            for message in messages:
                place = message.topic(), message.partition()
                if message.error() is None:
                    found[place].append(stored(message))
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    left.discard(place)
                else:
                    raise refused(message.error())
        return found

    def consume_from_time(self, topic, partition, timestamp):
        offset = self.offset_at(topic, partition, timestamp)
        if offset is None:
            return []
        return self.consume([topic], starts={(topic, partition): offset})[topic, partition]

    def offset_at(self, topic, partition, timestamp):
        consumer = self.make_consumer()
        try:
            (answer,) = consumer.offsets_for_times([TopicPartition(topic, partition, timestamp)], timeout=PATIENCE)
            if answer.error is not None:
                raise refused(answer.error)
            return None if answer.offset < 0 else answer.offset
        finally:
            consumer.close()

    def tail(self, topic, partition, count):
        consumer = self.make_consumer()
        try:
            return self.read(consumer, [TopicPartition(topic, partition, OFFSET_TAIL_BASE - count)])[topic, partition]
        finally:
            consumer.close()

    def follow(self, topic, partition, produce_one):
        consumer = self.make_consumer(**{"enable.partition.eof": False, "fetch.wait.max.ms": 500})

        def poll():
            message = consumer.poll(0.3)
            if message is None:
                return None
            if message.error() is not None:
                raise refused(message.error())
            return stored(message)

        try:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=PATIENCE)
            consumer.assign([TopicPartition(topic, partition, end)])
            return send_until(produce_one, poll)
        finally:
            consumer.close()

    def read_through(self, topic, partition, first, total, interrupt):
        consumer = self.make_consumer(**{"enable.partition.eof": False, "reconnect.backoff.max.ms": 200})
        try:
            consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
            found, deadline = [], time.monotonic() + PATIENCE
            while len(found) < total and time.monotonic() < deadline:
                # No more than are wanted first, so that the consumer's own queue is all it has read ahead.
                wanted = first - len(found) if len(found) < first else total - len(found)
                for message in consumer.consume(wanted, timeout=0.1):
                    if message.error() is not None:
                        raise refused(message.error())
                    found.append(stored(message))
                if len(found) == first and interrupt:
                    interrupt()
                    interrupt = None
            return found
        finally:
            consumer.close()

    # Admin

    def create_topic(self, topic, partitions, settings=None, validate_only=False):
        new = NewTopic(topic, partitions, 1, config=settings or {})
        result_of(self.admin.create_topics([new], validate_only=validate_only)[topic])

    def delete_topic(self, topic):
        result_of(self.admin.delete_topics([topic])[topic])

    def list_topics(self):
        return set(self.admin.list_topics(timeout=PATIENCE).topics)

    def describe_by_metadata(self, topic):
        description = self.admin.list_topics(topic, timeout=PATIENCE).topics[topic]
        if description.error is not None:
            raise refused(description.error)
        return sorted(description.partitions)

    def describe_topic(self, topic):
        description = result_of(self.admin.describe_topics(TopicCollection([topic]))[topic])
        return {
            part.id: (part.leader.id, [node.id for node in part.replicas], [node.id for node in part.isr])
            for part in description.partitions}

    def create_partitions(self, topic, count, validate_only=False):
        result_of(self.admin.create_partitions([NewPartitions(topic, count)], validate_only=validate_only)[topic])

    def settings(self, topic):
        return self.settings_of(ConfigResource(ResourceType.TOPIC, topic))

    def settings_of(self, resource):
        entries = result_of(self.admin.describe_configs([resource])[resource])
        return {name: entry.value for name, entry in entries.items()}

    def broker_settings(self):
        return self.settings_of(ConfigResource(ResourceType.BROKER, self.broker_name()))

    def broker_name(self):
        return str(self.describe_cluster().nodes[0])

    def replace_settings(self, topic, settings):
        resource = ConfigResource(ResourceType.TOPIC, topic, set_config=settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            answers = self.admin.alter_configs([resource])
        result_of(answers[resource])

    def change_settings(self, topic, settings, unset=()):
        self.change(ResourceType.TOPIC, topic, settings, unset)

    def change_broker_settings(self, settings, unset=()):
        self.change(ResourceType.BROKER, self.broker_name(), settings, unset)

    def change(self, kind, name, settings, unset):
        entries = [ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
                   for setting, value in settings.items()]
        entries += [ConfigEntry(setting, None, incremental_operation=AlterConfigOpType.DELETE) for setting in unset]
        resource = ConfigResource(kind, name, incremental_configs=entries)
        result_of(self.admin.incremental_alter_configs([resource])[resource])

    def delete_records(self, topic, partition, before):
        place = TopicPartition(topic, partition, before)
        return result_of(self.admin.delete_records([place])[place]).low_watermark

    def describe_cluster(self):
        answer = result_of(self.admin.describe_cluster())
        return Cluster(answer.cluster_id, answer.controller.id, tuple(node.id for node in answer.nodes))

    def list_offset(self, topic, partition, place):
        specs = {"earliest": OffsetSpec.earliest, "latest": OffsetSpec.latest, "newest": OffsetSpec.max_timestamp}
        spec = specs[place]() if isinstance(place, str) else OffsetSpec.for_timestamp(place)
        partition = TopicPartition(topic, partition)
        return result_of(self.admin.list_offsets({partition: spec})[partition]).offset

    def elect_leader(self, topic, partition):
        place = TopicPartition(topic, partition)
        error = result_of(self.admin.elect_leaders(ElectionType.PREFERRED, [place]))[place]
        if error is not None:
            raise refused(error.args[0] if isinstance(error, KafkaException) else error)

    def list_groups(self):
        answer = result_of(self.admin.list_consumer_groups())
        return {group.group_id: group.state.name for group in answer.valid}

    def describe_group(self, group):
        answer = result_of(self.admin.describe_consumer_groups([group])[group])
        return answer.state.name, len(answer.members)

    def group_offsets(self, group):
        answer = result_of(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group])
        return {(place.topic, place.partition): place.offset for place in answer.topic_partitions}

    def move_offsets(self, group, offsets):
        places = [TopicPartition(*place, offset) for place, offset in offsets.items()]
        request = ConsumerGroupTopicPartitions(group, places)
        for place in result_of(self.admin.alter_consumer_group_offsets([request])[group]).topic_partitions:
            if place.error is not None:
                raise refused(place.error)

    def delete_group(self, group):
        result_of(self.admin.delete_consumer_groups([group])[group])
