// System calls that glibc declares only for _GNU_SOURCE, which Swift's Glibc module does not define; and epoll and timers,
// whose headers that module lacks.
#ifndef MARTLET_CSYSTEMCALLS_H
#define MARTLET_CSYSTEMCALLS_H

#include "MappedFaults.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

/// Writes all dirty pages of the file system that holds the open file. 0, or -1 with errno set.
int martlet_syncfs(int descriptor);

/// Names the calling thread for `top -H` and debuggers; at most 15 bytes.
void martlet_name_thread(const char *name);

/// Has the calling thread computing and reading only when nobody else wants to, as far as the system lets it.
void martlet_lower_thread_priority(void);

/// How many processors this process may run on; 0 where the system does not say.
int martlet_usable_processors(void);

/// Has malloc map blocks of so many bytes each for itself, however many were freed before: so they grow without being
/// copied, and go back to the system when they are freed.
void martlet_map_blocks_from(int byte_count);

/// Gives the system what malloc holds and nobody uses. Takes some milliseconds, in which others may wait for memory.
void martlet_trim_memory(void);

#endif
