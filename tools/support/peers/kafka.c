// Kafka's protocol by librdkafka: see work.h. A client and a partition a connection. Durable is acks=all in a topic
// with flush.messages=1, and acks=1 in a topic that flushes when the system likes otherwise. --variant single sends
// each record in a request of its own, as a device does that has one now and then, without waiting for the one before.
// --variant topic creates the topic and nothing else, --variant delete deletes it.
#include "work.h"

#include <librdkafka/rdkafka.h>

static const char *topicName = "bench";
static char addresses[256];

struct connection {
    rd_kafka_t *client;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    size_t acknowledged;
};

static void set(rd_kafka_conf_t *settings, const char *name, const char *value) {
    char text[256];
    if (rd_kafka_conf_set(settings, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) fail("librdkafka: %s", text);
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *context) {
    (void)client;
    if (message->err != 0) fail("a record was not taken: %s", rd_kafka_err2str(message->err));
    ((struct connection *)context)->acknowledged++;
}

static rd_kafka_t *start(rd_kafka_type_t type, rd_kafka_conf_t *settings) {
    char text[256];
    set(settings, "bootstrap.servers", addresses);
    rd_kafka_t *client = rd_kafka_new(type, settings, text, sizeof text);
    if (client == NULL) fail("librdkafka: %s", text);
    return client;
}

static void createTopic(void) {
    char text[256];
    rd_kafka_t *client = start(RD_KAFKA_PRODUCER, rd_kafka_conf_new());
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(topicName, work.connections, 1, text, sizeof text);
    if (topic == NULL) fail("librdkafka: %s", text);
    rd_kafka_NewTopic_set_config(topic, "flush.messages", work.durable ? "1" : "9223372036854775807");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
    if (event == NULL) fail("the topic was not created in time");
    if (rd_kafka_event_error(event) != 0) fail("the topic cannot be created: %s", rd_kafka_event_error_string(event));
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    if (count != 1 || rd_kafka_topic_result_error(results[0]) != 0)
        fail("the topic cannot be created: %s",
             count == 1 ? rd_kafka_topic_result_error_string(results[0]) : "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(client);
}

static void deleteTopic(void) {
    rd_kafka_t *client = start(RD_KAFKA_PRODUCER, rd_kafka_conf_new());
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(topicName);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 30000);
    if (event == NULL) fail("the topic was not deleted in time");
    if (rd_kafka_event_error(event) != 0) fail("the topic cannot be deleted: %s", rd_kafka_event_error_string(event));
}

static void peerPrepare(void) {
    snprintf(addresses, sizeof addresses, "%s:%d", work.host, work.port);
    if (!work.replay) createTopic();
    if (strcmp(work.variant, "delete") == 0) deleteTopic();
    if (strcmp(work.variant, "topic") == 0 || strcmp(work.variant, "delete") == 0) _exit(0);
}

static bool peerOption(const char *name, const char *value) {
    if (strcmp(name, "--topic") != 0) return false;
    topicName = value;
    return true;
}

static void *connectionPrepare(int number) {
    (void)number;
    struct connection *connection = calloc(1, sizeof *connection);
    rd_kafka_conf_t *settings = rd_kafka_conf_new();
    if (work.replay) {
        set(settings, "fetch.message.max.bytes", "8388608");
        set(settings, "fetch.max.bytes", "67108864");
        set(settings, "queued.min.messages", "1000000");
        set(settings, "queued.max.messages.kbytes", "1048576");
    } else {
        rd_kafka_conf_set_opaque(settings, connection);
        rd_kafka_conf_set_dr_msg_cb(settings, delivered);
        set(settings, "acks", work.durable ? "all" : "1");
        set(settings, "queue.buffering.max.messages", "10000000");
        set(settings, "queue.buffering.max.kbytes", "2097151");
        if (strcmp(work.variant, "single") == 0) {
            set(settings, "batch.num.messages", "1");
            set(settings, "linger.ms", "0");
        }
    }
    connection->client = start(work.replay ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, settings);
    connection->topic = rd_kafka_topic_new(connection->client, topicName, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(connection->client, 0, connection->topic, &metadata, 30000);
    if (error != 0) fail("the broker cannot be reached: %s", rd_kafka_err2str(error));
    rd_kafka_metadata_destroy(metadata);
    connection->queue = rd_kafka_queue_new(connection->client);
    return connection;
}

static void produce(int number, struct connection *connection) {
    enum { together = 1000 };
    static __thread rd_kafka_message_t messages[together];
    for (size_t sent = 0; sent < work.perConnection;) {
        int count = work.perConnection - sent < together ? (int)(work.perConnection - sent) : together;
        for (int index = 0; index < count; index++) {
            messages[index].payload = (void *)recordAt(number, sent + (size_t)index);
            messages[index].len = work.recordSize;
            messages[index].err = 0;
        }
        int taken = rd_kafka_produce_batch(connection->topic, number, 0, messages, count);
        // Those that were not taken, for the queue was full, are the last ones.
        for (int index = 0; index < count; index++)
            if ((messages[index].err == 0) != (index < taken) ||
                (index >= taken && messages[index].err != RD_KAFKA_RESP_ERR__QUEUE_FULL))
                fail("librdkafka took no record: %s", rd_kafka_err2str(messages[index].err));
        sent += (size_t)taken;
        rd_kafka_poll(connection->client, taken < count ? 10 : 0);
    }
    while (connection->acknowledged < work.perConnection) rd_kafka_poll(connection->client, 1000);
}

static void replay(int number, struct connection *connection) {
    enum { together = 10000 };
    static __thread rd_kafka_message_t *messages[together];
    if (rd_kafka_consume_start_queue(connection->topic, number, RD_KAFKA_OFFSET_BEGINNING, connection->queue) != 0)
        fail("partition %d cannot be read", number);
    for (size_t received = 0; received < work.perConnection;) {
        size_t left = work.perConnection - received;
        // It waits until as many are there as are asked for.
        ssize_t count =
            rd_kafka_consume_batch_queue(connection->queue, 60000, messages, left < together ? left : together);
        if (count <= 0) fail("partition %d ends at %zu", number, received);
        for (ssize_t index = 0; index < count; index++) {
            if (messages[index]->err != 0) fail("partition %d: %s", number, rd_kafka_message_errstr(messages[index]));
            checkRecord(number, received++, messages[index]->payload, messages[index]->len);
            rd_kafka_message_destroy(messages[index]);
        }
    }
}

static void connectionRun(int number, void *prepared) {
    if (work.replay) replay(number, prepared);
    else produce(number, prepared);
}
