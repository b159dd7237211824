// A journal in plain C: a ring on the disk that is written past the page cache.
#ifndef MARTLET_YARDSTICK_JOURNAL_H
#define MARTLET_YARDSTICK_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { yardstick_journal_block = 4096 };

struct yardstick_journal {
    int file;
    off_t at;
};

/// A new file without a name, of 512 MiB of zeros on the disk, so that a write allocates nothing; −1 where it cannot be made.
int yardstick_filled_file(const char *path);

/// A new one. False: it cannot be made.
bool yardstick_journal_open(const char *directory, struct yardstick_journal *journal);

/// Returns when the bytes are on the disk. They are aligned, and a whole number of blocks.
bool yardstick_journal_append(struct yardstick_journal *journal, const uint8_t *bytes, size_t count);

/// The next number of whole blocks.
static inline size_t yardstick_blocks(size_t count) {
    return (count + yardstick_journal_block - 1) / yardstick_journal_block * yardstick_journal_block;
}

#endif
