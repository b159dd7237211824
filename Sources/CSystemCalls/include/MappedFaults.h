// Mapped files whose pages cannot be read: cut by someone else, or on a disk that fails. The system then sends SIGBUS to the
// thread that reads, which ends the process. Here the mapping is lost instead: it reads as zeros from that page on, and says so.
#ifndef MARTLET_MAPPED_FAULTS_H
#define MARTLET_MAPPED_FAULTS_H

#include <stddef.h>

/// A mapped range whose faults are caught.
typedef struct martlet_mapping martlet_mapping;

/// Takes note of a mapped range, before it is read. The first call installs the process's handler of SIGBUS, which passes on
/// every fault outside such ranges to the handler that was there before. NULL: no memory.
martlet_mapping *martlet_mapping_add(const void *start, size_t byte_count);

/// Forgets the range, before it is unmapped.
void martlet_mapping_remove(martlet_mapping *mapping);

/// Whether a page could not be read. Asked after reading: then what was read before is the file's if it is not.
int martlet_mapping_is_lost(const martlet_mapping *mapping);

/// Calls it lost, as if a page could not have been read.
void martlet_mapping_lose(martlet_mapping *mapping);

#endif
