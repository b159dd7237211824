"""The real binary on a disk that fails at one call: see tools/storage-faults --help."""

import argparse
import concurrent.futures
import errno
import glob
import itertools
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

from wire import Connection, Gone
from workload import IDEMPOTENT, TOPICS, Known, Life, Violation, check

# Nothing is judged by how long it takes: only what hangs comes to these.
START_SECONDS = 120
STOP_SECONDS = 120
ANSWER_SECONDS = 120
LIVES = 3
# After the first one there is a journal to replay: opening meets the faults, too.
KILLED_LIVES = {0}

# By name: what the library is told, for how many calls, and at which it makes sense. A full disk lasts.
FAULTS = {
    "kill": ("kill", 1, "wjsroctum"),
    "torn": ("torn", 1, "wj"),
    "eio": (str(errno.EIO), 1, "wjsroctum"),
    "enospc": (str(errno.ENOSPC), 12, "wjrctm"),
    "short": ("short", 1, "wj"),
    "unreadable": (str(errno.EIO), 1, "pf"),
}
# After these a broker goes on without a restart.
HEALED = {"eio", "enospc", "short", "unreadable"}
# But for what cannot be known to be on the disk (docs/DURABILITY.md): a partition whose sync failed is fenced, and a
# journal that could not be written takes nothing more. The broker says so, of nothing else, and a restart heals it.
FENCED = re.compile(r" partition=(\d+) topic=(\S+) \[EventLog\] a partition may have lost what is not synced")
JOURNAL_GONE = "the journal cannot be written: nothing more is acknowledged"
HEALING_SECONDS = 120
CALLS = {"w": "write", "j": "write to the journal", "s": "sync", "r": "rename", "o": "open", "c": "create", "t": "truncate", "u": "unlink", "m": "mkdir",
         "p": "read", "f": "sendfile"}


class Broker:
    """One life of a broker, with the library or without."""

    def __init__(self, options, directory, fault=None, at=0):
        self.directory, self.fault, self.at = directory, fault, at
        self.log = os.path.join(directory, "broker.log")
        environment = dict(os.environ)
        if fault:
            kind, lasts, _ = FAULTS[fault]
            environment |= {
                "LD_PRELOAD": options.library, "FAULTS_DIRECTORY": os.path.join(directory, "data"),
                "FAULTS_STATE": os.path.join(directory, "state"), "FAULTS_AT": str(at), "FAULTS_FOR": str(lasts),
                "FAULTS_KIND": kind}
        with open(self.log, "ab") as output:
            self.said_before = output.tell()
            self.process = subprocess.Popen(
                [options.martlet, "serve", "--data", os.path.join(directory, "data"), "--listen", "127.0.0.1:0",
                 "--auto-create-partitions", "0", "--set", "offsets.topic.num.partitions=1",
                 "--set", "log.cleaner.backoff.ms=50", "--set", "log.retention.check.interval.ms=100"],
                stdout=output, stderr=output, env=environment)
        self.address = None

    def said(self):
        with open(self.log, errors="replace") as log:
            log.seek(self.said_before)
            return log.read()

    def wait_until_ready(self):
        """False: it ended instead."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            ended = self.process.poll() is not None
            if found := re.search(r" listens on (\S+),", self.said()):
                self.address = found.group(1)
                return not ended
            if ended:
                return False
            if time.monotonic() > deadline:
                raise Violation(f"it neither starts nor ends: {self.said()}")
            time.sleep(0.003)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.wait()

    def wait(self):
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Violation(f"it does not stop: {self.said()}") from None

    def check_end(self, killed):
        """How it ended: by the library, in order, or with a message of what was wrong. Never by a trap."""
        status = self.process.returncode
        said = self.said()
        if status == -signal.SIGKILL and killed:
            return "killed"
        if status < 0 or "Fatal error" in said:
            raise Violation(f"it ended by signal {-status}: {said[-3000:]}")
        if status == 0:
            return "stopped"
        if status not in (1, 3) or not re.search(r"cannot|is damaged|No space left|Input/output error", said):
            raise Violation(f"it ended with status {status} and no word of why: {said}")
        return "gave up"

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def run(options, fault, at):
    """One workload with one fault: what came of it, and what was counted."""
    directory = tempfile.mkdtemp(prefix=f"{fault}-{at}-", dir=options.work)
    brokers = []

    def start(**arguments):
        brokers.append(Broker(options, directory, **arguments))
        return brokers[-1]

    known = Known()
    outcome = {"fault": fault, "at": at, "ends": [], "failure": None}
    try:
        for part in range(LIVES):
            outcome["ends"].append(live(options, start(fault=fault, at=at), known, part, fault))
            if part in KILLED_LIVES:
                leave_writes_half_done(directory)
        state = read_state(directory)
        outcome["calls"] = len(state)
        outcome["call"] = CALLS[state[at - 1]] if 0 < at <= len(state) else None
        outcome["reached"] = at <= len(state)
        for again in range(2):
            broker = start()
            if not broker.wait_until_ready():
                raise Violation(f"without the fault it does not start: {broker.said()}")
            connection = Connection(broker.address, ANSWER_SECONDS)
            check(known, connection, writing=True)
            connection.close()
            broker.stop()
            if broker.check_end(killed=False) != "stopped":
                raise Violation(f"without the fault it does not stop in order: {broker.said()}")
        verified = subprocess.run(
            [options.martlet, "verify", os.path.join(directory, "data")], capture_output=True, text=True)
        if verified.returncode != 0:
            raise Violation(f"martlet verify, status {verified.returncode}: {verified.stdout}{verified.stderr}")
    except Violation as violation:
        outcome["failure"] = str(violation)
    except (Gone, AssertionError, TimeoutError, struct.error) as error:
        outcome["failure"] = f"{type(error).__name__}: {error}: {brokers[-1].said()}"
    for broker in brokers:
        broker.end()
    outcome["state"] = read_state(directory)
    outcome["refusals"] = dict(known.refusals)
    outcome["acknowledged"] = sum(map(len, known.acknowledged.values()))
    if outcome["failure"]:
        outcome["directory"] = directory
    else:
        shutil.rmtree(directory)
    return outcome


def leave_writes_half_done(directory):
    """As if records had been under way that nobody was told of: opening the log cuts them off."""
    for partition in glob.glob(os.path.join(directory, "data", "*-*")):
        # What was compacted has ended, whether another segment follows yet or not: nobody was writing to it.
        if os.path.basename(partition).startswith("compacted-"):
            continue
        # One that is empty may be of a topic that was never made.
        if segments := [path for path in sorted(glob.glob(os.path.join(partition, "*.log"))) if os.path.getsize(path)]:
            with open(segments[-1], "ab") as segment:
                segment.write(bytes(range(100)))


def live(options, broker, known, part, fault):
    killed = fault in ("kill", "torn")
    if broker.wait_until_ready():
        try:
            connection = Connection(broker.address, ANSWER_SECONDS)
            Life(known, connection).run(part)
            connection = read_durable(known, connection, broker)
            if options.expect_healing and fault in HEALED:
                wait_until_healed(known, connection, broker)
            connection.close()
        except Gone:
            # It has been killed; anything else is found out below.
            pass
        except TimeoutError:
            raise Violation(f"it does not answer within {ANSWER_SECONDS} s: {broker.said()}") from None
        if broker.process.poll() is None:
            if part in KILLED_LIVES:
                killed = True
                broker.process.kill()
            else:
                broker.stop()
    broker.wait()
    return broker.check_end(killed)


def read_durable(known, connection, broker):
    """What is durable can be read, whatever has failed. A page that could not be read while it was sent costs the connection:
    the answer's length was sent before."""
    try:
        check(known, connection, writing=False)
        return connection
    except Gone:
        if "f" not in failed_calls(broker) or broker.process.poll() is not None:
            raise
    connection = Connection(broker.address, ANSWER_SECONDS)
    check(known, connection, writing=False)
    return connection


def wait_until_healed(known, connection, broker):
    """What failed goes on without a restart: topics that were refused are created, partitions that refused take records,
    groups commit."""
    life = Life(known, connection)
    deadline = time.monotonic() + HEALING_SECONDS

    def until(done, what):
        while not done():
            if time.monotonic() > deadline:
                raise Violation(f"{what} {HEALING_SECONDS} s after the disk took all again "
                                f"({failed_calls(broker)}): {broker.said()}")
            time.sleep(0.05)

    def created(name, partitions, settings):
        life.create(name, partitions, settings)
        return known.created[name]

    def taken(partition, attempt):
        return attempt() or is_lost(partition, broker)

    for name, (partitions, settings) in TOPICS.items():
        if not known.created.get(name):
            until(lambda: created(name, partitions, settings), f"topic {name} is not created")
    for place in known.places():
        if place != IDEMPOTENT:
            until(lambda: taken("%s-%d" % place, lambda: life.produce(*place)), f"{place} takes nothing")
    until(lambda: taken("__consumer_offsets-0", life.commit), "no offset is committed")
    # Fenced is fenced: it takes nothing until the log is opened again.
    for place in known.places():
        if "%s-%d" % place in fenced(broker.said()) and place != IDEMPOTENT and life.produce(*place):
            raise Violation(f"{place} is fenced and takes records: {broker.said()}")


def fenced(said):
    return {f"{topic}-{partition}" for partition, topic in FENCED.findall(said)}


def is_lost(partition, broker):
    """Whether the broker has said that a partition takes no more until it is started again, with a reason for it."""
    said, failed = broker.said(), failed_calls(broker)
    lost = fenced(said)
    if lost and "s" not in failed:
        raise Violation(f"{lost} are fenced, and no sync failed ({failed}): {said}")
    if JOURNAL_GONE in said and "j" not in failed:
        raise Violation(f"the journal is given up, and no write to it failed ({failed}): {said}")
    return partition in lost or JOURNAL_GONE in said


def failed_calls(broker):
    """The letters of those that the library has let fail."""
    return read_state(broker.directory)[broker.at - 1:broker.at - 1 + FAULTS[broker.fault][1]]


def read_state(directory):
    try:
        with open(os.path.join(directory, "state"), "rb") as file:
            count = struct.unpack("=q", file.read(8))[0]
            return file.read(min(count, 1 << 20)).decode("ascii", "replace")
    except FileNotFoundError:
        return ""


def compile_library(work):
    library = os.path.join(work, "faults.so")
    source = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "faults.c")
    compiler = shutil.which("cc") or shutil.which("clang") or "gcc"
    subprocess.run([compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def parse():
    parser = argparse.ArgumentParser(prog="tools/storage-faults")
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seconds", type=float, default=50)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--at", type=int)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--expect-healing", action="store_true")
    parser.add_argument("--directory")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def main():
    options = parse()
    options.work = os.path.realpath(tempfile.mkdtemp(prefix="storage-faults-", dir=options.directory))
    options.library = compile_library(options.work)
    began = time.monotonic()
    counted = run(options, "kill", 0)
    if counted["failure"]:
        fail(options, [counted])
    letters = counted["state"]
    if len(letters) < 100 or not set("wjsroctumpf") <= set(letters):
        kinds = "".join(sorted(set(letters)))
        print(f"error: of {len(letters)} calls ({kinds}) the library saw too few", file=sys.stderr)
        sys.exit(1)
    cases = {
        fault: [(fault, at) for at in range(1, len(letters) + 1) if letters[at - 1] in allowed]
        for fault, (_, _, allowed) in FAULTS.items()}
    total = sum(map(len, cases.values()))
    cases = mixed(cases.values(), random.Random(options.seed))
    if options.fault or options.at:
        cases = [case for case in cases if options.fault in (None, case[0]) and options.at in (None, case[1])]
    print(f"seed {options.seed}: {len(letters)} calls, {total} places to fail", file=sys.stderr, flush=True)
    outcomes = []
    said = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = set()
        left = iter(cases)
        more = True
        while more or waiting:
            while more and len(waiting) < options.jobs:
                case = next(left, None)
                more = case is not None and (options.all or time.monotonic() - began < options.seconds)
                if more:
                    waiting.add(pool.submit(run, options, *case))
            done, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                outcomes.append(future.result())
                if outcomes[-1]["failure"]:
                    print(describe(outcomes[-1]), file=sys.stderr, flush=True)
            if time.monotonic() - said > 5:
                said = time.monotonic()
                print(f"{len(outcomes)} of {len(cases)} in {said - began:.0f} s", file=sys.stderr, flush=True)
    failed = [outcome for outcome in outcomes if outcome["failure"]]
    ends = {}
    refusals = {}
    for outcome in outcomes:
        for end in outcome["ends"]:
            ends[end] = ends.get(end, 0) + 1
        for code, count in outcome["refusals"].items():
            refusals[code] = refusals.get(code, 0) + count
    result = {
        "seed": options.seed, "calls": len(letters), "places": total, "run": len(outcomes),
        "reached": sum(1 for outcome in outcomes if outcome.get("reached")), "failed": len(failed),
        "by_fault": {fault: sum(outcome["fault"] == fault for outcome in outcomes) for fault in FAULTS},
        "ends": ends, "refusals": refusals, "seconds": round(time.monotonic() - began, 1)}
    if options.json:
        print(json.dumps(result))
    else:
        print(
            f"{result['run']} of {total} places to fail among {len(letters)} calls ("
            + ", ".join(f"{fault} {count}" for fault, count in result["by_fault"].items())
            + f") in {result['seconds']} s; lives of brokers: "
            + ", ".join(f"{count} {end}" for end, count in ends.items())
            + f"; {sum(refusals.values())} requests refused. {len(failed)} failed.")
    if failed:
        fail(options, failed)
    shutil.rmtree(options.work)


def mixed(kinds, dice):
    """In no order, but of each kind as many in any part of it, as long as there are some: most calls are reads."""
    kinds = [dice.sample(cases, len(cases)) for cases in kinds]
    return [case for row in itertools.zip_longest(*kinds) for case in row if case]


def describe(outcome):
    again = f"--fault {outcome['fault']} --at {outcome['at']}"
    return f"error: {again}: {outcome['failure']}\n  kept: {outcome.get('directory')}"


def fail(options, failed):
    for outcome in failed[:20]:
        print(describe(outcome)[:600], file=sys.stderr)
    sys.exit(1)


main()
