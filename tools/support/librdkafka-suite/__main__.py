"""Runs librdkafka's tests against brokers of its own. tools/librdkafka-suite builds what this needs."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from document import write_into
from serving import Broker

AT_ONCE = 3
# In seconds, a test. The tests have limits of their own; this is for those that hang beyond them.
TEST_SECONDS = 300
# As the tests see it: they leave out what that version of Apache Kafka cannot do.
KAFKA_VERSION = "3.3.0"
# Partitions of a topic that is made by its first use, by scenario.
SCENARIOS = {"default": 4, "noautocreate": 0}
TABLE = "tools/librdkafka-suite"


def broker_tests(source):
    """The names of the tests that want a broker and are not for running by hand, with the scenario that each wants."""
    text = (source / "tests/test.c").read_text()
    table = re.search(r"^struct test tests\[\] = \{(.*?)^\};", text, re.MULTILINE | re.DOTALL).group(1)
    for entry in re.split(r"(?=_TEST\()", table):
        found = re.match(r"_TEST\((\w+),\s*([A-Z_0-9x |]+)", entry)
        if found and not re.search("TEST_F_LOCAL|TEST_F_MANUAL", found.group(2)):
            scenario = re.search(r'\.scenario = "(\w+)"', entry)
            yield found.group(1), scenario.group(1) if scenario else "default"


def expectations():
    """Why a test cannot pass, by its name. A part of a test after a colon: that passes, though the whole does not."""
    lines = (HERE / "expected.tsv").read_text().splitlines()
    rows = (line.partition("\t") for line in lines if not line.startswith("#"))
    return {name: reason for name, _, reason in rows}


class Suite:
    def __init__(self, source, logs, brokers, options):
        self.directory = source / "tests"
        self.logs = logs
        self.brokers = brokers
        self.options = options

    def run(self, name, scenario, part=None):
        """"passed", "failed" or "skipped"."""
        broker = self.brokers[scenario]
        label = name if part is None else f"{name}:{part}"
        configuration = self.logs / f"{label}.conf"
        configuration.write_text(
            f"metadata.broker.list={broker}\nbroker.address.family=v4\ntest.topic.random=true\n")
        environment = {
            **os.environ, "TESTS": name, "TEST_SCENARIO": scenario, "TEST_KAFKA_VERSION": KAFKA_VERSION,
            "RDKAFKA_TEST_CONF": str(configuration), "BROKERS": broker, "KAFKA_PATH": str(HERE),
            "LD_LIBRARY_PATH": "../src:../src-cpp", **({} if part is None else {"SUBTESTS": part})}
        with open(self.logs / f"{label}.log", "wb") as log:
            process = subprocess.Popen(
                ["./test-runner", "-L", "-p1", *self.options], cwd=self.directory, env=environment, stdout=log, stderr=log)
            try:
                process.wait(TEST_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                return "failed"
        said = re.sub(r"\x1b\[[0-9;]*m", "", (self.logs / f"{label}.log").read_text(errors="replace"))
        rows = re.findall(rf"^\| {name} +\| +(\w+) \|", said, re.MULTILINE)
        if process.returncode != 0 or not rows:
            return "failed"
        if part is not None and ": PASS" not in said:
            return "failed"
        return rows[-1].lower()


def main():
    parser = argparse.ArgumentParser(prog="librdkafka-suite", add_help=False)
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--document")
    parser.add_argument("--logs", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("tests", nargs="*")
    arguments = parser.parse_args()

    every = dict(broker_tests(arguments.source))
    if unknown := set(arguments.tests) - set(every):
        sys.exit(f"error: librdkafka has no test {', '.join(sorted(unknown))} that wants a broker")
    expected = expectations()
    chosen = [(name, None) for name in arguments.tests or every]
    chosen += [tuple(label.split(":")) for label in expected if ":" in label and (label.split(":")[0], None) in chosen]

    begin = time.monotonic()
    results = {}
    with tempfile.TemporaryDirectory() as work:
        logs = arguments.logs or Path(work) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        brokers = {
            scenario: Broker(arguments.martlet, f"{work}/{scenario}", "--auto-create-partitions", str(partitions))
            for scenario, partitions in SCENARIOS.items()}
        try:
            suite = Suite(arguments.source, logs, {name: broker.address for name, broker in brokers.items()},
                          ["-Q"] if arguments.quick else [])

            def run(test):
                name, part = test
                results[test] = suite.run(name, every[name], part)
                print(f"{time.monotonic() - begin:6.1f} s  {':'.join(filter(None, test))}: {results[test]}",
                      file=sys.stderr, flush=True)

            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(run, chosen))
        finally:
            for broker in brokers.values():
                broker.kill()

    surprises, rows = [], ["| test | result | why |", "|---|---|---|"]
    for test in sorted(results, key=lambda test: (test[0], test[1] or "")):
        label, result = ":".join(filter(None, test)), results[test]
        # A part is in the list because it passes; a whole test, because it does not, unless in quick mode: some do
        # nothing there, others only what can be done.
        cannot = label in expected and test[1] is None
        if (cannot and not arguments.quick) if result == "passed" else not cannot:
            surprises.append(f"{label} {result}")
        name = label if test[1] is None else f"{test[0]}, its part {test[1]}"
        rows.append(f"| {name} | {result} | {expected.get(label, '')} |")
    of_tests = [result for (_, part), result in results.items() if part is None]
    counts = [f"{of_tests.count(kind)} {kind}" for kind in ("passed", "failed", "skipped")]
    table = "\n".join([*rows, "", f"{len(of_tests)} tests: {', '.join(counts)}."])
    print(table)
    if arguments.document:
        write_into(arguments.document, TABLE, table)
    if surprises:
        sys.exit(f"not as expected: {', '.join(surprises)}")


main()
