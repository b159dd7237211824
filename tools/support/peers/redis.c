// Redis Streams by hiredis: see work.h. A stream a connection. XADD is pipelined: a window of commands is sent while
// the one before it is executed; --window says how many commands. Replay is XRANGE, --count entries at a time. Replies
// are taken by hiredis's parser as they stand in its buffer, without an object for each; with --variant objects as
// hiredis gives them.
#include "work.h"

#include <hiredis/hiredis.h>

static size_t window = 2000, entriesMax = 5000;

struct connection {
    redisContext *redis;
    int number;
    size_t replies; // to XADD
    size_t entries; // compared
    char lastId[64];
    char input[1 << 18];
};

// An entry is [id, [field, value]], two arrays deep in the array of a reply to XRANGE.
static void *takeString(const redisReadTask *task, char *text, size_t length) {
    struct connection *connection = task->privdata;
    if (task->type == REDIS_REPLY_ERROR) fail("redis: %.*s", (int)length, text);
    if (!work.replay) {
        connection->replies++;
    } else if (task->parent != NULL && task->parent->parent != NULL && task->parent->parent->parent != NULL) {
        if (task->idx == 1) checkRecord(connection->number, connection->entries++, text, length);
    } else if (task->parent != NULL && task->parent->parent != NULL && task->idx == 0) {
        if (length >= sizeof connection->lastId) fail("redis: an id of %zu bytes", length);
        memcpy(connection->lastId, text, length);
        connection->lastId[length] = 0;
    }
    return (void *)1;
}
static void *takeArray(const redisReadTask *task, int count) {
    (void)task;
    (void)count;
    return (void *)1;
}
static void *takeInteger(const redisReadTask *task, long long value) {
    (void)task;
    (void)value;
    return (void *)1;
}
static void *takeNil(const redisReadTask *task) {
    (void)task;
    return (void *)1;
}
static void freeNothing(void *object) { (void)object; }

static redisReplyObjectFunctions functions = {takeString, takeArray, takeInteger, takeNil, freeNothing};

static void takeReply(struct connection *connection) {
    for (;;) {
        void *reply = NULL;
        redisReader *reader = connection->redis->reader;
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) fail("redis: %s", reader->errstr);
        if (reply != NULL) return;
        ssize_t count = read(connection->redis->fd, connection->input, sizeof connection->input);
        if (count <= 0) fail("redis: the connection ended");
        redisReaderFeed(reader, connection->input, (size_t)count);
    }
}

static void sendAll(struct connection *connection, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t sent = write(connection->redis->fd, bytes, count);
        if (sent <= 0) fail("redis: the connection ended");
        bytes += sent;
        count -= (size_t)sent;
    }
}

static void produce(struct connection *connection) {
    char key[32];
    int keyLength = snprintf(key, sizeof key, "stream-%d", connection->number);
    char head[128];
    int headLength = snprintf(head, sizeof head, "*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$1\r\n*\r\n$1\r\nr\r\n$%zu\r\n",
                              keyLength, key, work.recordSize);
    char *commands = malloc(window * ((size_t)headLength + work.recordSize + 2));
    size_t sent = 0;
    while (connection->replies < work.perConnection) {
        char *end = commands;
        for (size_t index = 0; index < window && sent < work.perConnection; index++, sent++) {
            end = mempcpy(end, head, (size_t)headLength);
            end = mempcpy(end, recordAt(connection->number, sent), work.recordSize);
            end = mempcpy(end, "\r\n", 2);
        }
        sendAll(connection, commands, (size_t)(end - commands));
        size_t awaited = sent < work.perConnection ? sent - window : sent;
        while (connection->replies < awaited) takeReply(connection);
    }
}

static void replay(struct connection *connection) {
    while (connection->entries < work.perConnection) {
        size_t before = connection->entries;
        char name[32], start[80], count[32];
        const char *words[] = {"XRANGE", name, start, "+", "COUNT", count};
        snprintf(name, sizeof name, "stream-%d", connection->number);
        snprintf(start, sizeof start, "%s%s", before == 0 ? "" : "(", before == 0 ? "-" : connection->lastId);
        snprintf(count, sizeof count, "%zu", entriesMax);
        char *command;
        int length = redisFormatCommandArgv(&command, 6, words, NULL);
        if (length < 0) fail("redis: no command");
        sendAll(connection, command, (size_t)length);
        free(command);
        takeReply(connection);
        if (connection->entries == before) fail("redis: stream %d ends at %zu", connection->number, before);
    }
}

// As an application does: an object for all of a reply.
static void replayObjects(struct connection *connection) {
    while (connection->entries < work.perConnection) {
        size_t before = connection->entries;
        redisReply *reply = redisCommand(connection->redis, "XRANGE stream-%d %s%s + COUNT %llu", connection->number,
                                         before == 0 ? "" : "(", before == 0 ? "-" : connection->lastId,
                                         (unsigned long long)entriesMax);
        if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) fail("redis: no entries");
        for (size_t index = 0; index < reply->elements; index++) {
            redisReply *entry = reply->element[index], *value = entry->element[1]->element[1];
            checkRecord(connection->number, connection->entries++, value->str, (size_t)value->len);
            snprintf(connection->lastId, sizeof connection->lastId, "%s", entry->element[0]->str);
        }
        freeReplyObject(reply);
        if (connection->entries == before) fail("redis: stream %d ends at %zu", connection->number, before);
    }
}

static void peerPrepare(void) {}

static bool peerOption(const char *name, const char *value) {
    if (strcmp(name, "--window") == 0) window = (size_t)numberOf(value, 1, 1000000);
    else if (strcmp(name, "--count") == 0) entriesMax = (size_t)numberOf(value, 1, 1000000);
    else return false;
    return true;
}

static void *connectionPrepare(int number) {
    struct connection *connection = calloc(1, sizeof *connection);
    connection->number = number;
    connection->redis = redisConnect(work.host, work.port);
    if (connection->redis == NULL || connection->redis->err != 0) fail("redis cannot be reached");
    redisEnableKeepAlive(connection->redis);
    connection->redis->reader->maxbuf = 0;
    if (work.replay && strcmp(work.variant, "objects") == 0) return connection;
    connection->redis->reader->fn = &functions;
    connection->redis->reader->privdata = connection;
    return connection;
}

static void connectionRun(int number, void *prepared) {
    (void)number;
    if (!work.replay) produce(prepared);
    else if (strcmp(work.variant, "objects") == 0) replayObjects(prepared);
    else replay(prepared);
}
