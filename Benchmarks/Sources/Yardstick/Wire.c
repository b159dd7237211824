#include "Wire.h"
#include <stdlib.h>
#include <string.h>

// ---- Reading

/// Once something was not there, nothing is: one look at the end tells.
struct reader {
    const uint8_t *at, *end;
    bool has_failed;
};

static inline uint64_t number(struct reader *reader, int count) {
    if (reader->end - reader->at < count) {
        reader->has_failed = true;
        return 0;
    }
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value = value << 8 | reader->at[i];
    reader->at += count;
    return value;
}

static inline uint32_t varint(struct reader *reader) {
    uint32_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        uint32_t byte = (uint32_t)number(reader, 1);
        value |= (byte & 127) << shift;
        if (byte < 128) return value;
    }
    reader->has_failed = true;
    return 0;
}

static inline struct yardstick_bytes bytes(struct reader *reader, size_t count) {
    if ((size_t)(reader->end - reader->at) < count) {
        reader->has_failed = true;
        return (struct yardstick_bytes){0};
    }
    struct yardstick_bytes bytes = {reader->at, count};
    reader->at += count;
    return bytes;
}

static inline struct yardstick_bytes compact_bytes(struct reader *reader) {
    uint32_t length = varint(reader);
    return length ? bytes(reader, length - 1) : (struct yardstick_bytes){0};
}

/// None of the fields that have a number is wanted.
static inline void skip_tags(struct reader *reader) {
    for (uint32_t left = varint(reader); left && !reader->has_failed; left--) {
        varint(reader);
        bytes(reader, varint(reader));
    }
}

static struct yardstick_request_header read_header(struct reader *reader) {
    struct yardstick_request_header header = {0};
    header.api = (int16_t)number(reader, 2);
    header.version = (int16_t)number(reader, 2);
    header.correlation = (int32_t)number(reader, 4);
    int16_t length = (int16_t)number(reader, 2);
    if (length >= 0) header.client = bytes(reader, (size_t)length);
    skip_tags(reader);
    return header;
}

/// How many elements an array has, of those that there is room for.
static int32_t read_count(struct reader *reader, int32_t most) {
    uint32_t count = varint(reader) - 1;
    if (count > (uint32_t)most) reader->has_failed = true;
    return reader->has_failed ? 0 : (int32_t)count;
}

bool yardstick_read_produce(
    const uint8_t *frame, size_t count, struct yardstick_produce_request *request,
    struct yardstick_produced *partitions, int32_t room)
{
    struct reader reader = {frame, frame + count, false};
    request->header = read_header(&reader);
    request->transaction = compact_bytes(&reader);
    request->acks = (int16_t)number(&reader, 2);
    request->timeout = (int32_t)number(&reader, 4);
    if (read_count(&reader, 1) != 1) return false;
    request->topic = compact_bytes(&reader);
    request->count = read_count(&reader, room);
    for (int32_t i = 0; i < request->count; i++) {
        partitions[i].partition = (int32_t)number(&reader, 4);
        partitions[i].records = compact_bytes(&reader);
        skip_tags(&reader);
    }
    skip_tags(&reader);
    skip_tags(&reader);
    return !reader.has_failed;
}

static void read_fetched(struct reader *reader, struct yardstick_fetched *fetched) {
    fetched->partition = (int32_t)number(reader, 4);
    fetched->leader_epoch = (int32_t)number(reader, 4);
    fetched->offset = (int64_t)number(reader, 8);
    fetched->last_epoch = (int32_t)number(reader, 4);
    fetched->log_start = (int64_t)number(reader, 8);
    fetched->bytes_max = (int32_t)number(reader, 4);
    skip_tags(reader);
}

bool yardstick_read_fetch(
    const uint8_t *frame, size_t count, struct yardstick_fetch_request *request, struct yardstick_fetched *partitions,
    int32_t room)
{
    struct reader reader = {frame, frame + count, false};
    request->header = read_header(&reader);
    request->replica = (int32_t)number(&reader, 4);
    request->wait = (int32_t)number(&reader, 4);
    request->bytes_min = (int32_t)number(&reader, 4);
    request->bytes_max = (int32_t)number(&reader, 4);
    request->isolation = (int8_t)number(&reader, 1);
    request->session = (int32_t)number(&reader, 4);
    request->session_epoch = (int32_t)number(&reader, 4);
    if (read_count(&reader, 1) != 1) return false;
    request->topic = compact_bytes(&reader);
    request->count = read_count(&reader, room);
    for (int32_t i = 0; i < request->count; i++) read_fetched(&reader, partitions + i);
    skip_tags(&reader);
    // Partitions that leave the session: none.
    if (read_count(&reader, 0) != 0) return false;
    request->rack = compact_bytes(&reader);
    skip_tags(&reader);
    return !reader.has_failed;
}

// ---- Writing

static inline uint8_t *put(uint8_t *at, uint64_t value, int count) {
    for (int i = 0; i < count; i++) at[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
    return at + count;
}

static inline uint8_t *put_varint(uint8_t *at, uint32_t value) {
    for (; value >= 128; value >>= 7) *at++ = (uint8_t)(value | 128);
    *at++ = (uint8_t)value;
    return at;
}

size_t yardstick_write_produce_answer(
    int32_t correlation, struct yardstick_bytes topic, const struct yardstick_produce_answer *answers, int32_t count,
    uint8_t *place)
{
    uint8_t *at = put(place + 4, (uint32_t)correlation, 4);
    *at++ = 0;
    at = put_varint(at, 2);
    at = put_varint(at, (uint32_t)topic.count + 1);
    memcpy(at, topic.start, topic.count);
    at = put_varint(at + topic.count, (uint32_t)count + 1);
    for (const struct yardstick_produce_answer *answer = answers; answer < answers + count; answer++) {
        at = put(at, (uint32_t)answer->partition, 4);
        at = put(at, (uint16_t)answer->error, 2);
        at = put(at, (uint64_t)answer->base_offset, 8);
        at = put(at, (uint64_t)answer->append_time, 8);
        at = put(at, (uint64_t)answer->log_start, 8);
        *at++ = 1;  // No record was at fault.
        *at++ = 0;  // No message.
        *at++ = 0;  // No tagged fields, here and where the topic and the answer end.
    }
    *at++ = 0;
    at = put(at, 0, 4);  // Nothing throttles.
    *at++ = 0;
    put(place, (uint64_t)(at - place - 4), 4);
    return (size_t)(at - place);
}

// ---- Frames

enum { prefix = 4 };

static inline size_t length(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, prefix);
    return __builtin_bswap32(value);
}

static void keep(struct yardstick_rest *rest, const uint8_t *bytes, size_t count) {
    if (rest->count + count > rest->capacity)
        rest->bytes = realloc(rest->bytes, rest->capacity = rest->count + count);
    memcpy(rest->bytes + rest->count, bytes, count);
    rest->count += count;
}

/// Takes from a read what the frame lacks that has begun. Returns how much that was.
static size_t complete(struct yardstick_rest *rest, const uint8_t *bytes, size_t count) {
    size_t taken = 0;
    if (rest->count < prefix) {
        taken = prefix - rest->count < count ? prefix - rest->count : count;
        keep(rest, bytes, taken);
        if (rest->count < prefix) return taken;
    }
    size_t missing = prefix + length(rest->bytes) - rest->count;
    if (missing > count - taken) missing = count - taken;
    keep(rest, bytes + taken, missing);
    return taken + missing;
}

size_t yardstick_cut(struct yardstick_rest *rest, const uint8_t *bytes, size_t count, uint64_t *sum) {
    size_t at = 0, frames = 0;
    if (rest->count) {
        at = complete(rest, bytes, count);
        if (rest->count < prefix || rest->count < prefix + length(rest->bytes)) return 0;
        *sum += length(rest->bytes);
        frames++;
        rest->count = 0;
    }
    while (count - at >= prefix && count - at - prefix >= length(bytes + at)) {
        *sum += length(bytes + at);
        at += prefix + length(bytes + at);
        frames++;
    }
    if (at < count) keep(rest, bytes + at, count - at);
    return frames;
}
