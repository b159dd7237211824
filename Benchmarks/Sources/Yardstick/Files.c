#include "Files.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { entry_size = 8 };

bool yardstick_map_index(const char *path, int64_t base_offset, struct yardstick_index *index) {
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0) return false;
    bool is_there = !fstat(file, &status) && status.st_size >= entry_size;
    void *bytes = is_there ? mmap(0, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    close(file);
    if (bytes == MAP_FAILED) return false;
    *index = (struct yardstick_index){base_offset, bytes, (size_t)status.st_size / entry_size};
    return true;
}

void yardstick_unmap_index(struct yardstick_index *index) {
    munmap((void *)index->entries, index->count * entry_size);
}

static inline uint32_t big(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap32(value);
}

// Both searches take the same steps whatever they find: no processor guesses the branches of a binary search.

static const struct yardstick_index *holder(const struct yardstick_index *indexes, size_t count, int64_t offset) {
    while (count > 1) {
        size_t half = count / 2;
        indexes += indexes[half].base_offset <= offset ? half : 0;
        count -= half;
    }
    return indexes;
}

uint32_t yardstick_look_up(const struct yardstick_index *indexes, size_t count, int64_t offset) {
    const struct yardstick_index *index = holder(indexes, count, offset);
    uint32_t relative = (uint32_t)(offset - index->base_offset);
    const uint8_t *entry = index->entries;
    for (size_t left = index->count; left > 1;) {
        size_t half = left / 2;
        entry += big(entry + half * entry_size) <= relative ? half * entry_size : 0;
        left -= half;
    }
    return big(entry) <= relative ? big(entry + 4) : 0;
}

bool yardstick_append(
    int file, const struct yardstick_record *records, int32_t count, uint8_t *room, int64_t *end) {
    size_t size = yardstick_encode_batch(records, count, room);
    if (pwrite(file, room, size, *end) != (ssize_t)size) return false;
    *end += (int64_t)size;
    return true;
}
