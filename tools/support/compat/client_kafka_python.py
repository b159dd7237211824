"""kafka-python."""

import re
import time

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import BrokerResponseError
from kafka.structs import OffsetAndMetadata

from client import PATIENCE, Client, Cluster, Record, Refused, Stored, send_until


def refused(error):
    return Refused(error.errno, str(error))


def unwrap(call, *arguments, **more):
    try:
        return call(*arguments, **more)
    except BrokerResponseError as error:
        raise refused(error) from None


def expect_ok(code, message):
    if code:
        raise Refused(code, message)


def stored(record):
    return Stored(record.offset, Record(
        record.partition, record.key, record.value, tuple(record.headers), record.timestamp))


class KafkaPython(Client):
    name = "kafka-python"
    version = kafka.__version__
    tells_errors_of_settings = False

    def __init__(self, broker):
        super().__init__(broker)
        self.admin = KafkaAdminClient(bootstrap_servers=broker, request_timeout_ms=PATIENCE * 1000)

    def can_write(self, record):
        has_nothing = record.key is None and record.value is None
        return not has_nothing and all(value is not None for _, value in record.headers)

    # Records

    def produce(self, topic, records, *, acks=None, codec=None, idempotent=None, record_bytes_max=None):
        settings = {"linger_ms": 20}
        if acks is not None:
            settings["acks"] = acks
        if acks in (0, 1):
            settings["enable_idempotence"] = False
        if codec not in (None, "none"):
            settings["compression_type"] = codec
        if idempotent is not None:
            settings["enable_idempotence"] = idempotent
        if record_bytes_max is not None:
            settings["max_request_size"] = record_bytes_max
        producer = KafkaProducer(bootstrap_servers=self.broker, **settings)
        try:
            futures = [
                producer.send(
                    topic, value=record.value, key=record.key, partition=record.partition,
                    headers=list(record.headers), timestamp_ms=record.timestamp)
                for record in records]
            producer.flush(PATIENCE)
            for future in futures:
                unwrap(future.get, PATIENCE)
        finally:
            producer.close(PATIENCE)

    def make_consumer(self, **more):
        return KafkaConsumer(bootstrap_servers=self.broker, auto_offset_reset="earliest", **more)

    def consume(self, topics, *, starts=None, read_committed=False, partition_bytes=None):
        settings = {"isolation_level": "read_committed" if read_committed else "read_uncommitted"}
        if partition_bytes is not None:
            settings["max_partition_fetch_bytes"] = partition_bytes
        consumer = self.make_consumer(fetch_max_wait_ms=20, **settings)
        try:
            places = [TopicPartition(topic, partition)
                      for topic in topics for partition in sorted(consumer.partitions_for_topic(topic))]
            return self.read(consumer, places, lambda place: (starts or {}).get((place.topic, place.partition)))
        finally:
            consumer.close()

    def read(self, consumer, places, start_of):
        consumer.assign(places)
        ends = unwrap(consumer.end_offsets, places)
        for place in places:
            start = start_of(place)
            if start is None:
                consumer.seek_to_beginning(place)
            else:
                consumer.seek(place, start)
        found = {(place.topic, place.partition): [] for place in places}
        deadline = time.monotonic() + PATIENCE
        while True:
            for place, records in unwrap(consumer.poll, 100).items():
                found[place.topic, place.partition] += map(stored, records)
                deadline = time.monotonic() + PATIENCE
            left = [place for place in places if self.is_before(consumer, place, ends[place], found)]
            if not left:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"the end of these did not come: {left[:3]}")

    def is_before(self, consumer, place, end, found):
        read = found[place.topic, place.partition]
        if read:
            return read[-1].offset + 1 < end
        return consumer.position(place) < end or consumer.position(place) > end

    def consume_from_time(self, topic, partition, timestamp):
        offset = self.offset_at(topic, partition, timestamp)
        if offset is None:
            return []
        return self.consume([topic], starts={(topic, partition): offset})[topic, partition]

    def offset_at(self, topic, partition, timestamp):
        place = TopicPartition(topic, partition)
        consumer = self.make_consumer()
        try:
            answer = unwrap(consumer.offsets_for_times, {place: timestamp})[place]
            return None if answer is None else answer.offset
        finally:
            consumer.close()

    def tail(self, topic, partition, count):
        place = TopicPartition(topic, partition)
        consumer = self.make_consumer()
        try:
            consumer.assign([place])
            consumer.seek_to_end(place)
            start = consumer.position(place) - count
            return self.read(consumer, [place], lambda _: start)[topic, partition]
        finally:
            consumer.close()

    def follow(self, topic, partition, produce_one):
        place = TopicPartition(topic, partition)
        consumer = self.make_consumer()
        try:
            consumer.assign([place])
            consumer.seek_to_end(place)
            consumer.position(place)

            def poll():
                records = unwrap(consumer.poll, 300).get(place)
                return stored(records[0]) if records else None

            return send_until(produce_one, poll)
        finally:
            consumer.close()

    def read_through(self, topic, partition, first, total, interrupt):
        place = TopicPartition(topic, partition)
        consumer = self.make_consumer(reconnect_backoff_max_ms=200)
        try:
            consumer.assign([place])
            consumer.seek_to_beginning(place)
            found, deadline = [], time.monotonic() + PATIENCE
            while len(found) < total and time.monotonic() < deadline:
                wanted = first - len(found) if len(found) < first else total - len(found)
                found += map(stored, unwrap(consumer.poll, 100, max_records=wanted).get(place, ()))
                if len(found) == first and interrupt:
                    interrupt()
                    interrupt = None
            return found
        finally:
            consumer.close()

    # Admin

    def create_topic(self, topic, partitions, settings=None, validate_only=False):
        options = {"num_partitions": partitions, "replication_factor": 1, "configs": settings or {}}
        answer = self.admin.create_topics({topic: options}, validate_only=validate_only, raise_errors=False)
        expect_ok(answer["topics"][0]["error_code"], answer["topics"][0]["error_message"])

    def delete_topic(self, topic):
        answer = self.admin.delete_topics([topic], raise_errors=False)
        expect_ok(answer["topics"][0]["error_code"], answer["topics"][0]["error_message"])

    def list_topics(self):
        return set(unwrap(self.admin.list_topics))

    def describe_topic(self, topic):
        (answer,) = unwrap(self.admin.describe_topics, [topic])
        expect_ok(answer["error_code"], "")
        return {
            part["partition_index"]: (part["leader_id"], part["replica_nodes"], part["isr_nodes"])
            for part in answer["partitions"]}

    def describe_partitions(self, topics, limit):
        pages, cursor = [], None
        while True:
            answer = self.admin.describe_topic_partitions(topics, limit, cursor)
            for topic in answer["topics"]:
                expect_ok(topic["error_code"], topic["name"])
            pages.append({
                topic["name"]: [part["partition_index"] for part in topic["partitions"]] for topic in answer["topics"]})
            cursor = answer["next_cursor"]
            if cursor is None:
                return pages

    def create_partitions(self, topic, count, validate_only=False):
        answer = self.admin.create_partitions({topic: count}, validate_only=validate_only, raise_errors=False)
        expect_ok(answer.results[0].error_code, answer.results[0].error_message)

    def settings(self, topic):
        return self.settings_of(ConfigResourceType.TOPIC, topic)

    def settings_of(self, kind, name):
        answer = unwrap(self.admin.describe_configs, [ConfigResource(kind, name)], config_filter="all")
        return {setting: entry["value"] for setting, entry in answer[kind.name.lower()][name].items()}

    def broker_settings(self):
        return self.settings_of(ConfigResourceType.BROKER, self.broker_name())

    def broker_name(self):
        return str(self.describe_cluster().nodes[0])

    def alter(self, call, name, settings, incremental, kind=ConfigResourceType.TOPIC):
        resource = ConfigResource(kind, name, settings)
        answer = call([resource], raise_on_unknown=False, incremental=incremental)[kind.name.lower()][name]
        if answer != "OK":
            # The number is in the text alone.
            raise Refused(int(re.match(r"\[Error (\d+)\]", answer).group(1)), answer)

    def replace_settings(self, topic, settings):
        # The second call adds what the topic has already, which after the first is nothing.
        self.alter(self.admin.reset_configs, topic, {}, incremental=False)
        self.alter(self.admin.alter_configs, topic, dict(settings), incremental=False)

    def change_settings(self, topic, settings, unset=()):
        self.alter(self.admin.alter_configs, topic, self.changes(settings, unset), incremental=True)

    def change_broker_settings(self, settings, unset=()):
        self.alter(self.admin.alter_configs, self.broker_name(), self.changes(settings, unset), incremental=True,
                   kind=ConfigResourceType.BROKER)

    @staticmethod
    def changes(settings, unset):
        return {**settings, **{name: ("DELETE", None) for name in unset}}

    def delete_records(self, topic, partition, before):
        place = TopicPartition(topic, partition)
        return unwrap(self.admin.delete_records, {place: before})[place]["low_watermark"]

    def describe_cluster(self):
        answer = unwrap(self.admin.describe_cluster)
        nodes = tuple(broker["broker_id"] for broker in answer["brokers"])
        return Cluster(answer["cluster_id"], answer["controller_id"], nodes)

    def list_offset(self, topic, partition, place):
        specs = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST, "newest": OffsetSpec.MAX_TIMESTAMP}
        spec = specs[place] if isinstance(place, str) else place
        partition = TopicPartition(topic, partition)
        return unwrap(self.admin.list_partition_offsets, {partition: spec})[partition].offset

    def log_bytes(self, topic):
        sizes = {}
        for broker in unwrap(self.admin.describe_log_dirs, [topic]):
            for directory in broker["log_dirs"]:
                expect_ok(directory["error_code"], directory["log_dir"])
                for answer in directory["topics"]:
                    if answer["name"] == topic:
                        sizes |= {part["partition_index"]: part["partition_size"] for part in answer["partitions"]}
        return sizes

    def elect_leader(self, topic, partition):
        answer = unwrap(self.admin.elect_leaders, 0, {topic: [partition]}, raise_errors=False)
        expect_ok(answer.error_code, "")
        (result,) = answer.replica_election_results[0].partition_result
        expect_ok(result.error_code, result.error_message)

    def reassignments(self):
        return unwrap(self.admin.list_partition_reassignments)

    def producers(self, topic, partition):
        place = TopicPartition(topic, partition)
        answer = unwrap(self.admin.describe_producers, [place])[place]
        return [producer.last_sequence for producer in answer.active_producers]

    def list_groups(self):
        return {group["group_id"]: group["group_state"].upper() for group in unwrap(self.admin.list_groups)}

    def describe_group(self, group):
        answer = unwrap(self.admin.describe_groups, [group])[group]
        if answer["error"]:
            raise Refused(int(re.match(r"\[Error (\d+)\]", answer["error"]).group(1)), answer["error"])
        return answer["group_state"].upper(), len(answer["members"])

    def group_offsets(self, group):
        answer = unwrap(self.admin.list_group_offsets, {group: None})[group]
        return {(place.topic, place.partition): found.offset for place, found in answer.items()}

    def move_offsets(self, group, offsets):
        places = {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}
        for error in unwrap(self.admin.alter_group_offsets, group, places).values():
            expect_ok(error.errno, error.__name__)

    def delete_group_offsets(self, group, places):
        answer = unwrap(self.admin.delete_group_offsets, group, [TopicPartition(*place) for place in places])
        for error in answer.values():
            expect_ok(error.errno, error.__name__)

    def delete_group(self, group):
        answer = unwrap(self.admin.delete_groups, [group])[group]
        if answer != "OK":
            # The name of the error's class is all that it says.
            raise Refused(getattr(kafka.errors, answer).errno, answer)
