// Record batches of message format 2 in plain C: checksums, encoding, decoding, LZ4.
#ifndef MARTLET_YARDSTICK_BATCH_H
#define MARTLET_YARDSTICK_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What comes before the records.
enum { yardstick_batch_header = 61 };

struct yardstick_record {
    const uint8_t *key, *value;
    int32_t key_size, value_size;
    int64_t timestamp;
};

/// CRC32C by the processor's instruction in three streams, where it has one.
uint32_t yardstick_crc32c(const uint8_t *bytes, size_t count);

/// No batch of the records is larger.
size_t yardstick_batch_bound(const struct yardstick_record *records, int32_t count);

/// Encodes a batch, with its checksum. Returns its size.
size_t yardstick_encode_batch(const struct yardstick_record *records, int32_t count, uint8_t *batch);

/// The size of the batch whose header this is.
size_t yardstick_batch_size(const uint8_t *batch);

/// Walks batches with their checksums and every record's length, key, value and offset; lz4 batches are decompressed.
/// Adds what it saw to `records` and `sum`. False: the bytes are no batches.
bool yardstick_decode_batches(const uint8_t *bytes, size_t count, uint64_t *records, uint64_t *sum);

/// Compresses `count` bytes into one LZ4 frame of 64 KB independent blocks. Returns its size.
size_t yardstick_compress(const uint8_t *bytes, size_t count, uint8_t *frame, size_t room);

size_t yardstick_compress_bound(size_t count);

/// Makes an lz4 batch of one that is not compressed, with its checksum. Returns its size.
size_t yardstick_compress_batch(const uint8_t *batch, size_t count, uint8_t *place, size_t room);

/// Decompresses the records of one lz4 batch, into memory that is used again. Returns their size, 0 where it failed.
size_t yardstick_decompress_batch(const uint8_t *batch, size_t count);

#endif
