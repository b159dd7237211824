"""Runs every client against a broker. tools/compat starts one and calls this; its --help says more."""

import argparse
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import cases
import group_reset
import groups
import old_records
import stored_batches
from cases import Wrong, compare, expect
from client import NotInClient, Record
from client_aiokafka import AIOKafka
from client_confluent import ConfluentKafka
from client_kafka_python import KafkaPython
from client_kcat import Kcat
from crashing_broker import CrashingBroker
from document import write_into
from report import Report

CLIENTS = {client.name: client for client in (Kcat, ConfluentKafka, KafkaPython, AIOKafka)}
# No check may take longer, in seconds.
CHECK_SECONDS = 60
GROUPS_AT_ONCE = 5


@contextmanager
def limited():
    def give_up(*_):
        raise TimeoutError(f"no end after {CHECK_SECONDS} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(CHECK_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


class Run:
    def __init__(self, report, clients, owner):
        self.report = report
        self.clients = clients
        # Makes the topics that the checks of producing and consuming are about.
        self.owner = owner

    def check(self, client, name, call, *arguments):
        """Runs a check. True where it passed."""
        try:
            with limited():
                call(*arguments)
        except NotInClient:
            return False
        except Exception as error:
            problem = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
            self.report.add(client, name, problem)
            return False
        self.report.add(client, name)
        return True

    def produce_and_consume(self):
        sent = {}
        for client in self.clients:
            self.report.say(f"{client.name} produces")
            # Not in the table yet: it is right when everyone reads what was sent.
            sent[client] = [(production, self.problem_of(self.produce, client, production))
                            for production in cases.productions(client)]
        readers = {client: {} for client in self.clients}
        for producer in self.clients:
            topics = [production.topic(producer) for production, problem in sent[producer] if not problem]
            problems = {}
            for reader in self.clients:
                self.report.say(f"{reader.name} consumes what {producer.name} produced")
                read = {}
                failed = self.problem_of(self.consume, reader, topics, read)
                for production, problem in sent[producer]:
                    if problem:
                        continue
                    topic = production.topic(producer)
                    own = {partition: records for (name, partition), records in read.items() if name == topic}
                    problem = failed or self.problem_of(compare, production, producer, own)
                    if problem:
                        problems.setdefault(production, f"{reader.name} reads it: {problem}")
                        readers[reader].setdefault(producer, f"{production.check}: {problem}")
            for production, problem in sent[producer]:
                self.report.add(producer, production.check, problem or problems.get(production))
        for reader in self.clients:
            for producer in self.clients:
                self.report.add(reader, f"consumes what {producer.name} wrote", readers[reader].get(producer))

    def problem_of(self, call, *arguments):
        try:
            with limited():
                call(*arguments)
        except Exception as error:
            return str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
        return None

    def produce(self, client, production):
        topic = production.topic(client)
        if production.creates:
            self.owner.create_topic(topic, 2, production.settings)
        client.produce(topic, production.records_for(client), **production.options)

    def consume(self, reader, topics, read):
        read.update(reader.consume(topics))

    def consume_more(self):
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            cases.write_times(self.owner, codec)
        self.owner.create_topic(cases.LARGE_TOPIC, 1)
        self.owner.produce(cases.LARGE_TOPIC, cases.large(), acks="all")
        for client in self.clients:
            self.report.say(f"{client.name} seeks")
            for name, call in cases.CONSUMING:
                self.check(client, name, call, client)
            self.check(client, "waits at the end for what comes", self.follow, client)

    def follow(self, client):
        topic = cases.name_for(client, "follow")
        self.owner.create_topic(topic, 1)
        self.owner.produce(topic, [Record(0, None, b"before")], acks="all")
        found = client.follow(
            topic, 0, lambda: self.owner.produce(topic, [Record(0, None, b"after")], acks="all"))
        expect("value", found.record.value, b"after")

    def administer(self):
        for client in self.clients:
            self.report.say(f"{client.name} administers")
            self.check(client, "a record that is too large", self.too_large, client)
            for name, call in cases.ADMIN:
                self.check(client, name, call, client)

    def too_large(self, client):
        cases.too_large(client, self.owner)

    # What becomes of old records

    def keep(self):
        """By settings of Martlet's broker, and by some that are its own."""
        old_records.hurry(self.owner)
        try:
            self.compact()
            for client in self.clients:
                self.report.say(f"{client.name} meets retention and times to live")
                for name, call in old_records.CHECKS:
                    self.check(client, name, call, client, self.owner)
                if "change_settings" in type(client).__dict__:
                    self.check(client, "configs: in force at once", old_records.altered, client, self.owner)
                for name, call in old_records.ADMIN:
                    self.check(client, name, call, client)
        finally:
            old_records.stop_hurrying(self.owner)

    def compact(self):
        self.report.say("compacted topics are written and read")
        for codec in old_records.CODECS:
            for client in self.clients:
                self.check(client, f"compacted: writes, {codec}",
                           old_records.write_compacted, client, self.owner, codec)
        for client in self.clients:
            for codec in old_records.CODECS:
                topic = old_records.compacted_topic(client, codec)
                self.check(client, f"compacted: the newest of each key is left, {codec}",
                           old_records.await_compaction, self.owner, topic)
        for client in self.clients:
            self.check(client, "compacted: reads what is left", old_records.read_compacted, client, self.clients)
            self.check(client, "compacted: from an offset that is gone", old_records.from_a_gap, client, client)

    # Groups. Most of their time is waiting, so several are looked at beside each other; each wait has its own limit.

    def consume_in_groups(self, martlet):
        """`martlet`: None where the broker is not Martlet, whose own commands it has not."""
        self.report.say("the clients consume in groups")
        jobs = [(client, name, call, {"client": client.name, **options})
                for client in self.clients for name, call, options in groups.checks(client.name)]
        jobs += [(client, "groups: list, describe, move, delete", groups.administered, {"client": client})
                 for client in self.clients if "list_groups" in type(client).__dict__]
        if martlet:
            jobs += [(client, name, call, {"client": client.name, "martlet": martlet, **options})
                     for client in self.clients for name, call, options in group_reset.checks(client.name)]
        if len(self.clients) > 1:
            names = [client.name for client in self.clients]
            jobs += [(client, "group: together with the other clients", groups.mixed, {"clients": names})
                     for client in self.clients[:1]]
        with ThreadPoolExecutor(GROUPS_AT_ONCE) as pool:
            for (client, name, *_), problem in zip(jobs, pool.map(self.problem_in_group, jobs)):
                self.report.add(client, name, problem)

    def problem_in_group(self, job):
        client, name, call, arguments = job
        try:
            owner = ConfluentKafka(client.broker)
            with groups.Scene(owner, client.broker, groups.name_of(name), client.name) as scene:
                call(scene, **arguments)
        except Exception as error:
            return str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
        return None

    def crash_under_groups(self, martlet):
        self.report.say("the broker is killed under groups")
        jobs = [(client, name, options) for client in self.clients
                for name, options in groups.crash_checks(client.name)]
        with ThreadPoolExecutor(GROUPS_AT_ONCE) as pool:
            problems = pool.map(lambda job: self.problem_in_crash(martlet, *job), jobs)
            for (client, name, _), problem in zip(jobs, problems):
                self.report.add(client, name, problem)

    @staticmethod
    def problem_in_crash(martlet, client, name, options):
        try:
            with CrashingBroker(martlet) as broker:
                owner = ConfluentKafka(broker.address)
                with groups.Scene(owner, broker.address, groups.name_of(name), client.name) as scene:
                    groups.through_a_crash(scene, client.name, broker, **options)
        except Exception as error:
            return str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
        return None

    def delete_topics(self):
        """A broker that ran before keeps none of this run's topics."""
        self.report.say("the topics are deleted")
        for topic in self.owner.list_topics():
            if topic.startswith(cases.PREFIX):
                self.owner.delete_topic(topic)

    def crash(self, martlet):
        with CrashingBroker(martlet) as broker:
            owner = ConfluentKafka(broker.address)
            for client in self.clients:
                self.report.say(f"the broker of {client.name} is killed")
                there = type(client)(broker.address)
                self.check(client, "consumes on after a crash", cases.through_a_crash, there, owner, broker)

    def look_at_files(self, data):
        for client in self.clients:
            self.check(client, "compresses by itself", self.compresses, client, data)

    def compresses(self, client, data):
        for production in cases.productions(client):
            codec = production.options.get("codec", "none")
            if production.settings == cases.AS_SENT and codec != "none":
                stored_batches.expect_codec(data, production.topic(client), codec)


def main():
    parser = argparse.ArgumentParser(prog="compat", add_help=False)
    parser.add_argument("--broker", required=True)
    # Where Martlet itself is under test: its files, and its binary to be killed.
    parser.add_argument("--data")
    parser.add_argument("--martlet")
    parser.add_argument("--client", action="append", choices=CLIENTS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--document")
    arguments = parser.parse_args()
    # What is wrong is in the table; the clients' own logs would stand between the progress.
    logging.disable(logging.CRITICAL)

    report = Report()
    clients = [CLIENTS[name](arguments.broker) for name in arguments.client or CLIENTS]
    run = Run(report, clients, ConfluentKafka(arguments.broker))
    run.produce_and_consume()
    run.consume_more()
    run.administer()
    if arguments.martlet:
        run.keep()
    run.consume_in_groups(arguments.martlet)
    if arguments.data:
        run.look_at_files(arguments.data)
        run.crash(arguments.martlet)
        run.crash_under_groups(arguments.martlet)
    else:
        run.delete_topics()
    if arguments.json:
        print(report.json())
    else:
        print(report.table())
    if arguments.document:
        write_into(arguments.document, "tools/compat", report.markdown())
    sys.exit(1 if report.failed else 0)


main()
