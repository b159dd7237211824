// NATS JetStream by libnats: see work.h. A stream of one subject, in files, and a connection each. Publishing is
// asynchronous: --variant js by js_PublishAsync; --variant core by publishing with a reply subject, where
// acknowledgements are counted as they come, which costs the client less; --variant batch by batches of --together
// records that are stored as one (servers from 2.12 on). Replay is an ordered push consumer, or with --variant pull a
// pull consumer without acknowledgements, --batch records at a time.
#include "work.h"

#include <nats/nats.h>

static long pendingMax = 8192, batch = 10000;
static size_t together = 1; // records an acknowledgement stands for

struct connection {
    int number;
    natsConnection *nats;
    jsCtx *stream;
    natsSubscription *subscription;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t acknowledged, waitsFor, received;
    char subject[32], name[32], inbox[64];
};

static void must(natsStatus status, const char *what) {
    if (status == NATS_OK) return;
    const char *more = nats_GetLastError(NULL);
    fail("%s: %s %s", what, natsStatus_GetText(status), more == NULL ? "" : more);
}

static void peerPrepare(void) { must(nats_Open(-1), "nats"); }

static bool peerOption(const char *name, const char *value) {
    if (strcmp(name, "--pending") == 0) pendingMax = numberOf(value, 1, 10000000);
    else if (strcmp(name, "--batch") == 0) batch = numberOf(value, 1, 1000000);
    else if (strcmp(name, "--together") == 0) together = (size_t)numberOf(value, 1, 1000);
    else return false;
    return true;
}

static void publishFailed(jsCtx *stream, jsPubAckErr *error, void *context) {
    (void)stream;
    (void)context;
    fail("a record was not taken: %s %s", natsStatus_GetText(error->Err), error->ErrText == NULL ? "" : error->ErrText);
}

static void took(natsConnection *nats, natsSubscription *subscription, natsMsg *message, void *context) {
    (void)nats;
    (void)subscription;
    struct connection *connection = context;
    if (memmem(natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message), "\"seq\":", 6) == NULL)
        fail("a record was not taken: %.*s", natsMsg_GetDataLength(message), natsMsg_GetData(message));
    natsMsg_Destroy(message);
    pthread_mutex_lock(&connection->lock);
    size_t left = work.perConnection - connection->acknowledged;
    connection->acknowledged += left < together ? left : together;
    if (connection->acknowledged >= connection->waitsFor) pthread_cond_signal(&connection->changed);
    pthread_mutex_unlock(&connection->lock);
}

// Waits until `count` records are acknowledged.
static void await(struct connection *connection, size_t count) {
    pthread_mutex_lock(&connection->lock);
    connection->waitsFor = count;
    while (connection->acknowledged < count) pthread_cond_wait(&connection->changed, &connection->lock);
    pthread_mutex_unlock(&connection->lock);
}

static void received(natsConnection *nats, natsSubscription *subscription, natsMsg *message, void *context) {
    (void)nats;
    (void)subscription;
    struct connection *connection = context;
    checkRecord(connection->number, connection->received++, natsMsg_GetData(message),
                (size_t)natsMsg_GetDataLength(message));
    natsMsg_Destroy(message);
    if (connection->received == work.perConnection) {
        pthread_mutex_lock(&connection->lock);
        connection->acknowledged = connection->received;
        pthread_cond_signal(&connection->changed);
        pthread_mutex_unlock(&connection->lock);
    }
}

static void createStream(struct connection *connection) {
    // Settings that this library does not know yet; a server that does not know them either passes over them.
    char subject[64], text[512];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.CREATE.%s", connection->name);
    snprintf(text, sizeof text,
             "{\"name\":\"%s\",\"subjects\":[\"%s\"],\"retention\":\"limits\",\"max_consumers\":-1,\"max_msgs\":-1,"
             "\"max_bytes\":-1,\"discard\":\"old\",\"max_age\":0,\"storage\":\"file\",\"num_replicas\":1%s}",
             connection->name, connection->subject,
             together > 1   ? ",\"allow_atomic\":true"
             : work.durable ? ""
                            : ",\"persist_mode\":\"async\"");
    natsMsg *answer;
    must(natsConnection_RequestString(&answer, connection->nats, subject, text, 10000), "a stream cannot be created");
    if (memmem(natsMsg_GetData(answer), (size_t)natsMsg_GetDataLength(answer), "\"error\"", 7) != NULL)
        fail("a stream cannot be created: %.*s", natsMsg_GetDataLength(answer), natsMsg_GetData(answer));
    natsMsg_Destroy(answer);
}

static void *connectionPrepare(int number) {
    struct connection *connection = calloc(1, sizeof *connection);
    connection->number = number;
    pthread_mutex_init(&connection->lock, NULL);
    pthread_cond_init(&connection->changed, NULL);
    snprintf(connection->name, sizeof connection->name, "bench-%d", number);
    snprintf(connection->subject, sizeof connection->subject, "bench.%d", number);
    char url[128];
    snprintf(url, sizeof url, "nats://%s:%d", work.host, work.port);
    natsOptions *options;
    must(natsOptions_Create(&options), "nats");
    must(natsOptions_SetURL(options, url), "nats");
    must(natsOptions_SetIOBufSize(options, 1 << 18), "nats");
    must(natsOptions_SetMaxPendingMsgs(options, 10000000), "nats");
    must(natsConnection_Connect(&connection->nats, options), "nats cannot be reached");
    jsOptions streams;
    jsOptions_Init(&streams);
    streams.PublishAsync.MaxPending = pendingMax;
    streams.PublishAsync.StallWait = 60000;
    streams.PublishAsync.ErrHandler = publishFailed;
    must(natsConnection_JetStream(&connection->stream, connection->nats, &streams), "jetstream");
    if (!work.replay) {
        createStream(connection);
        if (strcmp(work.variant, "js") != 0) {
            natsInbox *inbox;
            must(natsInbox_Create(&inbox), "nats");
            snprintf(connection->inbox, sizeof connection->inbox, "%s", inbox);
            natsInbox_Destroy(inbox);
            must(natsConnection_Subscribe(&connection->subscription, connection->nats, connection->inbox, took,
                                          connection),
                 "nats");
            must(natsSubscription_SetPendingLimits(connection->subscription, -1, -1), "nats");
            must(natsConnection_Flush(connection->nats), "nats");
        }
    }
    return connection;
}

// Two batches are under way: one is sent while the other is stored.
static void produceBatches(struct connection *connection) {
    for (size_t sent = 0; sent < work.perConnection;) {
        char id[64], number[24];
        snprintf(id, sizeof id, "%d-%zu", connection->number, sent);
        size_t left = work.perConnection - sent, count = left < together ? left : together;
        if (sent >= 2 * together) await(connection, sent - together);
        for (size_t index = 0; index < count; index++) {
            bool isLast = index + 1 == count;
            natsMsg *message;
            must(natsMsg_Create(&message, connection->subject, isLast ? connection->inbox : NULL,
                                recordAt(connection->number, sent + index), (int)work.recordSize),
                 "nats");
            snprintf(number, sizeof number, "%zu", index + 1);
            must(natsMsgHeader_Set(message, "Nats-Batch-Id", id), "nats");
            must(natsMsgHeader_Set(message, "Nats-Batch-Sequence", number), "nats");
            if (isLast) must(natsMsgHeader_Set(message, "Nats-Batch-Commit", "1"), "nats");
            must(natsConnection_PublishMsg(connection->nats, message), "publish");
            natsMsg_Destroy(message);
        }
        sent += count;
    }
    await(connection, work.perConnection);
}

static void produce(struct connection *connection) {
    if (strcmp(work.variant, "batch") == 0) return produceBatches(connection);
    if (strcmp(work.variant, "core") == 0) {
        for (size_t sent = 0; sent < work.perConnection; sent++) {
            if (sent >= (size_t)pendingMax && sent % ((size_t)pendingMax / 2) == 0)
                await(connection, sent - (size_t)pendingMax / 2);
            must(natsConnection_PublishRequest(connection->nats, connection->subject, connection->inbox,
                                               recordAt(connection->number, sent), (int)work.recordSize),
                 "publish");
        }
        await(connection, work.perConnection);
        return;
    }
    for (size_t sent = 0; sent < work.perConnection; sent++)
        must(js_PublishAsync(connection->stream, connection->subject, recordAt(connection->number, sent),
                             (int)work.recordSize, NULL),
             "publish");
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MaxWait = 600000;
    must(js_PublishAsyncComplete(connection->stream, &options), "publish");
}

static void pull(struct connection *connection) {
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = connection->name;
    options.Config.AckPolicy = js_AckNone;
    jsErrCode error = 0;
    must(js_PullSubscribe(&connection->subscription, connection->stream, connection->subject, "replay", NULL, &options,
                          &error),
         "subscribe");
    must(natsSubscription_SetPendingLimits(connection->subscription, -1, -1), "nats");
    while (connection->received < work.perConnection) {
        size_t left = work.perConnection - connection->received;
        natsMsgList list;
        must(natsSubscription_Fetch(&list, connection->subscription, left < (size_t)batch ? (int)left : (int)batch,
                                    10000, &error),
             "fetch");
        if (list.Count == 0) fail("stream %d ends at %zu", connection->number, connection->received);
        for (int index = 0; index < list.Count; index++)
            checkRecord(connection->number, connection->received++, natsMsg_GetData(list.Msgs[index]),
                        (size_t)natsMsg_GetDataLength(list.Msgs[index]));
        natsMsgList_Destroy(&list);
    }
}

static void replay(struct connection *connection) {
    if (strcmp(work.variant, "pull") == 0) return pull(connection);
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = connection->name;
    options.Ordered = true;
    jsErrCode error = 0;
    must(js_Subscribe(&connection->subscription, connection->stream, connection->subject, received, connection, NULL,
                      &options, &error),
         "subscribe");
    await(connection, work.perConnection);
}

static void connectionRun(int number, void *prepared) {
    (void)number;
    if (work.replay) replay(prepared);
    else produce(prepared);
}
