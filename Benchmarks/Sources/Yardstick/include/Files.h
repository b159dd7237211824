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

/// Maps an index file. False: it cannot be read.
bool yardstick_map_index(const char *path, int64_t base_offset, struct yardstick_index *index);
void yardstick_unmap_index(struct yardstick_index *index);

/// Where to look for `offset`: the position of the last entry at or before it, 0 where there is none, in the last of
/// the indexes that begins at or before it.
uint32_t yardstick_look_up(const struct yardstick_index *indexes, size_t count, int64_t offset);

/// Encodes a batch into `room` and appends it to a file at `*end`. False: it could not be written.
bool yardstick_append(
    int file, const struct yardstick_record *records, int32_t count, uint8_t *room, int64_t *end);

#endif
