#define _GNU_SOURCE
#include "MappedFaults.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct martlet_mapping {
    uintptr_t start, end;
    struct martlet_mapping *previous, *next;
    atomic_int is_lost;
};

// The list of ranges. A mutex must not be taken in a signal's handler; this lock may: whoever holds it reads no mapped file, so
// that no thread waits for itself.
static atomic_flag is_locked = ATOMIC_FLAG_INIT;
static struct martlet_mapping *first;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sigaction previous_action;
static uintptr_t page_size;

static void lock(void) {
    while (atomic_flag_test_and_set_explicit(&is_locked, memory_order_acquire)) sched_yield();
}

static void unlock(void) { atomic_flag_clear_explicit(&is_locked, memory_order_release); }

// Takes the rest of a range from its file, from the page that could not be read on. 0: the system refuses.
static int lose_from(struct martlet_mapping *mapping, uintptr_t address) {
    uintptr_t page = address & ~(page_size - 1);
    // Said before zeros can be read in their place.
    martlet_mapping_lose(mapping);
    return mmap((void *)page, mapping->end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
           MAP_FAILED;
}

static int is_ours(uintptr_t address) {
    int is_ours = 0;
    lock();
    for (struct martlet_mapping *mapping = first; mapping; mapping = mapping->next) {
        if (address < mapping->start || address >= mapping->end) continue;
        is_ours = lose_from(mapping, address);
        break;
    }
    unlock();
    return is_ours;
}

static void pass_on(int signal, siginfo_t *info, void *context) {
    if (previous_action.sa_flags & SA_SIGINFO) {
        previous_action.sa_sigaction(signal, info, context);
    } else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN) {
        // What the process would have died of, it dies of: at once where the signal was sent, else when the read is tried again.
        sigaction(signal, &previous_action, NULL);
        if (info->si_code <= 0) raise(signal);
    } else {
        previous_action.sa_handler(signal);
    }
}

static void handle(int signal, siginfo_t *info, void *context) {
    int code = errno;
    // A code of the kernel: the signal is of a fault, and has its address.
    if (info->si_code <= 0 || !is_ours((uintptr_t)info->si_addr)) pass_on(signal, info, context);
    errno = code;
}

static void install(void) {
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_action);
}

martlet_mapping *martlet_mapping_add(const void *start, size_t byte_count) {
    pthread_once(&once, install);
    struct martlet_mapping *mapping = calloc(1, sizeof *mapping);
    if (!mapping) return NULL;
    mapping->start = (uintptr_t)start;
    mapping->end = (uintptr_t)start + byte_count;
    lock();
    mapping->next = first;
    if (first) first->previous = mapping;
    first = mapping;
    unlock();
    return mapping;
}

void martlet_mapping_remove(martlet_mapping *mapping) {
    lock();
    if (mapping->previous) mapping->previous->next = mapping->next;
    else first = mapping->next;
    if (mapping->next) mapping->next->previous = mapping->previous;
    unlock();
    free(mapping);
}

int martlet_mapping_is_lost(const martlet_mapping *mapping) {
    // What was read before must not have been read after.
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&mapping->is_lost, memory_order_relaxed);
}

void martlet_mapping_lose(martlet_mapping *mapping) {
    atomic_store_explicit(&mapping->is_lost, 1, memory_order_release);
}
