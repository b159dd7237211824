// A server and a load for it in plain C: what a broker's network side could cost at the least. All times are seconds.
#ifndef MARTLET_YARDSTICK_NETWORK_H
#define MARTLET_YARDSTICK_NETWORK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// What the server does with a request. Requests and answers have their length before them, in four bytes.
enum yardstick_service {
    /// Drops it, and answers: what TCP alone allows.
    yardstick_sink,
    /// Appends it to a file, which begins anew at 1 GiB, and answers.
    yardstick_store,
    /// Compresses it by LZ4, appends that to the file, and answers.
    yardstick_compress_and_store,
    /// Has all that has come of all connections on the disk by one write to a journal, and in a file for each tenth
    /// connection, before it answers. Those are synced for each 128 MiB, or the journal would have no end.
    yardstick_store_durably,
    /// Answers with a part of a file, by sendfile.
    yardstick_send,
};

/// Serves any number of connections of 127.0.0.1 in one thread. Prints its port and a line feed; returns only when it
/// cannot go on, with errno set. An answer has `answer` bytes, its length included.
void yardstick_serve(const char *directory, enum yardstick_service service, size_t answer);

/// Connections that each have `depth` requests on their way all the time.
struct yardstick_load {
    uint16_t port;
    /// Whose processor time is counted.
    pid_t server;
    int connections;
    int depth;
    /// The request of each connection, its length included; all of the same size.
    const uint8_t *requests;
    size_t request;
    /// The size of every answer, its length included.
    size_t answer;
    double warm_up;
    double duration;
};

struct yardstick_load_result {
    /// Answers while it was measured, and of the whole run.
    uint64_t answers;
    uint64_t answers_in_all;
    double elapsed;
    double server_time;
    double own_time;
    double median;
    double p99;
};

/// Returns 0, or −1 with errno set.
int yardstick_load(const struct yardstick_load *load, struct yardstick_load_result *result);

/// Seconds of processor time that all threads of a process have taken.
double yardstick_processor_time(pid_t process);

#endif
