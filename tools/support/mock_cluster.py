#!/usr/bin/env python3
"""librdkafka's mock cluster, for tests of clients: brokers in one process that lead, move and fail as they are told.

    mock_cluster.py BROKERS

Prints the bootstrap address, then takes a command a line and answers each with "ok" or "error: …". Ends when its input
does. The library is the one that confluent-kafka brings, or else the system's.

    topic NAME PARTITIONS              creates a topic, replicated on all brokers
    leader NAME PARTITION BROKER       moves a partition's leadership
    down BROKER | up BROKER            closes a broker and its connections | opens it again
    rtt BROKER MILLISECONDS            how long its answers take
    errors API CODE...                 the next requests of an API are answered with these codes, one each, and not carried
                                       out; -195: the connection is closed instead
    late BROKER API MILLISECONDS       the broker's next request of an API is carried out, and answered so late
    versions API MIN MAX               what the brokers offer of an API
    coordinator GROUP BROKER           moves a group, with its members and what it has committed
    rebalance-delay MILLISECONDS       how long a group waits for more members when the first comes; 3000 if not told
"""
import ctypes
import glob
import os
import socket
import stat
import sys


def close_lent_sockets():
    """A test's process may have lent its connections by accident: what listens there would go on listening here."""
    for descriptor in range(3, 1024):
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as lent:
                is_internet = lent.family in (socket.AF_INET, socket.AF_INET6)
            if is_internet:
                os.close(descriptor)
        except OSError:
            continue


def library():
    """The shared library with the mock cluster in it."""
    candidates = []
    try:
        import confluent_kafka

        folder = os.path.dirname(confluent_kafka.__file__) + ".libs"
        candidates += glob.glob(os.path.join(folder, "librdkafka*.so*"))
        confluent_kafka.libversion()
    except ImportError:
        pass
    for name in candidates + ["librdkafka.so.1"]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    sys.exit("no librdkafka: install confluent-kafka or librdkafka1")


class Cluster:
    PRODUCER = 0

    def __init__(self, broker_count):
        self.api = library()
        pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        for name, result, arguments in [
            ("conf_new", pointer, []),
            ("conf_set", number, [pointer, text, text, text, ctypes.c_size_t]),
            ("new", pointer, [number, pointer, text, ctypes.c_size_t]),
            ("mock_cluster_new", pointer, [pointer, number]),
            ("mock_cluster_bootstraps", text, [pointer]),
            ("mock_topic_create", number, [pointer, text, number, number]),
            ("mock_partition_set_leader", number, [pointer, text, ctypes.c_int32, ctypes.c_int32]),
            ("mock_broker_set_down", number, [pointer, ctypes.c_int32]),
            ("mock_broker_set_up", number, [pointer, ctypes.c_int32]),
            ("mock_broker_set_rtt", number, [pointer, ctypes.c_int32, number]),
            ("mock_push_request_errors_array", None, [pointer, ctypes.c_int16, ctypes.c_size_t, pointer]),
            ("mock_broker_push_request_error_rtts", number, None),
            ("mock_set_apiversion", number, [pointer, ctypes.c_int16, ctypes.c_int16, ctypes.c_int16]),
            ("mock_coordinator_set", number, [pointer, text, text, ctypes.c_int32]),
        ]:
            function = getattr(self.api, "rd_kafka_" + name)
            function.restype, function.argtypes = result, arguments
        message = ctypes.create_string_buffer(512)
        configuration = self.api.rd_kafka_conf_new()
        # The client that the cluster belongs to connects to nothing, and need not say so.
        self.api.rd_kafka_conf_set(configuration, b"log_level", b"3", message, len(message))
        client = self.api.rd_kafka_new(self.PRODUCER, configuration, message, len(message))
        if not client:
            sys.exit(message.value.decode())
        self.brokers = broker_count
        self.cluster = self.api.rd_kafka_mock_cluster_new(client, broker_count)

    @property
    def bootstrap(self):
        return self.api.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def run(self, words):
        """One command. Returns an error code of librdkafka's, 0 for none."""
        api, cluster = self.api, self.cluster
        match words:
            case ["topic", name, partitions]:
                return api.rd_kafka_mock_topic_create(cluster, name.encode(), int(partitions), self.brokers)
            case ["leader", name, partition, broker]:
                return api.rd_kafka_mock_partition_set_leader(cluster, name.encode(), int(partition), int(broker))
            case ["down", broker]:
                return api.rd_kafka_mock_broker_set_down(cluster, int(broker))
            case ["up", broker]:
                return api.rd_kafka_mock_broker_set_up(cluster, int(broker))
            case ["rtt", broker, milliseconds]:
                return api.rd_kafka_mock_broker_set_rtt(cluster, int(broker), int(milliseconds))
            case ["errors", key, *codes]:
                array = (ctypes.c_int * len(codes))(*map(int, codes))
                api.rd_kafka_mock_push_request_errors_array(cluster, int(key), len(codes), array)
                return 0
            case ["late", broker, key, milliseconds]:
                return api.rd_kafka_mock_broker_push_request_error_rtts(
                    ctypes.c_void_p(cluster), ctypes.c_int32(int(broker)), ctypes.c_int16(int(key)),
                    ctypes.c_size_t(1), ctypes.c_int(0), ctypes.c_int(int(milliseconds)))
            case ["versions", key, least, most]:
                return api.rd_kafka_mock_set_apiversion(cluster, int(key), int(least), int(most))
            case ["coordinator", group, broker]:
                return api.rd_kafka_mock_coordinator_set(cluster, b"group", group.encode(), int(broker))
            case ["rebalance-delay", milliseconds]:
                # Not in librdkafka before 2.4, whose groups always wait.
                delay = getattr(api, "rd_kafka_mock_group_initial_rebalance_delay_ms", None)
                if delay is not None:
                    delay(ctypes.c_void_p(cluster), ctypes.c_int32(int(milliseconds)))
                return 0
            case _:
                raise ValueError("no such command")


def main():
    close_lent_sockets()
    cluster = Cluster(int(sys.argv[1]))
    print(cluster.bootstrap, flush=True)
    for line in sys.stdin:
        try:
            code = cluster.run(line.split())
            print("ok" if code == 0 else f"error: {code}", flush=True)
        except (ValueError, TypeError) as error:
            print(f"error: {error}", flush=True)


main()
