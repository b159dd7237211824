#include "CInstructions.h"
#include <string.h>

// The polynomial, bits reversed.
#define POLYNOMIAL 0x82f63b78u

// ---- Portable: eight tables, eight bytes a step.

static uint32_t table[8][256];

static void make_tables(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
        table[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++) table[k][n] = (table[k - 1][n] >> 8) ^ table[0][table[k - 1][n] & 0xff];
}

uint32_t martlet_crc32c_portable(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint32_t crc = ~seed;
    while (count >= 8) {
        uint32_t low = crc ^ ((uint32_t)next[0] | (uint32_t)next[1] << 8 | (uint32_t)next[2] << 16 | (uint32_t)next[3] << 24);
        crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^ table[4][low >> 24]
            ^ table[3][next[4]] ^ table[2][next[5]] ^ table[1][next[6]] ^ table[0][next[7]];
        next += 8;
        count -= 8;
    }
    while (count--) crc = (crc >> 8) ^ table[0][(crc ^ *next++) & 0xff];
    return ~crc;
}

// ---- Three streams: the instruction has a latency of three cycles and a throughput of one, so three independent
// streams keep it busy. Joining them means to shift a CRC over as many zero bytes as the next stream is long, which is
// a linear map: four tables a length.

#define LONG_STREAM 8192
#define MIDDLE_STREAM 1024
#define SHORT_STREAM 128

static uint32_t shift_long[4][256];
static uint32_t shift_middle[4][256];
static uint32_t shift_short[4][256];

static uint32_t times(const uint32_t *matrix, uint32_t vector) {
    uint32_t sum = 0;
    for (; vector; vector >>= 1, matrix++)
        if (vector & 1) sum ^= *matrix;
    return sum;
}

static void square(uint32_t *result, const uint32_t *matrix) {
    for (int n = 0; n < 32; n++) result[n] = times(matrix, matrix[n]);
}

// `count` is a power of two, at least 4.
static void make_shift(uint32_t shift[4][256], size_t count) {
    uint32_t even[32], odd[32];
    // One zero bit.
    odd[0] = POLYNOMIAL;
    for (int n = 1; n < 32; n++) odd[n] = 1u << (n - 1);
    square(even, odd);  // two zero bits
    square(odd, even);  // four
    const uint32_t *map;
    for (;;) {
        square(even, odd);
        map = even;
        if ((count >>= 1) == 0) break;
        square(odd, even);
        map = odd;
        if ((count >>= 1) == 0) break;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 0; k < 4; k++) shift[k][n] = times(map, n << (8 * k));
}

static inline uint32_t shifted(uint32_t shift[4][256], uint32_t crc) {
    return shift[0][crc & 0xff] ^ shift[1][crc >> 8 & 0xff] ^ shift[2][crc >> 16 & 0xff] ^ shift[3][crc >> 24];
}

// The polynomial x^degree modulo ours, bits reversed.
static uint32_t power(int degree) {
    uint32_t value = 1u << 31;
    while (degree--) value = value & 1 ? (value >> 1) ^ POLYNOMIAL : value >> 1;
    return value;
}

static inline uint64_t load(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define HAS_INSTRUCTION 1
#define TARGET __attribute__((target("sse4.2")))
#define STEP8(crc, word) _mm_crc32_u64((crc), (word))
#define STEP1(crc, byte) _mm_crc32_u8((uint32_t)(crc), (byte))
static int is_supported(void) { return __builtin_cpu_supports("sse4.2") != 0; }
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define HAS_INSTRUCTION 1
#define TARGET __attribute__((target("crc")))
#define STEP8(crc, word) __crc32cd((uint32_t)(crc), (word))
#define STEP1(crc, byte) __crc32cb((uint32_t)(crc), (byte))
static int is_supported(void) { return (getauxval(AT_HWCAP) & (1 << 7)) != 0; }
#endif

#if HAS_INSTRUCTION
TARGET static inline uint64_t
three_streams(uint64_t crc, const uint8_t **position, size_t *count, size_t stream, uint32_t shift[4][256]) {
    const uint8_t *next = *position;
    while (*count >= 3 * stream) {
        uint64_t second = 0, third = 0;
        for (const uint8_t *end = next + stream; next < end; next += 8) {
            crc = STEP8(crc, load(next));
            second = STEP8(second, load(next + stream));
            third = STEP8(third, load(next + 2 * stream));
        }
        crc = shifted(shift, (uint32_t)crc) ^ second;
        crc = shifted(shift, (uint32_t)crc) ^ third;
        next += 2 * stream;
        *count -= 3 * stream;
    }
    *position = next;
    return crc;
}

TARGET static uint32_t by_instruction(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint64_t crc = (uint32_t)~seed;
    crc = three_streams(crc, &next, &count, LONG_STREAM, shift_long);
    crc = three_streams(crc, &next, &count, MIDDLE_STREAM, shift_middle);
    crc = three_streams(crc, &next, &count, SHORT_STREAM, shift_short);
    for (; count >= 8; next += 8, count -= 8) crc = STEP8(crc, load(next));
    for (; count; next++, count--) crc = STEP1(crc, *next);
    return ~(uint32_t)crc;
}
#endif

// ---- Folding: sixteen lanes of 128 bits, each carried 256 bytes ahead by two carry-less multiplications and added to
// what lies there, until one lane is left whose CRC is that of all. Twice as fast as the instruction for CRCs in three
// streams. After Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009).

#if defined(__x86_64__)
#include <immintrin.h>
#define HAS_FOLDING 1
#define FOLDING_TARGET __attribute__((target("avx512f,avx512vl,vpclmulqdq,pclmul,sse4.2")))
#define FOLDED_BLOCK 256

static int can_fold(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("pclmul") && is_supported();
}

// What carries a lane `bytes` ahead: a factor for each half. The product of two reversed numbers comes out one bit
// low, and the factor stands in the low half of its word: hence the degrees.
static uint64_t carry_block[2], carry_register[2], carry_lane[2];

static void make_carry(uint64_t carry[2], int bytes) {
    carry[0] = power(8 * bytes + 31);
    carry[1] = power(8 * bytes - 33);
}

static void make_carries(void) {
    make_carry(carry_block, FOLDED_BLOCK);
    make_carry(carry_register, 64);
    make_carry(carry_lane, 16);
}

FOLDING_TARGET static inline __m512i fold(__m512i lanes, __m512i carry, __m512i next) {
    __m512i low = _mm512_clmulepi64_epi128(lanes, carry, 0x00), high = _mm512_clmulepi64_epi128(lanes, carry, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96);  // the exclusive or of three
}

FOLDING_TARGET static inline __m128i fold_lane(__m128i lane, __m128i carry, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(lane, carry, 0x00), high = _mm_clmulepi64_si128(lane, carry, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

FOLDING_TARGET static inline __m512i carry_of(const uint64_t carry[2]) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)carry));
}

// `count` is FOLDED_BLOCK at least.
FOLDING_TARGET static uint32_t folded(uint32_t crc, const uint8_t **position, size_t *count) {
    const uint8_t *next = *position;
    size_t left = *count - FOLDED_BLOCK;
    __m512i a = _mm512_loadu_si512(next), b = _mm512_loadu_si512(next + 64);
    __m512i c = _mm512_loadu_si512(next + 128), d = _mm512_loadu_si512(next + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
    __m512i carry = carry_of(carry_block);
    for (next += FOLDED_BLOCK; left >= FOLDED_BLOCK; next += FOLDED_BLOCK, left -= FOLDED_BLOCK) {
        a = fold(a, carry, _mm512_loadu_si512(next));
        b = fold(b, carry, _mm512_loadu_si512(next + 64));
        c = fold(c, carry, _mm512_loadu_si512(next + 128));
        d = fold(d, carry, _mm512_loadu_si512(next + 192));
    }
    carry = carry_of(carry_register);
    d = fold(fold(fold(a, carry, b), carry, c), carry, d);
    __m128i by_lane = _mm_loadu_si128((const __m128i *)carry_lane);
    __m128i lane = fold_lane(_mm512_extracti32x4_epi32(d, 0), by_lane, _mm512_extracti32x4_epi32(d, 1));
    lane = fold_lane(lane, by_lane, _mm512_extracti32x4_epi32(d, 2));
    lane = fold_lane(lane, by_lane, _mm512_extracti32x4_epi32(d, 3));
    *position = next;
    *count = left;
    uint64_t result = STEP8(0, (uint64_t)_mm_extract_epi64(lane, 0));
    return (uint32_t)STEP8(result, (uint64_t)_mm_extract_epi64(lane, 1));
}

FOLDING_TARGET static uint32_t by_folding(uint32_t seed, const void *bytes, size_t count) {
    const uint8_t *next = bytes;
    uint32_t crc = ~seed;
    if (count >= FOLDED_BLOCK) crc = folded(crc, &next, &count);
    return by_instruction(~crc, next, count);
}
#endif

// ---- Which one, decided before main.

static uint32_t (*chosen)(uint32_t, const void *, size_t) = martlet_crc32c_portable;

__attribute__((constructor)) static void choose(void) {
    make_tables();
    make_shift(shift_long, LONG_STREAM);
    make_shift(shift_middle, MIDDLE_STREAM);
    make_shift(shift_short, SHORT_STREAM);
#if HAS_INSTRUCTION
    if (is_supported()) chosen = by_instruction;
#endif
#if HAS_FOLDING
    make_carries();
    if (can_fold()) chosen = by_folding;
#endif
}

uint32_t martlet_crc32c(uint32_t seed, const void *bytes, size_t count) { return chosen(seed, bytes, count); }
