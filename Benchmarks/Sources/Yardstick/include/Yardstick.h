// What the machine does in plain C: the other side of each ratio. All times are seconds.
#ifndef MARTLET_YARDSTICK_H
#define MARTLET_YARDSTICK_H

#include <stddef.h>
#include <stdint.h>

#include "Batch.h"
#include "Files.h"
#include "Journal.h"
#include "Network.h"
#include "Wire.h"

/// Compresses `count` bytes in pieces of `piece` into LZ4 frames of 64 KB independent blocks.
double yardstick_lz4_compress(const uint8_t *bytes, size_t count, size_t piece);

/// Encodes `batches` batches of `count` records with keys and values of the given lengths, with checksums.
double yardstick_encode(const int32_t *keys, const int32_t *values, int32_t count, long batches);

/// Walks record batches (message format v2) in `bytes` with their checksums and every record's length, key, value and
/// offset; lz4 batches are decompressed. Adds what it saw to `records` and `sum`. Negative: the bytes are no batches.
double yardstick_scan(const uint8_t *bytes, size_t count, uint64_t *records, uint64_t *sum);

/// Decompresses the lz4 payloads of the batches in `bytes`, and nothing else.
double yardstick_lz4_decompress(const uint8_t *bytes, size_t count);

/// Writes `count` bytes to a new file in pieces of `piece`, into the page cache. Negative: it failed.
double yardstick_write(const char *path, size_t count, size_t piece);

/// Writes `bytes` after each other to a file of zeros in the directory, each with fdatasync, for `seconds`. Returns the median
/// of the times that one took. Negative: it failed.
double yardstick_fdatasync(const char *directory, size_t bytes, double seconds);

/// Rounds that append `bytes` to each of `partitions` files and to a pre-zeroed journal opened O_DIRECT|O_DSYNC in the
/// directory, for `seconds`. Returns the number of rounds; `elapsed` is the time they took. Negative: it failed.
long yardstick_rounds(
    const char *directory, int partitions, size_t bytes, double seconds, double *elapsed, double *median);

#endif
