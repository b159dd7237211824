// A log's files in plain C: look-ups in an index, appends.
#ifndef MARTLET_YARDSTICK_FILES_H
#define MARTLET_YARDSTICK_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "Batch.h"

/// A segment's offset index, mapped: entries of a relative offset and a position, four bytes each, big-endian.
struct yardstick_index {
    int64_t base_offset;
    const uint8_t *entries;
    size_t count;
};

struct yardstick_indexes {
    struct yardstick_index *each;
    size_t count;
    /// Where the last segment begins, which is still written to: offsets below it can be looked up.
    int64_t end;
};

/// Maps the index files in a partition's directory of all segments but the last. False: they cannot be read.
bool yardstick_map_indexes(const char *directory, struct yardstick_indexes *indexes);
void yardstick_unmap_indexes(struct yardstick_indexes *indexes);

/// Where to look for `offset`: the position of the last entry at or before it, 0 where there is none, in the last of
/// the indexes that begins at or before it.
uint32_t yardstick_look_up(const struct yardstick_indexes *indexes, int64_t offset);

/// Encodes a batch into `room` and appends it to a file at `*end`. False: it could not be written.
bool yardstick_append(
    int file, const struct yardstick_record *records, int32_t count, uint8_t *room, int64_t *end);

#endif
