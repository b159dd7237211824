#include "Batch.h"
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t big(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value = value << 8 | bytes[i];
    return value;
}

static inline uint8_t *put_big(uint8_t *at, uint64_t value, int count) {
    for (int i = 0; i < count; i++) at[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
    return at + count;
}

// ---- Checksums

#if defined(__x86_64__)
#include <nmmintrin.h>

// Three streams a step, joined by multiplication tables, as fast as the instruction allows.
#define STREAM 1024
static uint32_t shift_tables[4][256];

__attribute__((target("sse4.2"), constructor)) static void make_shift(void) {
    // The map that carries a CRC over STREAM zero bytes, found by feeding it each bit.
    static const uint8_t zeros[STREAM];
    uint32_t basis[32];
    for (int bit = 0; bit < 32; bit++) {
        uint64_t crc = 1u << bit;
        for (int i = 0; i < STREAM; i += 8) crc = _mm_crc32_u64(crc, *(const uint64_t *)(zeros + i));
        basis[bit] = (uint32_t)crc;
    }
    for (int table = 0; table < 4; table++)
        for (int value = 0; value < 256; value++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++)
                if (value >> bit & 1) sum ^= basis[table * 8 + bit];
            shift_tables[table][value] = sum;
        }
}

static inline uint32_t shift(uint32_t crc) {
    return shift_tables[0][crc & 255] ^ shift_tables[1][crc >> 8 & 255] ^ shift_tables[2][crc >> 16 & 255]
        ^ shift_tables[3][crc >> 24];
}

__attribute__((target("sse4.2"))) uint32_t yardstick_crc32c(const uint8_t *bytes, size_t count) {
    uint64_t crc = 0xffffffff, word;
    while (count >= 3 * STREAM) {
        uint64_t second = 0, third = 0;
        for (int i = 0; i < STREAM; i += 8) {
            memcpy(&word, bytes + i, 8);
            crc = _mm_crc32_u64(crc, word);
            memcpy(&word, bytes + STREAM + i, 8);
            second = _mm_crc32_u64(second, word);
            memcpy(&word, bytes + 2 * STREAM + i, 8);
            third = _mm_crc32_u64(third, word);
        }
        crc = shift(shift((uint32_t)crc) ^ (uint32_t)second) ^ third;
        bytes += 3 * STREAM;
        count -= 3 * STREAM;
    }
    for (; count >= 8; bytes += 8, count -= 8) {
        memcpy(&word, bytes, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    for (; count; bytes++, count--) crc = _mm_crc32_u8((uint32_t)crc, *bytes);
    return ~(uint32_t)crc;
}
#else
uint32_t yardstick_crc32c(const uint8_t *bytes, size_t count) {
    uint32_t crc = 0xffffffff;
    for (; count; bytes++, count--) {
        crc ^= *bytes;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}
#endif

// ---- Encoding

static inline uint8_t *put(uint8_t *at, int64_t number) {
    uint64_t value = (uint64_t)(number << 1) ^ (uint64_t)(number >> 63);
    while (value >= 128) {
        *at++ = (uint8_t)(value | 128);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline int size_of(int64_t number) {
    uint64_t value = (uint64_t)(number << 1) ^ (uint64_t)(number >> 63);
    return (63 - __builtin_clzll(value | 1)) / 7 + 1;
}

size_t yardstick_batch_bound(const struct yardstick_record *records, int32_t count) {
    size_t total = yardstick_batch_header;
    for (int32_t i = 0; i < count; i++) total += (size_t)records[i].key_size + (size_t)records[i].value_size + 50;
    return total;
}

/// Writes length and checksum of a batch of `size` bytes whose other fields are there.
static size_t seal(uint8_t *batch, size_t size) {
    put_big(batch + 8, size - 12, 4);
    put_big(batch + 17, yardstick_crc32c(batch + 21, size - 21), 4);
    return size;
}

static void put_header(uint8_t *batch, int32_t count, int64_t base, int64_t latest) {
    uint8_t *at = put_big(batch, 0, 8);  // Base offset.
    at = put_big(at, 0, 4);              // Length.
    at = put_big(at, UINT32_MAX, 4);     // Leader epoch: −1.
    at = put_big(at, 2, 1);              // Magic.
    at = put_big(at, 0, 4);              // Checksum.
    at = put_big(at, 0, 2);              // Attributes.
    at = put_big(at, (uint32_t)count - 1, 4);
    at = put_big(at, (uint64_t)base, 8);
    at = put_big(at, (uint64_t)latest, 8);
    at = put_big(at, UINT64_MAX, 8);  // No producer, epoch and sequence number of one.
    at = put_big(at, UINT16_MAX, 2);
    at = put_big(at, UINT32_MAX, 4);
    put_big(at, (uint32_t)count, 4);
}

static inline uint8_t *put_bytes(uint8_t *at, const uint8_t *bytes, int32_t count) {
    at = put(at, count);
    memcpy(at, bytes, (size_t)count);
    return at + count;
}

size_t yardstick_encode_batch(const struct yardstick_record *records, int32_t count, uint8_t *batch) {
    uint8_t *at = batch + yardstick_batch_header;
    int64_t base = records[0].timestamp, latest = base;
    for (int32_t i = 0; i < count; i++) {
        const struct yardstick_record *record = records + i;
        int64_t age = record->timestamp - base;
        if (record->timestamp > latest) latest = record->timestamp;
        int body = 1 + size_of(age) + size_of(i) + size_of(record->key_size) + record->key_size
            + size_of(record->value_size) + record->value_size + 1;
        at = put(at, body);
        *at++ = 0;
        at = put(at, age);
        at = put(at, i);
        at = put_bytes(at, record->key, record->key_size);
        at = put_bytes(at, record->value, record->value_size);
        *at++ = 0;
    }
    put_header(batch, count, base, latest);
    return seal(batch, (size_t)(at - batch));
}

// ---- LZ4

static const LZ4F_preferences_t preferences = {
    .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
};

size_t yardstick_compress_bound(size_t count) { return LZ4F_compressFrameBound(count, &preferences); }

size_t yardstick_compress(const uint8_t *bytes, size_t count, uint8_t *frame, size_t room) {
    return LZ4F_compressFrame(frame, room, bytes, count, &preferences);
}

size_t yardstick_compress_batch(const uint8_t *batch, size_t count, uint8_t *place, size_t room) {
    const size_t header = yardstick_batch_header;
    memcpy(place, batch, header);
    place[22] = 3;
    return seal(place, header + yardstick_compress(batch + header, count - header, place + header, room - header));
}

// Used again by each batch: allocating them would be most of what a small one costs.
static uint8_t *decompressed;
static size_t decompressed_size;
static LZ4F_dctx *context;

size_t yardstick_decompress_batch(const uint8_t *batch, size_t count) {
    if (!decompressed) decompressed = malloc(decompressed_size = 16 << 20);
    if (!context) LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    size_t produced = decompressed_size, consumed = count - yardstick_batch_header;
    LZ4F_resetDecompressionContext(context);
    if (LZ4F_decompress(context, decompressed, &produced, batch + yardstick_batch_header, &consumed, NULL)) return 0;
    return produced;
}

// ---- Decoding

static inline int64_t varint(const uint8_t **at, const uint8_t *end) {
    uint64_t value = 0;
    int shift = 0;
    while (*at < end) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) break;
        shift += 7;
    }
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static bool decode_records(const uint8_t *at, const uint8_t *end, int64_t base, uint64_t *records, uint64_t *sum) {
    while (at < end) {
        int64_t length = varint(&at, end);
        if (length <= 0 || length > end - at) return false;
        const uint8_t *next = at + length;
        at++;
        varint(&at, next);
        int64_t offset = base + varint(&at, next);
        int64_t key = varint(&at, next);
        if (key > 0) at += key;
        int64_t value = varint(&at, next);
        *sum += (uint64_t)offset + (uint64_t)(value > 0 ? value : 0);
        *records += 1;
        at = next;
    }
    return true;
}

size_t yardstick_batch_size(const uint8_t *batch) { return big(batch + 8, 4) + 12; }

bool yardstick_decode_batches(const uint8_t *bytes, size_t count, uint64_t *records, uint64_t *sum) {
    for (size_t at = 0; at + yardstick_batch_header <= count;) {
        const uint8_t *batch = bytes + at;
        size_t size = yardstick_batch_size(batch);
        if (size < yardstick_batch_header || at + size > count || batch[16] != 2) return false;
        if (yardstick_crc32c(batch + 21, size - 21) != (uint32_t)big(batch + 17, 4)) return false;
        const uint8_t *first = batch + yardstick_batch_header, *end = batch + size;
        if ((batch[22] & 7) == 3) {
            size_t produced = yardstick_decompress_batch(batch, size);
            first = decompressed;
            end = decompressed + produced;
        }
        if (!decode_records(first, end, (int64_t)big(batch, 8), records, sum)) return false;
        at += size;
    }
    return true;
}
