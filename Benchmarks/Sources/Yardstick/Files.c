#include "Files.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { entry_size = 8 };

static bool map_index(const char *path, int64_t base_offset, struct yardstick_index *index) {
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

static int is_segment(const struct dirent *entry) {
    const char *end = strrchr(entry->d_name, '.');
    return end && !strcmp(end, ".log");
}

bool yardstick_map_indexes(const char *directory, struct yardstick_indexes *indexes) {
    struct dirent **segments;
    int count = scandir(directory, &segments, is_segment, alphasort);
    if (count < 0) return false;
    *indexes = (struct yardstick_indexes){.each = calloc((size_t)count + 1, sizeof *indexes->each)};
    bool is_mapped = indexes->each && count > 1;
    for (int i = 0; i < count; i++) {
        // Names are base offsets of twenty digits.
        int64_t base = strtoll(segments[i]->d_name, 0, 10);
        free(segments[i]);
        if (i == count - 1) indexes->end = base;
        if (i == count - 1 || !is_mapped) continue;
        char path[4096];
        snprintf(path, sizeof path, "%s/%020lld.index", directory, (long long)base);
        is_mapped = map_index(path, base, &indexes->each[i]);
        indexes->count += is_mapped;
    }
    free(segments);
    if (!is_mapped) yardstick_unmap_indexes(indexes);
    return is_mapped;
}

void yardstick_unmap_indexes(struct yardstick_indexes *indexes) {
    for (size_t i = 0; i < indexes->count; i++)
        munmap((void *)indexes->each[i].entries, indexes->each[i].count * entry_size);
    free(indexes->each);
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

uint32_t yardstick_look_up(const struct yardstick_indexes *indexes, int64_t offset) {
    const struct yardstick_index *index = holder(indexes->each, indexes->count, offset);
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
