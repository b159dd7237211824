// Instructions that Swift has no spelling for.
#ifndef MARTLET_CINSTRUCTIONS_H
#define MARTLET_CINSTRUCTIONS_H

#include <stddef.h>
#include <stdint.h>

/// CRC32C (Castagnoli) of `count` bytes, going on from `seed`: 0 for the first piece, the last result for the next.
/// By the processor's instruction where it has one, three streams at a time; else by tables.
uint32_t martlet_crc32c(uint32_t seed, const void *bytes, size_t count);

/// The same by tables alone, for comparison.
uint32_t martlet_crc32c_portable(uint32_t seed, const void *bytes, size_t count);

#endif
