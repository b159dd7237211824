// What the programs beside this file share: the records, the threads, the clocks, and the line that they print.
//
//     PROGRAM produce|replay HOST PORT --records N --record-size S --connections C [--server PID] [--durable] …
//
// Each connection has a thread and a stream (partition, key, subject) of its own, and N / C of the records. They are
// the same for every program. Who replays compares each record with what was written, byte for byte and in order.
#pragma once

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct work {
    bool replay, durable;
    const char *host, *variant;
    int port, connections;
    size_t recordSize, perConnection;
    pid_t server;
    char *records; // connection by connection
    pthread_barrier_t ready;
};

static struct work work;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    _exit(1);
}

static const char *recordAt(int connection, size_t index) {
    return work.records + ((size_t)connection * work.perConnection + index) * work.recordSize;
}

static void checkRecord(int connection, size_t index, const void *bytes, size_t count) {
    if (index >= work.perConnection) fail("stream %d has more records than were written", connection);
    if (count != work.recordSize || memcmp(bytes, recordAt(connection, index), count) != 0)
        fail("record %zu of stream %d is not what was written: %.*s", index, connection, (int)count,
             (const char *)bytes);
}

static uint64_t nextRandom(uint64_t *state) { // splitmix64
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// Telemetry: numbered, of a thousand devices, with readings and an identifier that no compressor foresees.
static void makeRecords(void) {
    size_t count = (size_t)work.connections * work.perConnection;
    work.records = malloc(count * work.recordSize + 1);
    if (work.records == NULL) fail("there is no memory for the records");
    uint64_t state = 2024;
    for (size_t index = 0; index < count; index++) {
        char *record = work.records + index * work.recordSize;
        uint64_t chance = nextRandom(&state);
        char head[160];
        int length =
            snprintf(head, sizeof head,
                     "{\"seq\":%010zu,\"device\":\"sensor-%04u\",\"ts\":%zu,\"t\":%u.%02u,\"h\":%u.%u,\"id\":\"", index,
                     (unsigned)(chance % 1000), 1764460800000 + index, 18 + (unsigned)(chance >> 10) % 8,
                     (unsigned)(chance >> 16) % 100, 40 + (unsigned)(chance >> 24) % 20, (unsigned)(chance >> 32) % 10);
        size_t taken = (size_t)length < work.recordSize ? (size_t)length : work.recordSize;
        memcpy(record, head, taken);
        for (uint64_t bits = 0; taken < work.recordSize; taken++, bits >>= 4) {
            if (bits == 0) bits = nextRandom(&state) | 1ull << 60;
            record[taken] = "0123456789abcdef"[bits & 15];
        }
        if ((size_t)length + 2 < work.recordSize) memcpy(record + work.recordSize - 2, "\"}", 2);
    }
}

static double secondsOf(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) fail("a clock cannot be read: %s", strerror(errno));
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// The processor time of all threads of the server, also of those that have ended.
static double serverSeconds(void) {
    clockid_t clock;
    if (work.server == 0) return 0;
    if (clock_getcpuclockid(work.server, &clock) != 0) fail("process %d is not there", (int)work.server);
    return secondsOf(clock);
}

// Work that the server does after its last answer is its own, too: until it rests, 3 seconds at most.
static double serverSecondsAtRest(void) {
    double used = serverSeconds();
    for (int round = 0; work.server != 0 && round < 15; round++) {
        usleep(200000);
        double now = serverSeconds();
        if (now - used < 0.002) return now;
        used = now;
    }
    return used;
}

// The peers' side: `connectionPrepare` connects, `connectionRun` does the work of one connection and returns when it
// is acknowledged, or compared. Between the two all wait for each other, and the clock starts.
static void *connectionPrepare(int connection);
static void connectionRun(int connection, void *prepared);
static void peerPrepare(void);
static bool peerOption(const char *name, const char *value);

static void *connectionThread(void *argument) {
    int connection = (int)(intptr_t)argument;
    void *prepared = connectionPrepare(connection);
    pthread_barrier_wait(&work.ready);
    pthread_barrier_wait(&work.ready);
    connectionRun(connection, prepared);
    return NULL;
}

static long numberOf(const char *text, long least, long most) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || *end != 0 || end == text || number < least || number > most)
        fail("%s is not a number between %ld and %ld", text, least, most);
    return number;
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    if (count < 4) fail("usage: %s produce|replay HOST PORT --records N …", arguments[0]);
    work.replay = strcmp(arguments[1], "replay") == 0;
    work.host = arguments[2];
    work.port = (int)numberOf(arguments[3], 1, 65535);
    work.connections = 1;
    work.recordSize = 100;
    work.variant = "";
    size_t records = 1000000;
    for (int index = 4; index < count; index++) {
        const char *name = arguments[index];
        if (strcmp(name, "--durable") == 0) {
            work.durable = true;
            continue;
        }
        if (index + 1 == count) fail("%s wants a value", name);
        const char *value = arguments[++index];
        if (strcmp(name, "--records") == 0) records = (size_t)numberOf(value, 1, 1000000000);
        else if (strcmp(name, "--record-size") == 0) work.recordSize = (size_t)numberOf(value, 20, 1000000);
        else if (strcmp(name, "--connections") == 0) work.connections = (int)numberOf(value, 1, 1000);
        else if (strcmp(name, "--server") == 0) work.server = (pid_t)numberOf(value, 0, INT32_MAX);
        else if (strcmp(name, "--variant") == 0) work.variant = value;
        else if (!peerOption(name, value)) fail("there is no option %s", name);
    }
    work.perConnection = records / (size_t)work.connections;
    if (work.perConnection == 0) fail("each connection needs a record");
    makeRecords();
    peerPrepare();

    pthread_t threads[work.connections];
    pthread_barrier_init(&work.ready, NULL, (unsigned)work.connections + 1);
    for (int connection = 0; connection < work.connections; connection++)
        if (pthread_create(&threads[connection], NULL, connectionThread, (void *)(intptr_t)connection) != 0)
            fail("a thread cannot be started");
    pthread_barrier_wait(&work.ready);
    double server = serverSecondsAtRest(), client = secondsOf(CLOCK_PROCESS_CPUTIME_ID),
           start = secondsOf(CLOCK_MONOTONIC);
    pthread_barrier_wait(&work.ready);
    for (int connection = 0; connection < work.connections; connection++) pthread_join(threads[connection], NULL);
    double seconds = secondsOf(CLOCK_MONOTONIC) - start;
    client = secondsOf(CLOCK_PROCESS_CPUTIME_ID) - client;
    server = serverSecondsAtRest() - server;
    printf("{\"records\": %zu, \"seconds\": %.6f, \"client_cpu\": %.6f, \"server_cpu\": %.6f}\n",
           work.perConnection * (size_t)work.connections, seconds, client, server);
    fflush(stdout);
    _exit(0); // the libraries' threads need no farewell
}
