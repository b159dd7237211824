"""Hostile clients against a broker. tools/hostile calls this; its --help says more."""

import argparse
import json
import random
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import wire
from attacks import NAMES, Attack, all_of
from document import write_into
from serving import Broker
from witness import TOPIC, Witness

MIB = 1 << 20
BUDGET = 256
# What the broker takes besides: its code, the journal's four buffers of up to 20 MiB, those that connections are read
# into, and what malloc has not given back.
ALLOWANCE = 64
# Of the budget, the share of what members of groups say.
MEMBERS = BUDGET // 4
CONNECTIONS = 3000
# On a busy machine it may never be calm.
CALM_PATIENCE_SECONDS = 30
# Before each attack: so long it is measured what the producer waits without one.
QUIET_SECONDS, QUIET_SECONDS_QUICK = 5, 0.5


class Memory:
    """The largest resident size of a process, by time."""

    def __init__(self, process):
        self.path = Path(f"/proc/{process.pid}/status")
        self.samples = []
        self.is_over = False
        threading.Thread(target=self.run, daemon=True).start()

    def read(self, field):
        return int(re.search(rf"^{field}:\s+(\d+) kB", self.path.read_text(), re.M).group(1)) / 1024

    def run(self):
        while not self.is_over:
            try:
                self.samples.append((time.monotonic(), self.read("VmRSS")))
            except (OSError, AttributeError):
                return
            time.sleep(0.05)

    def most(self, begin, end):
        # Some attacks are over before the next sample.
        return max((size for at, size in self.samples if begin <= at <= end), default=self.samples[-1][1])


def quantile(sorted_values, part):
    return sorted_values[min(len(sorted_values) - 1, int(part * len(sorted_values)))] if sorted_values else None


def figure(value):
    return "-" if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def prepare(address):
    wire.create(address, TOPIC)
    wire.create(address, "sink")
    # One that malformed requests have no name of: they delete topics, too.
    wire.create(address, "flooded")
    wire.create(address, "compacted", cleanup_policy="compact")
    wire.create(address, "large", compression_type="producer")
    client = wire.connect(address)
    for _ in range(8):
        assert wire.produce_code(client, "large", wire.batch(wire.record(bytes(1_000_000)))) == 0
    client.close()


def run(arguments, directory):
    broker = Broker(
        arguments.martlet, f"{directory}/data", "--set", f"max.connections={CONNECTIONS}", "--set",
        f"memory.max.bytes={BUDGET * MIB}", "--set", "partitions.max.count=300", "--set",
        "group.initial.rebalance.delay.ms=0")
    witness = None
    try:
        memory = Memory(broker.process)
        prepare(broker.address)
        witness = Witness(broker.address, directory)
        quiet_seconds = QUIET_SECONDS_QUICK if arguments.quick else QUIET_SECONDS
        time.sleep(quiet_seconds)
        results, problems = [], []
        for name in arguments.only or NAMES:
            attack = Attack(broker.address, f"{arguments.seed} {name}", 0.1 if arguments.quick else 1, arguments.seconds)
            before = time.monotonic()
            time.sleep(quiet_seconds)
            begin = time.monotonic()
            try:
                what = all_of(attack, CONNECTIONS, MEMBERS * MIB)[name]()
            except Exception as error:
                what = f"failed: {type(error).__name__}: {error}"
                problems.append(f"{name}: {what}")
            end = time.monotonic()
            if broker.process.poll() is not None:
                problems.append(f"{name}: the broker has ended with {broker.process.returncode}")
                break
            # What was sent meanwhile is acknowledged while the attackers hold on, however long it takes here.
            if not witness.is_served(begin, end, wire.PATIENCE_SECONDS):
                problems.append(f"{name}: the producer got no acknowledgement in {time.monotonic() - begin:.0f} s")
            attack.close()
            # What an attack leaves, such as memory that is not given back yet, is its doing and not the next one's.
            calm = witness.calm(CALM_PATIENCE_SECONDS)
            quiet, during = witness.between(before, begin), witness.between(begin, calm)
            result = {
                "attack": name, "what": what, "seconds": end - begin, "before_p99": quantile(quiet, 0.99),
                "during_p99": quantile(during, 0.99), "during_most": during[-1] if during else None,
                "acknowledged": len(during), "rss": memory.most(begin, time.monotonic())}
            results.append(result)
            print(f"{name}: {what}; {result['rss']:.0f} MiB", file=sys.stderr)
        memory.is_over = True
        if broker.process.poll() is None:
            sent, wrong = witness.finish()
            problems += wrong
            peak = memory.read("VmHWM")
            if peak > BUDGET + ALLOWANCE:
                problems.append(f"the broker took {peak:.0f} MiB, over {BUDGET} + {ALLOWANCE}")
            return {"seed": arguments.seed, "attacks": results, "records": sent, "peak": peak, "problems": problems}
        return {"seed": arguments.seed, "attacks": results, "records": 0, "peak": 0, "problems": problems}
    finally:
        if witness:
            witness.kill()
        broker.kill()


def table(report):
    lines = [
        "| attack | what came of it | producer's p99 before | p99 meanwhile | longest | memory |",
        "|---|---|---|---|---|---|"]
    for one in report["attacks"]:
        lines.append(
            f"| {one['attack']} | {one['what']} | {figure(one['before_p99'])} ms | {figure(one['during_p99'])} ms | "
            f"{figure(one['during_most'])} ms | {one['rss']:.0f} MiB |")
    lines += ["", f"Memory at most: {report['peak']:.0f} MiB, with `memory.max.bytes` of {BUDGET} MiB. The producer sent "
              f"{report['records']:,} records, one after the other; each was read once and in order. Seed {report['seed']}."]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="hostile", add_help=False)
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", default=str(random.randrange(1 << 32)))
    parser.add_argument("--only", action="append", choices=NAMES)
    parser.add_argument("--document")
    arguments = parser.parse_args()
    arguments.seconds = 2 if arguments.quick else 10
    print(f"seed {arguments.seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as directory:
        report = run(arguments, directory)
    print(json.dumps(report, indent=1) if arguments.json else table(report))
    for problem in report["problems"]:
        print(f"error: {problem}", file=sys.stderr)
    if report["problems"]:
        sys.exit(1)
    if arguments.document:
        write_into(arguments.document, "tools/hostile", table(report))


main()
