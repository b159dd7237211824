// Kafka's protocol without a library: see work.h. What a client costs that does nothing but this, as redis.c's commands
// and nats.c's requests are no more than that either. A partition and a connection each. --batch says how many records
// a request has, --inflight how many requests wait for their answers. Replay takes fetches of --fetch bytes; the next
// one is asked for before the records of the last one are looked at.
#include "work.h"

#include <lz4frame.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <sys/socket.h>

static const char *topicName = "bench";
static size_t batchMax = 1, inflightMax = 256, fetchBytes = 4 << 20;

struct connection {
    int number, socket;
    int32_t correlation;
    size_t acknowledged; // records
    char *input;         // received, from `start` to `end`
    size_t capacity, start, end;
    char *output;
};

// MARK: Numbers

static char *put16(char *to, int16_t value) {
    uint16_t big = __builtin_bswap16((uint16_t)value);
    return mempcpy(to, &big, 2);
}
static char *put32(char *to, int32_t value) {
    uint32_t big = __builtin_bswap32((uint32_t)value);
    return mempcpy(to, &big, 4);
}
static char *put64(char *to, int64_t value) {
    uint64_t big = __builtin_bswap64((uint64_t)value);
    return mempcpy(to, &big, 8);
}
static char *putText(char *to, const char *text) {
    size_t length = strlen(text);
    return mempcpy(put16(to, (int16_t)length), text, length);
}
static char *putVarint(char *to, int64_t value) {
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    for (; zigzag >= 0x80; zigzag >>= 7) *to++ = (char)(zigzag | 0x80);
    *to++ = (char)zigzag;
    return to;
}

struct reader {
    const char *at, *end;
};

static const char *take(struct reader *reader, size_t count) {
    if ((size_t)(reader->end - reader->at) < count) fail("an answer ends too early");
    const char *taken = reader->at;
    reader->at += count;
    return taken;
}
static int16_t take16(struct reader *reader) {
    uint16_t big;
    memcpy(&big, take(reader, 2), 2);
    return (int16_t)__builtin_bswap16(big);
}
static int32_t take32(struct reader *reader) {
    uint32_t big;
    memcpy(&big, take(reader, 4), 4);
    return (int32_t)__builtin_bswap32(big);
}
static int64_t take64(struct reader *reader) {
    uint64_t big;
    memcpy(&big, take(reader, 8), 8);
    return (int64_t)__builtin_bswap64(big);
}
static int64_t takeVarint(struct reader *reader) {
    uint64_t zigzag = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = (uint8_t)*take(reader, 1);
        zigzag |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
    }
    fail("a number is too long");
}

static uint32_t crcTable[256];
static void makeCRCTable(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        crcTable[byte] = crc;
    }
}
#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32cByInstruction(const char *bytes, size_t count) {
    uint64_t crc = UINT32_MAX;
    for (; count >= 8; bytes += 8, count -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    for (; count > 0; bytes++, count--) crc = __builtin_ia32_crc32qi((uint32_t)crc, (uint8_t)*bytes);
    return ~(uint32_t)crc;
}
#endif
static uint32_t crc32c(const char *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc32cByInstruction(bytes, count);
#endif
    uint32_t crc = UINT32_MAX;
    for (; count > 0; bytes++, count--) crc = crc >> 8 ^ crcTable[(crc ^ (uint8_t)*bytes) & 0xff];
    return ~crc;
}

// MARK: The socket

static void sendAll(struct connection *connection, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = write(connection->socket, bytes, count);
        if (sent <= 0) fail("the connection ended");
        bytes += sent;
        count -= (size_t)sent;
    }
}

// The next answer, whole; it stays where it is until the next call.
static struct reader receive(struct connection *connection, int32_t correlation) {
    for (;;) {
        size_t have = connection->end - connection->start;
        size_t needed = 4;
        if (have >= 4) {
            struct reader length = {connection->input + connection->start, connection->input + connection->end};
            needed = 4 + (size_t)(uint32_t)take32(&length);
            if (have >= needed) {
                struct reader answer = {length.at, connection->input + connection->start + needed};
                connection->start += needed;
                if (take32(&answer) != correlation) fail("an answer to another request");
                return answer;
            }
        }
        if (connection->start + needed > connection->capacity || connection->capacity - connection->end < 4096) {
            memmove(connection->input, connection->input + connection->start, have);
            connection->start = 0;
            connection->end = have;
            if (needed > connection->capacity) fail("an answer of %zu bytes", needed);
        }
        ssize_t count =
            read(connection->socket, connection->input + connection->end, connection->capacity - connection->end);
        if (count <= 0) fail("the connection ended");
        connection->end += (size_t)count;
    }
}

static char *beginRequest(char *to, int16_t api, int16_t version, int32_t correlation) {
    return putText(put32(put16(put16(to + 4, api), version), correlation), "bench");
}

// MARK: Produce

static size_t recordBytesMax(void) { return work.recordSize + 32; }

static char *putBatch(char *to, int connection, size_t first, size_t count) {
    char *begin = to, *crc = to + 17;
    to = put64(to, 0);
    to = put32(to + 4, -1);
    *to++ = 2;
    to = put16(to + 4, 0);
    to = put32(to, (int32_t)count - 1);
    int64_t timestamp = 1764460800000 + (int64_t)first;
    to = put64(put64(to, timestamp), timestamp + (int64_t)count - 1);
    to = put32(put32(put16(put64(to, -1), -1), -1), (int32_t)count);
    for (size_t index = 0; index < count; index++) {
        char body[32];
        char *end = body;
        *end++ = 0;
        end = putVarint(putVarint(end, (int64_t)index), (int64_t)index);
        end = putVarint(putVarint(end, -1), (int64_t)work.recordSize);
        to = putVarint(to, (end - body) + (int64_t)work.recordSize + 1);
        to = mempcpy(to, body, (size_t)(end - body));
        to = mempcpy(to, recordAt(connection, first + index), work.recordSize);
        *to++ = 0;
    }
    put32(begin + 8, (int32_t)(to - begin - 12));
    put32(crc, (int32_t)crc32c(crc + 4, (size_t)(to - crc - 4)));
    return to;
}

static char *putProduce(char *to, struct connection *connection, size_t first, size_t count) {
    char *begin = to;
    to = beginRequest(to, 0, 7, connection->correlation++);
    to = put32(put16(put16(to, -1), work.durable ? -1 : 1), 30000);
    to = put32(put32(putText(put32(to, 1), topicName), 1), connection->number);
    char *length = to;
    to = putBatch(to + 4, connection->number, first, count);
    put32(length, (int32_t)(to - length - 4));
    put32(begin, (int32_t)(to - begin - 4));
    return to;
}

static void takeProduced(struct connection *connection, int32_t correlation) {
    struct reader answer = receive(connection, correlation);
    if (take32(&answer) != 1) fail("an answer about several topics");
    take(&answer, (size_t)(uint16_t)take16(&answer));
    if (take32(&answer) != 1 || take32(&answer) != connection->number) fail("an answer about another partition");
    int16_t error = take16(&answer);
    if (error != 0) fail("a batch was not taken: error %d", error);
    int64_t offset = take64(&answer);
    if (offset != (int64_t)connection->acknowledged)
        fail("a batch has offset %" PRId64 ", not %zu", offset, connection->acknowledged);
    size_t left = work.perConnection - connection->acknowledged;
    connection->acknowledged += left < batchMax ? left : batchMax;
}

static void produce(struct connection *connection) {
    size_t sent = 0, together = inflightMax / 2 > 0 ? inflightMax / 2 : 1;
    int32_t asked = connection->correlation, answered = asked;
    while (connection->acknowledged < work.perConnection) {
        // Half of what may be under way is sent while the other half is worked on.
        char *end = connection->output;
        for (size_t index = 0; index < together && sent < work.perConnection; index++) {
            size_t left = work.perConnection - sent, count = left < batchMax ? left : batchMax;
            end = putProduce(end, connection, sent, count);
            sent += count;
        }
        sendAll(connection, connection->output, (size_t)(end - connection->output));
        asked = connection->correlation;
        while (answered < asked - (sent < work.perConnection ? (int32_t)together : 0))
            takeProduced(connection, answered++);
    }
}

// MARK: Replay

static void putFetch(struct connection *connection, int64_t offset) {
    char request[512], *to = beginRequest(request, 1, 4, connection->correlation);
    to = put32(put32(put32(put32(to, -1), 10000), 1), (int32_t)fetchBytes);
    *to++ = 0;
    to = put32(put32(putText(put32(to, 1), topicName), 1), connection->number);
    to = put32(put64(to, offset), (int32_t)fetchBytes);
    put32(request, (int32_t)(to - request - 4));
    sendAll(connection, request, (size_t)(to - request));
}

static size_t checkRecords(int connection, struct reader records, int32_t count, size_t index) {
    for (int32_t number = 0; number < count; number++) {
        takeVarint(&records);
        take(&records, 1);
        takeVarint(&records);
        takeVarint(&records);
        int64_t key = takeVarint(&records);
        if (key > 0) take(&records, (size_t)key);
        int64_t length = takeVarint(&records);
        if (length < 0) fail("a record without a value");
        checkRecord(connection, index++, take(&records, (size_t)length), (size_t)length);
        if (takeVarint(&records) != 0) fail("a record with headers");
    }
    return index;
}

static void replay(struct connection *connection) {
    LZ4F_dctx *decompressor;
    LZ4F_createDecompressionContext(&decompressor, LZ4F_VERSION);
    size_t plainCapacity = 16 << 20, received = 0;
    char *plain = malloc(plainCapacity);
    putFetch(connection, 0);
    while (received < work.perConnection) {
        struct reader answer = receive(connection, connection->correlation++);
        take32(&answer);
        if (take32(&answer) != 1) fail("an answer about several topics");
        take(&answer, (size_t)(uint16_t)take16(&answer));
        if (take32(&answer) != 1 || take32(&answer) != connection->number) fail("an answer about another partition");
        int16_t error = take16(&answer);
        if (error != 0) fail("partition %d cannot be read: error %d", connection->number, error);
        take(&answer, 16);
        if (take32(&answer) > 0) fail("aborted transactions");
        int32_t byteCount = take32(&answer);
        struct reader batches = {take(&answer, (size_t)byteCount), answer.at};
        batches.end = answer.at;
        batches.at = answer.at - byteCount;
        // Headers first: they say what is to be asked for next. The last batch may be cut.
        int64_t next = (int64_t)received;
        for (struct reader headers = batches; headers.end - headers.at >= 61;) {
            struct reader header = headers;
            int64_t base = take64(&header);
            int32_t length = take32(&header);
            if (headers.end - headers.at < 12 + (ptrdiff_t)length) break;
            take(&header, 11);
            next = base + take32(&header) + 1;
            take(&headers, 12 + (size_t)length);
            batches.end = headers.at;
        }
        if (next == (int64_t)received) fail("partition %d ends at %zu", connection->number, received);
        if ((size_t)next < work.perConnection) putFetch(connection, next);
        while (batches.at < batches.end) {
            take64(&batches);
            int32_t length = take32(&batches);
            struct reader batch = {take(&batches, (size_t)length), batches.at};
            batch.end = batches.at;
            batch.at = batches.at - length;
            take(&batch, 9);
            int16_t attributes = take16(&batch);
            take(&batch, 34);
            int32_t count = take32(&batch);
            struct reader records = batch;
            if ((attributes & 7) == 3) {
                size_t done = 0;
                for (;;) {
                    size_t produced = plainCapacity - done, consumed = (size_t)(batch.end - batch.at);
                    size_t hint = LZ4F_decompress(decompressor, plain + done, &produced, batch.at, &consumed, NULL);
                    if (LZ4F_isError(hint)) fail("partition %d: %s", connection->number, LZ4F_getErrorName(hint));
                    done += produced;
                    batch.at += consumed;
                    if (hint == 0) break;
                    if (consumed == 0 && produced == 0)
                        fail("partition %d: a frame that does not end", connection->number);
                }
                records = (struct reader){plain, plain + done};
            } else if ((attributes & 7) != 0) {
                fail("a batch of codec %d", attributes & 7);
            }
            received = checkRecords(connection->number, records, count, received);
        }
    }
    free(plain);
}

// MARK: The program

static void peerPrepare(void) { makeCRCTable(); }

static bool peerOption(const char *name, const char *value) {
    if (strcmp(name, "--topic") == 0) topicName = value;
    else if (strcmp(name, "--batch") == 0) batchMax = (size_t)numberOf(value, 1, 100000);
    else if (strcmp(name, "--inflight") == 0) inflightMax = (size_t)numberOf(value, 1, 100000);
    else if (strcmp(name, "--fetch") == 0) fetchBytes = (size_t)numberOf(value, 1, 64 << 20);
    else return false;
    return true;
}

static void *connectionPrepare(int number) {
    struct connection *connection = calloc(1, sizeof *connection);
    connection->number = number;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)work.port)};
    if (inet_pton(AF_INET, work.host, &address.sin_addr) != 1) fail("%s is no IPv4 address", work.host);
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof address) != 0)
        fail("the broker cannot be reached");
    connection->capacity = work.replay ? fetchBytes + (2 << 20) : 1 << 18;
    connection->input = malloc(connection->capacity);
    connection->output = malloc((inflightMax / 2 + 1) * (256 + batchMax * recordBytesMax()));
    if (connection->input == NULL || connection->output == NULL) fail("there is no memory");
    return connection;
}

static void connectionRun(int number, void *prepared) {
    (void)number;
    if (work.replay) replay(prepared);
    else produce(prepared);
}
