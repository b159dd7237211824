"""aiokafka: each call here runs an event loop of its own."""

import asyncio
import functools
import time

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import BrokerResponseError

from client import PATIENCE, Client, Cluster, NotInClient, Record, Refused, Stored


def blocking(method):
    """The method in an event loop; the broker's errors as `Refused`."""
    @functools.wraps(method)
    def call(*arguments, **more):
        try:
            return asyncio.run(method(*arguments, **more))
        except BrokerResponseError as error:
            raise Refused(error.errno, str(error)) from None
    return call


def expect_ok(code, message):
    if code:
        raise Refused(code, message)


def stored(record):
    return Stored(record.offset, Record(
        record.partition, record.key, record.value, tuple(record.headers), record.timestamp))


class AIOKafka(Client):
    name = "aiokafka"
    version = aiokafka.__version__
    describing_creates = True
    knows_invalid_record = False

    def can_write(self, record):
        return not (record.key is None and record.value is None)

    # Records

    @blocking
    async def produce(self, topic, records, *, acks=None, codec=None, idempotent=None, record_bytes_max=None):
        settings = {"linger_ms": 20}
        if acks is not None:
            settings["acks"] = acks
        if codec not in (None, "none"):
            settings["compression_type"] = codec
        if idempotent is not None:
            settings["enable_idempotence"] = idempotent
        if record_bytes_max is not None:
            settings["max_request_size"] = record_bytes_max
        async with AIOKafkaProducer(bootstrap_servers=self.broker, **settings) as producer:
            futures = [
                await producer.send(
                    topic, value=record.value, key=record.key, partition=record.partition,
                    headers=list(record.headers), timestamp_ms=record.timestamp)
                for record in records]
            await asyncio.wait_for(asyncio.gather(*futures), PATIENCE)

    def make_consumer(self, **more):
        return AIOKafkaConsumer(bootstrap_servers=self.broker, auto_offset_reset="earliest", **more)

    @blocking
    async def consume(self, topics, *, starts=None, read_committed=False, partition_bytes=None):
        settings = {"isolation_level": "read_committed" if read_committed else "read_uncommitted"}
        if partition_bytes is not None:
            settings["max_partition_fetch_bytes"] = partition_bytes
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        try:
            descriptions = await admin.describe_topics(topics)
        finally:
            await admin.close()
        places = [TopicPartition(topic["topic"], part["partition"])
                  for topic in descriptions for part in topic["partitions"]]
        async with self.make_consumer(fetch_max_wait_ms=20, **settings) as consumer:
            return await self.read(consumer, places, lambda place: (starts or {}).get((place.topic, place.partition)))

    async def read(self, consumer, places, start_of):
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            start = start_of(place)
            if start is None:
                await consumer.seek_to_beginning(place)
            else:
                consumer.seek(place, start)
        found = {(place.topic, place.partition): [] for place in places}
        deadline = time.monotonic() + PATIENCE
        while True:
            for place, records in (await consumer.getmany(timeout_ms=100)).items():
                found[place.topic, place.partition] += map(stored, records)
                deadline = time.monotonic() + PATIENCE
            left = [place for place in places if await consumer.position(place) != ends[place]]
            if not left:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"the end of these did not come: {left[:3]}")

    def consume_from_time(self, topic, partition, timestamp):
        offset = self.offset_at(topic, partition, timestamp)
        if offset is None:
            return []
        return self.consume([topic], starts={(topic, partition): offset})[topic, partition]

    @blocking
    async def offset_at(self, topic, partition, timestamp):
        place = TopicPartition(topic, partition)
        async with self.make_consumer() as consumer:
            answer = (await consumer.offsets_for_times({place: timestamp}))[place]
            return None if answer is None else answer.offset

    @blocking
    async def tail(self, topic, partition, count):
        place = TopicPartition(topic, partition)
        async with self.make_consumer() as consumer:
            consumer.assign([place])
            await consumer.seek_to_end(place)
            start = await consumer.position(place) - count
            return (await self.read(consumer, [place], lambda _: start))[topic, partition]

    @blocking
    async def follow(self, topic, partition, produce_one):
        place = TopicPartition(topic, partition)
        async with self.make_consumer() as consumer:
            consumer.assign([place])
            await consumer.seek_to_end(place)
            await consumer.position(place)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                await asyncio.to_thread(produce_one)
                for records in (await consumer.getmany(place, timeout_ms=300)).values():
                    return stored(records[0])
            raise TimeoutError("no record came after the end")

    @blocking
    async def read_through(self, topic, partition, first, total, interrupt):
        place = TopicPartition(topic, partition)
        async with self.make_consumer() as consumer:
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            found, deadline = [], time.monotonic() + PATIENCE
            while len(found) < total and time.monotonic() < deadline:
                wanted = first - len(found) if len(found) < first else total - len(found)
                records = (await consumer.getmany(place, timeout_ms=100, max_records=wanted)).get(place, ())
                found += map(stored, records)
                if len(found) == first and interrupt:
                    await asyncio.to_thread(interrupt)
                    interrupt = None
            return found

    # Admin

    async def ask(self, call):
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker, request_timeout_ms=PATIENCE * 1000)
        await admin.start()
        try:
            return await call(admin)
        finally:
            await admin.close()

    @blocking
    async def create_topic(self, topic, partitions, settings=None, validate_only=False):
        new = NewTopic(topic, partitions, 1, topic_configs=settings or {})
        answer = await self.ask(lambda admin: admin.create_topics([new], validate_only=validate_only))
        expect_ok(*answer.topic_errors[0][1:3])

    @blocking
    async def delete_topic(self, topic):
        answer = await self.ask(lambda admin: admin.delete_topics([topic]))
        expect_ok(answer.topic_error_codes[0][1], "")

    @blocking
    async def list_topics(self):
        return set(await self.ask(lambda admin: admin.list_topics()))

    @blocking
    async def describe_topic(self, topic):
        (answer,) = await self.ask(lambda admin: admin.describe_topics([topic]))
        expect_ok(answer["error_code"], topic)
        return {part["partition"]: (part["leader"], part["replicas"], part["isr"]) for part in answer["partitions"]}

    @blocking
    async def create_partitions(self, topic, count, validate_only=False):
        answer = await self.ask(
            lambda admin: admin.create_partitions({topic: NewPartitions(count)}, validate_only=validate_only))
        expect_ok(*answer.topic_errors[0][1:3])

    @blocking
    async def settings(self, topic):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        (answer,) = await self.ask(lambda admin: admin.describe_configs([resource]))
        (code, message, _, _, entries) = answer.resources[0]
        expect_ok(code, message)
        return {entry[0]: entry[1] for entry in entries}

    @blocking
    async def replace_settings(self, topic, settings):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)
        (answer,) = await self.ask(lambda admin: admin.alter_configs([resource]))
        expect_ok(*answer.resources[0][:2])

    @blocking
    async def delete_records(self, topic, partition, before):
        place = TopicPartition(topic, partition)
        answer = await self.ask(lambda admin: admin.delete_records({place: RecordsToDelete(before)}))
        return answer[place]

    @blocking
    async def describe_cluster(self):
        answer = await self.ask(lambda admin: admin.describe_cluster())
        return Cluster(
            answer["cluster_id"], answer["controller_id"], tuple(broker["node_id"] for broker in answer["brokers"]))

    @blocking
    async def list_offset(self, topic, partition, place):
        if place == "newest":
            raise NotInClient
        partition = TopicPartition(topic, partition)
        async with self.make_consumer() as consumer:
            if place == "earliest":
                return (await consumer.beginning_offsets([partition]))[partition]
            if place == "latest":
                return (await consumer.end_offsets([partition]))[partition]
            return (await consumer.offsets_for_times({partition: place}))[partition].offset

    @blocking
    async def list_groups(self):
        return {name: None for name, _ in await self.ask(lambda admin: admin.list_consumer_groups())}

    @blocking
    async def describe_group(self, group):
        (answer,) = await self.ask(lambda admin: admin.describe_consumer_groups([group]))
        (code, _, state, _, _, members, *_) = answer.groups[0]
        expect_ok(code, group)
        return state.upper(), len(members)

    @blocking
    async def group_offsets(self, group):
        answer = await self.ask(lambda admin: admin.list_consumer_group_offsets(group))
        return {(place.topic, place.partition): found.offset for place, found in answer.items()}
