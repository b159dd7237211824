#define _GNU_SOURCE
#include "Yardstick.h"
#include <fcntl.h>
#include <lz4frame.h>
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

// ---- LZ4

double yardstick_lz4_compress(const uint8_t *bytes, size_t count, size_t piece) {
    LZ4F_preferences_t preferences;
    memset(&preferences, 0, sizeof preferences);
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    size_t bound = LZ4F_compressFrameBound(piece, &preferences);
    void *place = malloc(bound);
    double start = now();
    for (size_t at = 0; at < count; at += piece) {
        size_t length = count - at < piece ? count - at : piece;
        LZ4F_compressFrame(place, bound, bytes + at, length, &preferences);
    }
    double elapsed = now() - start;
    free(place);
    return elapsed;
}

// ---- Record batches

static inline uint64_t big(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value = value << 8 | bytes[i];
    return value;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

// Three streams a step, joined by multiplication tables, as fast as the instruction allows.
#define STREAM 1024
static uint32_t shift_tables[4][256];

__attribute__((target("sse4.2"))) static void make_shift(void) {
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

__attribute__((target("sse4.2"))) static uint32_t checksum(const uint8_t *bytes, size_t count) {
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
static void make_shift(void) {}
static uint32_t checksum(const uint8_t *bytes, size_t count) {
    uint32_t crc = 0xffffffff;
    for (; count; bytes++, count--) {
        crc ^= *bytes;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}
#endif

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

double yardstick_encode(const int32_t *keys, const int32_t *values, int32_t count, long batches) {
    uint8_t **key_bytes = malloc(count * sizeof *key_bytes), **value_bytes = malloc(count * sizeof *value_bytes);
    size_t total = 61;
    for (int i = 0; i < count; i++) {
        key_bytes[i] = calloc(1, keys[i] + 1);
        value_bytes[i] = calloc(1, values[i] + 1);
        total += keys[i] + values[i] + 50;
    }
    uint8_t *batch = malloc(total);
    make_shift();
    volatile uint32_t seen = 0;
    double start = now();
    for (long n = 0; n < batches; n++) {
        uint8_t *at = batch + 61;
        for (int i = 0; i < count; i++) {
            int body = 1 + size_of(i) + size_of(i) + size_of(keys[i]) + keys[i] + size_of(values[i]) + values[i] + 1;
            at = put(at, body);
            *at++ = 0;
            at = put(at, i);
            at = put(at, i);
            at = put(at, keys[i]);
            memcpy(at, key_bytes[i], keys[i]);
            at += keys[i];
            at = put(at, values[i]);
            memcpy(at, value_bytes[i], values[i]);
            at += values[i];
            *at++ = 0;
        }
        memset(batch, 0, 61);
        seen ^= checksum(batch + 21, (size_t)(at - batch) - 21);
    }
    double elapsed = now() - start;
    free(batch);
    return elapsed;
}

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

static int scan_records(const uint8_t *at, const uint8_t *end, int64_t base, uint64_t *records, uint64_t *sum) {
    while (at < end) {
        int64_t length = varint(&at, end);
        if (length <= 0 || length > end - at) return 0;
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
    return 1;
}

static uint8_t *decompressed;
static size_t decompressed_size;

static size_t decompress(LZ4F_dctx *context, const uint8_t *bytes, size_t count) {
    if (!decompressed) decompressed = malloc(decompressed_size = 16 << 20);
    size_t produced = decompressed_size, consumed = count;
    LZ4F_resetDecompressionContext(context);
    if (LZ4F_decompress(context, decompressed, &produced, bytes, &consumed, NULL) != 0) return 0;
    return produced;
}

double yardstick_scan(const uint8_t *bytes, size_t count, uint64_t *records, uint64_t *sum) {
    LZ4F_dctx *context;
    LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    make_shift();
    double start = now();
    for (size_t at = 0; at + 61 <= count;) {
        const uint8_t *batch = bytes + at;
        size_t size = big(batch + 8, 4) + 12;
        if (size < 61 || at + size > count || batch[16] != 2) return -1;
        if (checksum(batch + 21, size - 21) != (uint32_t)big(batch + 17, 4)) return -1;
        const uint8_t *first = batch + 61, *end = batch + size;
        if ((batch[22] & 7) == 3) {
            size_t produced = decompress(context, first, size - 61);
            first = decompressed;
            end = decompressed + produced;
        }
        if (!scan_records(first, end, (int64_t)big(batch, 8), records, sum)) return -1;
        at += size;
    }
    double elapsed = now() - start;
    LZ4F_freeDecompressionContext(context);
    return elapsed;
}

double yardstick_lz4_decompress(const uint8_t *bytes, size_t count) {
    LZ4F_dctx *context;
    LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
    double start = now();
    for (size_t at = 0; at + 61 <= count;) {
        size_t size = big(bytes + at + 8, 4) + 12;
        decompress(context, bytes + at + 61, size - 61);
        at += size;
    }
    double elapsed = now() - start;
    LZ4F_freeDecompressionContext(context);
    return elapsed;
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

#define JOURNAL (512L << 20)
#define PIECE (4L << 20)

/// A new file without a name, of `JOURNAL` zeros on the disk, so that a write allocates nothing.
static int filled(const char *path, uint8_t *zeros) {
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    for (long at = 0; at < JOURNAL; at += PIECE)
        if (pwrite(file, zeros, PIECE, at) != PIECE) return -1;
    return fsync(file) ? -1 : file;
}

double yardstick_fdatasync(const char *directory, size_t bytes, double seconds) {
    char path[4096];
    snprintf(path, sizeof path, "%s/yardstick-synced", directory);
    uint8_t *zeros = calloc(1, PIECE);
    int file = filled(path, zeros);
    if (file < 0) return -1;
    unlink(path);
    long capacity = 1000000, count = 0;
    double *times = malloc(capacity * sizeof *times);
    double start = now(), last = start;
    memset(zeros, 7, bytes);
    for (off_t at = 0; last - start < seconds && count < capacity; at = (at + bytes) % (JOURNAL - bytes)) {
        if (pwrite(file, zeros, bytes, at) != (ssize_t)bytes || fdatasync(file)) return -1;
        double end = now();
        times[count++] = end - last;
        last = end;
    }
    qsort(times, count, sizeof *times, ascending);
    double median = times[count / 2];
    close(file);
    free(times);
    free(zeros);
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
    size_t length = (partitions * bytes + 4095) & ~4095ul;
    uint8_t *staging, *zeros, *record = malloc(bytes);
    if (posix_memalign((void **)&staging, 4096, length) || posix_memalign((void **)&zeros, 4096, PIECE)) return -1;
    memset(staging, 1, length);
    memset(zeros, 0, PIECE);
    memset(record, 7, bytes);
    snprintf(path, sizeof path, "%s/yardstick-journal", directory);
    int journal = filled(path, zeros);
    if (journal < 0) return -1;
    close(journal);
    journal = open(path, O_RDWR | O_DIRECT | O_DSYNC);
    if (journal < 0) journal = open(path, O_RDWR | O_DSYNC);
    unlink(path);
    long capacity = 1000000, rounds = 0;
    double *times = malloc(capacity * sizeof *times);
    off_t position = 0, at = 0;
    double start = now(), last = start;
    while (last - start < seconds && rounds < capacity) {
        for (int i = 0; i < partitions; i++) {
            if (pwrite(files[i], record, bytes, position) != (ssize_t)bytes) return -1;
            memcpy(staging + i * bytes, record, bytes);
        }
        position += bytes;
        if (at + (off_t)length > JOURNAL) at = 0;
        for (size_t done = 0; done < length; done += PIECE) {
            size_t piece = length - done < PIECE ? length - done : PIECE;
            if (pwrite(journal, staging + done, piece, at + done) != (ssize_t)piece) return -1;
        }
        at += length;
        double end = now();
        times[rounds++] = end - last;
        last = end;
    }
    *elapsed = last - start;
    qsort(times, rounds, sizeof *times, ascending);
    *median = times[rounds / 2];
    for (int i = 0; i < partitions; i++) close(files[i]);
    close(journal);
    free(files);
    free(staging);
    free(zeros);
    free(record);
    free(times);
    return rounds;
}
