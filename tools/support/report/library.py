"""The figures that martlet-bench takes: the library and the broker's network side beside C, in one run."""

import json
import subprocess

from figures import Failed, Figure

# By what martlet-bench calls it: what the table does, against what, what it should be.
TARGETS = {
    "encode with CRC, 100 B records, batches of 100":
        ("library: encode with checksum", "C", "≤ 1.1 × C", ("ratio", "<=", 1.1)),
    "append, LZ4, 100 B records": ("library: append with LZ4", "LZ4 alone", "≥ 85 %", ("ratio", ">=", 0.85)),
    "append, no LZ4, 100 B records":
        ("library: append without LZ4, not journaled", "write() of 1 MiB", "≥ 50 %", ("ratio", ">=", 0.5)),
    "scan with CRC, 100 B records": ("library: scan with checksum", "C", "≤ 1.1 × C", ("ratio", "<=", 1.1)),
    "scan with CRC and LZ4, 100 B records":
        ("library: scan with checksum and LZ4", "C", "≤ 1.1 × C", ("ratio", "<=", 1.1)),
    "scan of LZ4 beside its decompressor, 100 B":
        ("the same, records of 100 B", "LZ4's decompressor alone", "≥ 85 %", ("ratio", ">=", 0.85)),
    "scan of LZ4 beside its decompressor, 1000 B":
        ("the same, records of 1,000 B", "LZ4's decompressor alone", "≥ 85 %", ("ratio", ">=", 0.85)),
    "a durable append, median; C: fdatasync":
        ("library: a durable append, median", "fdatasync", "≤ 1.3 × fdatasync", ("ratio", "<=", 1.3)),
    "the same, 2 busy threads, 99 of 100; C: a write":
        ("— beside two busy threads, 99 of 100", "one write in C", "", None),
    "durable appends, 16 callers; C: no log":
        ("library: durable appends, 16 callers", "a write and tasks without a log", "≥ 100,000/s",
         ("value", ">=", 100_000)),
    "durable appends, 256 callers; C: no log":
        ("library: durable appends, 256 callers", "a write and tasks without a log", "≥ 1,000,000/s",
         ("value", ">=", 1_000_000)),
    "offset to file position, warm": ("library: offset lookup, warm", "C", "≤ 100 ns", ("value", "<=", 100)),
    "open, clean, 1000 partitions": ("library: open, clean, 1,000 partitions", None, "< 1 s", ("value", "<=", 1000)),
    "open and close, new directory":
        ("library: open and close a new directory", None, "< 100 ms", ("value", "<=", 100)),
    "open after kill -9 under load (worst)":
        ("library: open after kill -9 under full load, worst of three", None, "≤ 1 s", ("value", "<=", 1000)),
    "produce 64 KiB of LZ4, 10 connections; C: TCP alone":
        ("broker: produce 64 KiB of LZ4, acks=1, 10 connections", "loopback TCP", "≥ 85 %", ("ratio", ">=", 0.85)),
    "the same, acks=all, to 10 partitions; C: rounds":
        ("the same, acks=all (durable), 10 partitions", "durable rounds in C without clients", "≥ 85 %",
         ("ratio", ">=", 0.85)),
    "compressed on arrival, 64 KiB; C: LZ4 alone":
        ("broker: batches compressed on arrival", "one core's LZ4", "≥ 85 %", ("ratio", ">=", 0.85)),
}
# These are named by what was measured.
PREFIXES = {
    "  bytes of 1000 × 1024 B": ("— bytes", "C", "≥ 250 MB/s", ("value", ">=", 250)),
    "  median of 1000 × 1024 B": ("— the median of a round", "C", "≤ 4 ms", ("value", "<=", 4)),
    "  bytes of 10 × 65536 B": ("— bytes", "C", "≥ 1,200 MB/s", ("value", ">=", 1200)),
    "  median of 10 × 65536 B": ("— the median of a round", "C", "", None),
    "  another client, 99 of 100": ("— another client's small requests, 99 of 100", "those beside batches stored as they come",
                                    "≤ 2 ×", ("ratio", "<=", 2)),
    "replay from a time, ":
        ("library: replay of a 10 GB log from a time, first record", None, "≤ 1 ms", ("value", "<=", 1)),
    "requests of ":
        ("broker: requests of about 200 B, 100 connections", "C epoll", "≥ 300,000/s a loop", ("value", ">=", 300_000)),
    "fetch ": ("broker: fetch, cached, 1 MiB", "sendfile", "≥ 100 %", ("ratio", ">=", 1.0)),
    "durable rounds, ": (None, "C, whose files are never synced", "≥ 85 %", ("ratio", ">=", 0.85)),
}
# Lines below another have no name of their own.
BESIDE = "  beside C that does as much"
PROCESSOR = "  processor time of the server"
PROCESSOR_TARGETS = (("produce 64 KiB", 1.1), ("requests of", 1.3), ("fetch ", 1.05))


def measure(options, *parts):
    command = [
        options.bench, "--json", "--directory", str(options.directory / "bench"), "--martlet", options.martlet, *parts]
    if options.smoke:
        command.append("--smoke")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    called = f"`martlet-bench {' '.join(parts)}`"
    figures, before = [], ""
    for measurement in json.loads(done.stdout):
        figures.append(figure(measurement, before, called))
        if not measurement["name"].startswith(" "):
            before = measurement["name"]
    return figures


def figure(measurement, before, command):
    name = measurement["name"]
    path, against, target, bound = name.strip(), None, measurement["target"], None
    if name == PROCESSOR:
        most = next((most for start, most in PROCESSOR_TARGETS if before.startswith(start)), None)
        path, against = "— the server's CPU", "C epoll's"
        target, bound = (f"≤ {most} × C", ("ratio", "<=", most)) if most else ("", None)
    elif name == BESIDE:
        path, against = "— beside C on one core", "C epoll that does as much"
    elif name in TARGETS:
        path, against, target, bound = TARGETS[name]
    else:
        for start, known in PREFIXES.items():
            if name.startswith(start):
                path, against, target, bound = known
                path = path or f"library: {name}"
    return Figure(
        path, measurement["unit"], measurement["runs"], target, bound, command, measurement["yardsticks"], against)
