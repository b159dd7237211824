"""How cost grows: one thing in steps of ten, all else as it is. What a record costs the broker's processor must not grow
with anything but its own size."""

from broker import Served, bench, fill, seconds
from svg import chart

# By file name: title, x axis, whether costs are of a record or a megabyte, the flag, its steps, the other flags.
PRODUCE = (
    ("record-size", "Produce: cost over record size", "bytes of a record", "brokerCPUSecondsPerGB", "--record-size",
     (10, 100, 1000, 10_000, 100_000), ()),
    ("batch-size", "Produce: cost over batch size", "bytes of a batch", "brokerCPUSecondsPerMillion", "--batch-size",
     (1000, 10_000, 100_000, 1_000_000), ("--record-size", 100)),
    ("connections", "Produce: cost over connections", "connections", "brokerCPUSecondsPerMillion", "--connections",
     (1, 10, 100, 1000), ("--record-size", 100, "--batch-size", "16kB")),
    ("partitions", "Produce: cost over partitions", "partitions", "brokerCPUSecondsPerMillion", "--partitions",
     (1, 10, 100, 1000, 10_000), ("--record-size", 100, "--batch-size", "16kB")),
)
Y_TITLES = {
    "brokerCPUSecondsPerMillion": "broker's CPU seconds per million records",
    "brokerCPUSecondsPerGB": "broker's CPU seconds per GB",
}


def median(options, figure, *arguments, settings=()):
    # So many files, once deleted, would make the next run wait for as many new ones: see broker.partitions.
    keeps = "--partitions" in arguments and "--consumers" not in arguments
    runs = []
    for run in range(1 if options.smoke else 3):
        name = "-".join(["curve", figure, *map(str, arguments), str(run)]).replace("/", "_")
        with Served(options, name, *settings, keeps=keeps) as served:
            answer = bench(
                options, *arguments, "--seconds", seconds(options, 3), "--warmup", 0.5, *["--keep"] * keeps,
                "--broker", served.address)
            # Hundredths of a second are what the system counts.
            runs.append(max(answer[figure] or 0, 1e-3))
    return sorted(runs)[len(runs) // 2]


def draw(options):
    """Yields a file's name, its image, and the points of each curve."""
    for name, title, x_title, figure, flag, steps, others in PRODUCE:
        steps = steps[:2] if options.smoke else steps
        curves = []
        for label, acks in (("acks=all (durable)", "all"), ("acks=1", "1")):
            points = [
                (step, median(options, figure, "produce", "-z", "lz4", flag, step, "--acks", acks, *others,
                              settings=("max.connections.per.ip=5000",)))
                for step in steps]
            curves.append((label, points))
        yield name, chart(title, x_title, Y_TITLES[figure], curves), curves
    consumers = [
        (step, median(options, "brokerCPUSecondsPerGB", "consume", "--consumers", step, "--partitions", 100,
                      "--fill", 20_000 if options.smoke else 1_000_000))
        for step in ((1, 10) if options.smoke else (1, 10, 100))]
    yield "consumers", chart(
        "Replay: cost over consumers", "consumers", Y_TITLES["brokerCPUSecondsPerGB"],
        [("1 MiB a fetch", consumers)]), [("1 MiB a fetch", consumers)]
    yield log_length(options)


def log_length(options):
    closed, killed = [], []
    for gigabytes in ((0.01, 0.1) if options.smoke else (0.1, 1, 10)):
        with Served(options, "curve") as served:
            fill(options, served, gigabytes)
            served.kill()
            killed.append((gigabytes, opening(options, served, "--kill")))
            bench(options, "open", "--runs", 1, directory=served.data)
            closed.append((gigabytes, opening(options, served)))
    curves = [("after kill -9", killed), ("after a stop", closed)]
    return "log-length", chart("Start over length of the log", "GB in the log", "ms until it answers", curves), curves


def opening(options, served, *arguments):
    return bench(options, "open", "--runs", 5, *arguments, directory=served.data)["medianMilliseconds"]
