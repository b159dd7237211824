#define _GNU_SOURCE
#include "Yardstick.h"
#include "Journal.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

// ---- Record batches

double yardstick_lz4_compress(const uint8_t *bytes, size_t count, size_t piece) {
    size_t bound = yardstick_compress_bound(piece);
    uint8_t *place = malloc(bound);
    double start = now();
    for (size_t at = 0; at < count; at += piece)
        yardstick_compress(bytes + at, count - at < piece ? count - at : piece, place, bound);
    double elapsed = now() - start;
    free(place);
    return elapsed;
}

double yardstick_encode(const int32_t *keys, const int32_t *values, int32_t count, long batches) {
    struct yardstick_record *records = malloc((size_t)count * sizeof *records);
    for (int i = 0; i < count; i++)
        records[i] = (struct yardstick_record){
            .key = calloc(1, (size_t)keys[i] + 1), .value = calloc(1, (size_t)values[i] + 1),
            .key_size = keys[i], .value_size = values[i], .timestamp = i,
        };
    uint8_t *batch = malloc(yardstick_batch_bound(records, count));
    double start = now();
    for (long n = 0; n < batches; n++) yardstick_encode_batch(records, count, batch);
    double elapsed = now() - start;
    for (int i = 0; i < count; i++) {
        free((void *)records[i].key);
        free((void *)records[i].value);
    }
    free(records);
    free(batch);
    return elapsed;
}

double yardstick_scan(const uint8_t *bytes, size_t count, uint64_t *records, uint64_t *sum) {
    double start = now();
    if (!yardstick_decode_batches(bytes, count, records, sum)) return -1;
    return now() - start;
}

double yardstick_lz4_decompress(const uint8_t *bytes, size_t count) {
    double start = now();
    for (size_t at = 0; at + yardstick_batch_header <= count;) {
        size_t size = yardstick_batch_size(bytes + at);
        yardstick_decompress_batch(bytes + at, size);
        at += size;
    }
    return now() - start;
}

// ---- Files

double yardstick_write(const char *path, size_t count, size_t piece) {
    uint8_t *bytes = malloc(piece);
    memset(bytes, 7, piece);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    double start = now();
    for (size_t at = 0; at < count; at += piece)
        if (pwrite(file, bytes, piece, (off_t)at) != (ssize_t)piece) return -1;
    double elapsed = now() - start;
    close(file);
    unlink(path);
    free(bytes);
    return elapsed;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double yardstick_fdatasync(const char *directory, size_t bytes, double seconds) {
    char path[4096];
    snprintf(path, sizeof path, "%s/yardstick-synced", directory);
    int file = yardstick_filled_file(path);
    if (file < 0) return -1;
    unlink(path);
    uint8_t *block = malloc(bytes);
    memset(block, 7, bytes);
    long capacity = 1000000, count = 0;
    double *times = malloc(capacity * sizeof *times);
    double start = now(), last = start;
    off_t size = lseek(file, 0, SEEK_END);
    for (off_t at = 0; last - start < seconds && count < capacity; at = (at + (off_t)bytes) % (size - (off_t)bytes)) {
        if (pwrite(file, block, bytes, at) != (ssize_t)bytes || fdatasync(file)) return -1;
        double end = now();
        times[count++] = end - last;
        last = end;
    }
    qsort(times, count, sizeof *times, ascending);
    double median = times[count / 2];
    close(file);
    free(times);
    free(block);
    return median;
}

long yardstick_rounds(
    const char *directory, int partitions, size_t bytes, double seconds, double *elapsed, double *median) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    char path[4096];
    int *files = malloc(partitions * sizeof *files);
    for (int i = 0; i < partitions; i++) {
        snprintf(path, sizeof path, "%s/yardstick-%d", directory, i);
        files[i] = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (files[i] < 0) return -1;
        unlink(path);
    }
    size_t length = yardstick_blocks(partitions * bytes);
    uint8_t *staging, *record = malloc(bytes);
    if (posix_memalign((void **)&staging, yardstick_journal_block, length)) return -1;
    memset(staging, 1, length);
    memset(record, 7, bytes);
    struct yardstick_journal journal;
    if (!yardstick_journal_open(directory, &journal)) return -1;
    long capacity = 1000000, rounds = 0;
    double *times = malloc(capacity * sizeof *times);
    off_t position = 0;
    double start = now(), last = start;
    while (last - start < seconds && rounds < capacity) {
        for (int i = 0; i < partitions; i++) {
            if (pwrite(files[i], record, bytes, position) != (ssize_t)bytes) return -1;
            memcpy(staging + i * bytes, record, bytes);
        }
        position += bytes;
        if (!yardstick_journal_append(&journal, staging, length)) return -1;
        double end = now();
        times[rounds++] = end - last;
        last = end;
    }
    *elapsed = last - start;
    qsort(times, rounds, sizeof *times, ascending);
    *median = times[rounds / 2];
    for (int i = 0; i < partitions; i++) close(files[i]);
    close(journal.file);
    free(files);
    free(staging);
    free(record);
    free(times);
    return rounds;
}
