// Kafka's wire protocol in plain C: requests that come most, an answer, and frames cut from a stream. Versions with
// compact lengths and tagged fields.
#ifndef MARTLET_YARDSTICK_WIRE_H
#define MARTLET_YARDSTICK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Bytes of the request that they were read from; null: there are none.
struct yardstick_bytes {
    const uint8_t *start;
    size_t count;
};

/// What comes before a request's body.
struct yardstick_request_header {
    int16_t api, version;
    int32_t correlation;
    struct yardstick_bytes client;
};

struct yardstick_produced {
    int32_t partition;
    struct yardstick_bytes records;
};

/// Of one topic.
struct yardstick_produce_request {
    struct yardstick_request_header header;
    struct yardstick_bytes transaction, topic;
    int16_t acks;
    int32_t timeout, count;
};

struct yardstick_fetched {
    int32_t partition, leader_epoch, last_epoch, bytes_max;
    int64_t offset, log_start;
};

/// Of one topic.
struct yardstick_fetch_request {
    struct yardstick_request_header header;
    struct yardstick_bytes topic, rack;
    int32_t replica, wait, bytes_min, bytes_max, session, session_epoch, count;
    int8_t isolation;
};

/// Read a request without the length before it, Produce of version 9 and Fetch of version 12, and its partitions into
/// `room` places. Every length is checked. False: it is none, or there is no room for it.
bool yardstick_read_produce(
    const uint8_t *frame, size_t count, struct yardstick_produce_request *request,
    struct yardstick_produced *partitions, int32_t room);
bool yardstick_read_fetch(
    const uint8_t *frame, size_t count, struct yardstick_fetch_request *request, struct yardstick_fetched *partitions,
    int32_t room);

struct yardstick_produce_answer {
    int32_t partition;
    int16_t error;
    int64_t base_offset, append_time, log_start;
};

/// Writes an answer to Produce of version 9 of one topic, with the length before it. Returns its size.
size_t yardstick_write_produce_answer(
    int32_t correlation, struct yardstick_bytes topic, const struct yardstick_produce_answer *answers, int32_t count,
    uint8_t *place);

/// The part of a frame that the last read cut off. Begins as zeros; `bytes` is its own.
struct yardstick_rest {
    uint8_t *bytes;
    size_t count, capacity;
};

/// Cuts what a read brought into frames: where they lie in it, but for one that began in the last. Returns how many
/// frames ended, and adds their sizes to `sum`.
size_t yardstick_cut(struct yardstick_rest *rest, const uint8_t *bytes, size_t count, uint64_t *sum);

#endif
