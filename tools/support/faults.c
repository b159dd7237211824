// A library for LD_PRELOAD that counts the calls by which a program changes or reads the files below a directory, and lets one
// of them go wrong. tools/storage-faults says how it is used.
//
//     FAULTS_DIRECTORY  absolute, without links
//     FAULTS_STATE      a file: the number of calls so far (8 bytes, shared by the lives of a broker), then a letter
//                       for each: w write, j write to the file `journal`, s sync, r rename, o open, c open what may be
//                       created, t truncate, u unlink, m mkdir, p read, f sendfile
//     FAULTS_AT         the call that goes wrong, from 1 on; 0: none does
//     FAULTS_FOR        how many from there on do (default 1)
//     FAULTS_KIND       kill, torn (half of a write, then kill), short (half of a write), or a number of errno
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { callsMax = 1 << 20 };
struct state { _Atomic long count; char letters[callsMax]; };

static const char *directory, *kind;
static struct state *state;
static long at, lasts;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULTS_STATE"), *number = getenv("FAULTS_AT"), *many = getenv("FAULTS_FOR");
    directory = getenv("FAULTS_DIRECTORY");
    kind = getenv("FAULTS_KIND");
    if (!path || !directory || !number || !kind) abort();
    at = atol(number);
    lasts = many ? atol(many) : 1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, sizeof *state) != 0) abort();
    state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (state == MAP_FAILED) abort();
    close(fd);
}

static int below(const char *path) {
    size_t length = directory ? strlen(directory) : 0;
    return state && path && strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int pathOf(int fd, char path[PATH_MAX]) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static int belowDescriptor(int fd) {
    char path[PATH_MAX];
    return pathOf(fd, path) && below(path);
}

// The letter of a write; 0: it is none of those that are counted.
static char writeLetter(int fd) {
    char path[PATH_MAX];
    if (!pathOf(fd, path) || !below(path)) return 0;
    return strcmp(path + strlen(directory), "/journal") == 0 ? 'j' : 'w';
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

// What becomes of a call: 0 it is carried out, -1 it fails with errno, otherwise (a write) so many of its bytes are
// written.
static ssize_t fate(char letter, size_t bytes) {
    long number = atomic_fetch_add(&state->count, 1) + 1;
    if (number < callsMax) state->letters[number - 1] = letter;
    if (at == 0 || number < at || number >= at + lasts) return 0;
    int halves = strcmp(kind, "torn") == 0 || strcmp(kind, "short") == 0;
    if (strcmp(kind, "kill") == 0 || (kind[0] == 't' && bytes < 2)) die();
    // Sectors, where there are any: what is written past the page cache must be whole ones.
    if (halves) return bytes < 2 ? 0 : (bytes / 2 >= 512 ? bytes / 2 / 512 * 512 : bytes / 2);
    errno = atoi(kind);
    return -1;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

#define CALL(letter, applies, call) \
    do { if ((applies) && fate(letter, 0) < 0) return -1; return call; } while (0)

#define WRITE(fd, bytes, whole, part) \
    do { \
        char letter = writeLetter(fd); \
        ssize_t count = letter ? fate(letter, bytes) : 0; \
        if (count < 0) return -1; \
        if (count == 0) return whole; \
        ssize_t done = part; \
        if (kind[0] == 't') die(); \
        return done; \
    } while (0)

static ssize_t total(const struct iovec *parts, int count) {
    ssize_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
    return bytes;
}

// The first bytes of several parts, by as many writes.
static ssize_t writeParts(int fd, const struct iovec *parts, size_t bytes, off_t offset) {
    size_t done = 0;
    for (int i = 0; done < bytes; i++) {
        size_t length = parts[i].iov_len < bytes - done ? parts[i].iov_len : bytes - done;
        if (REAL(pwrite)(fd, parts[i].iov_base, length, offset + done) != (ssize_t)length) die();
        done += length;
    }
    return done;
}

ssize_t write(int fd, const void *from, size_t bytes) {
    WRITE(fd, bytes, REAL(write)(fd, from, bytes), REAL(write)(fd, from, count));
}
ssize_t pwrite(int fd, const void *from, size_t bytes, off_t offset) {
    WRITE(fd, bytes, REAL(pwrite)(fd, from, bytes, offset), REAL(pwrite)(fd, from, count, offset));
}
ssize_t pwrite64(int fd, const void *from, size_t bytes, off_t offset) { return pwrite(fd, from, bytes, offset); }
ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t offset) {
    WRITE(fd, total(parts, number), REAL(pwritev)(fd, parts, number, offset),
          writeParts(fd, parts, count, offset));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int number, off_t offset) {
    return pwritev(fd, parts, number, offset);
}

ssize_t pread(int fd, void *to, size_t bytes, off_t offset) {
    CALL('p', belowDescriptor(fd), REAL(pread)(fd, to, bytes, offset));
}
ssize_t pread64(int fd, void *to, size_t bytes, off_t offset) { return pread(fd, to, bytes, offset); }
ssize_t sendfile(int to, int from, off_t *offset, size_t bytes) {
    CALL('f', belowDescriptor(from), REAL(sendfile)(to, from, offset, bytes));
}
ssize_t sendfile64(int to, int from, off_t *offset, size_t bytes) { return sendfile(to, from, offset, bytes); }

int fsync(int fd) { CALL('s', belowDescriptor(fd), REAL(fsync)(fd)); }
int fdatasync(int fd) { CALL('s', belowDescriptor(fd), REAL(fdatasync)(fd)); }
int syncfs(int fd) { CALL('s', belowDescriptor(fd), REAL(syncfs)(fd)); }
int ftruncate(int fd, off_t size) { CALL('t', belowDescriptor(fd), REAL(ftruncate)(fd, size)); }
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }
int rename(const char *from, const char *to) { CALL('r', below(to), REAL(rename)(from, to)); }
int unlink(const char *path) { CALL('u', below(path), REAL(unlink)(path)); }
int rmdir(const char *path) { CALL('u', below(path), REAL(rmdir)(path)); }
int mkdir(const char *path, mode_t mode) { CALL('m', below(path), REAL(mkdir)(path, mode)); }

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    CALL(flags & O_CREAT ? 'c' : 'o', below(path), REAL(open)(path, flags, mode));
}
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open(path, flags, mode);
}
