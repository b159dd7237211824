#define _GNU_SOURCE
#include "CSystemCalls.h"
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int martlet_syncfs(int descriptor) { return syncfs(descriptor); }

void martlet_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void martlet_lower_thread_priority(void) {
    // Of the calling thread alone: to Linux a thread is a process here.
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
#ifdef SYS_ioprio_set
    enum { whoProcess = 1, classIdle = 3, classShift = 13 };
    syscall(SYS_ioprio_set, whoProcess, 0, classIdle << classShift);
#endif
}

int martlet_usable_processors(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

void martlet_map_blocks_from(int byte_count) { mallopt(M_MMAP_THRESHOLD, byte_count); }

void martlet_trim_memory(void) { malloc_trim(0); }
