"""The records of the golden batches: what make_batches.py gives to each client, and check_ours.py expects of ours."""

START = 1_700_000_000_000


def record(key, value, timestamp=START, headers=()):
    return {"key": key, "value": value, "timestamp": timestamp, "headers": list(headers)}


def telemetry(count):
    return [
        record(
            b"device-%02d" % (i * 7 % 40),
            b'{"device":"device-%02d","ts":%d,"temperature":%d.%02d,"battery":%d}'
            % (i * 7 % 40, START + i * 250, 15 + i % 13, i * i % 100, 100 - i % 60),
            START + i * 250,
        )
        for i in range(count)
    ]


# Name: records, and what else the batch has.
CASES = {
    # The second is older than the first, so its delta is negative, and the last is years later.
    "plain": (
        [
            record(b"device-1", b"21.5", START),
            record(b"device-2", b"20.25", START - 5000),
            record("gerät-ä€".encode(), "wärmer: 25 °C".encode(), START + 1),
            record(b"device-1", bytes(range(256)), START + 100_000_000_000),
        ],
        {},
    ),
    "one-record": ([record(b"k", b"v", 1)], {}),
    "headers": (
        [
            record(b"a", b"1", headers=[("unit", b"C"), ("none", None), ("empty", b"")]),
            record(b"b", b"2"),
            record(b"c", b"3", headers=[("again", b"1"), ("again", b"2"), ("again", None)]),
            record(None, None, headers=[("wörter", bytes(range(128, 256))), ("", b"a name of no bytes")]),
            record(b"d", b"4", headers=[("h%d" % i, b"x" * i) for i in range(100)]),
        ],
        {},
    ),
    "null-key": ([record(None, b"first"), record(None, b"second")], {}),
    "null-value": ([record(b"deleted", None), record(b"deleted too", None)], {}),
    "null-both": ([record(None, None)], {}),
    "empty-key": ([record(b"", b"first"), record(b"", b"second")], {}),
    "empty-value": ([record(b"first", b""), record(b"second", b"")], {}),
    "mixed": (
        [record(key, value) for key in (None, b"", b"key") for value in (None, b"", b"value")],
        {},
    ),
    # Sizes about those where a length takes another byte: 63/64, 8191/8192.
    "sizes": (
        [
            record(b"k" * n, b"v" * n, START + n)
            for n in (1, 55, 62, 63, 64, 65, 127, 128, 129, 4096, 8191, 8192, 20000)
        ],
        {},
    ),
    "many": (telemetry(1200), {}),
    "idempotent": (telemetry(5), {"idempotent": True}),
    "transactional": (telemetry(5), {"transactional": True}),
    "lz4": (telemetry(100), {"codec": "lz4"}),
    # More than one block of 64 KB.
    "many-lz4": (telemetry(1200), {"codec": "lz4"}),
    "headers-lz4": (
        [
            record(b"same key", b"same value", START + i, headers=[("unit", b"C"), ("unit", b"K"), ("none", None)])
            for i in range(50)
        ]
        + [record(None, b""), record(b"", None)],
        {"codec": "lz4"},
    ),
    "gzip": (telemetry(100), {"codec": "gzip"}),
    "snappy": (telemetry(100), {"codec": "snappy"}),
    "zstd": (telemetry(100), {"codec": "zstd"}),
}
CODECS = {None: 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
