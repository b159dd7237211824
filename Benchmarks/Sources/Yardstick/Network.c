#define _GNU_SOURCE
#include "Network.h"
#include "Batch.h"
#include "Journal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { prefix = 4, input_size = 256 << 10, file_size = 64 << 20, store_size = 1 << 30, events_at_once = 128 };
enum { round_size = 8 << 20, segments = 10, synced_size = 128 << 20 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static uint32_t big(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static void put_big(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void watch(int poll, int action, int descriptor, uint32_t events, void *owner) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    epoll_ctl(poll, action, descriptor, &event);
}

static void without_delay(int descriptor) {
    int yes = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

// ---- The server

struct client {
    int descriptor, number;
    uint8_t *input;
    size_t capacity, filled;
    /// Answers that are owed, and how much of the first is sent.
    uint64_t owed;
    size_t sent;
    bool waits_to_send;
};

struct server {
    enum yardstick_service service;
    size_t answer;
    int poll, listener, file;
    size_t position;
    uint8_t *answers;
    size_t answers_size;
    int clients;
    /// A compressed request.
    uint8_t *compressed;
    size_t compressed_size;
    /// What has come since the last round, and the files that it goes to besides the journal.
    uint8_t *round;
    size_t round_filled;
    struct yardstick_journal journal;
    int segment[segments];
    off_t segment_end[segments];
    /// What the journal alone has on the disk. Its room is not used again before the segments are synced, beside the rounds.
    size_t unsynced;
    pthread_mutex_t lock;
    pthread_cond_t is_due;
    bool sync_is_due;
};

static struct client *accept_one(struct server *server) {
    int descriptor = accept4(server->listener, 0, 0, SOCK_NONBLOCK);
    if (descriptor < 0) return 0;
    without_delay(descriptor);
    struct client *client = calloc(1, sizeof *client);
    client->descriptor = descriptor;
    client->number = server->clients++;
    client->capacity = input_size;
    client->input = malloc(client->capacity);
    watch(server->poll, EPOLL_CTL_ADD, descriptor, EPOLLIN, client);
    return client;
}

static void hang_up(struct client *client) {
    close(client->descriptor);
    free(client->input);
    free(client);
}

static void store(struct server *server, const uint8_t *bytes, size_t count) {
    if (server->position + count > store_size) {
        if (ftruncate(server->file, 0)) perror("ftruncate");
        server->position = 0;
    }
    if (pwrite(server->file, bytes, count, (off_t)server->position) != (ssize_t)count) perror("pwrite");
    server->position += count;
}

static void compress(struct server *server, const uint8_t *bytes, size_t count) {
    size_t bound = yardstick_compress_bound(count);
    if (server->compressed_size < bound)
        server->compressed = realloc(server->compressed, server->compressed_size = bound);
    store(server, server->compressed, yardstick_compress(bytes, count, server->compressed, bound));
}

static void append(struct server *server, int segment, const uint8_t *bytes, size_t count) {
    if (server->segment_end[segment] + (off_t)count > store_size / segments) {
        if (ftruncate(server->segment[segment], 0)) perror("ftruncate");
        server->segment_end[segment] = 0;
    }
    if (pwrite(server->segment[segment], bytes, count, server->segment_end[segment]) != (ssize_t)count)
        perror("pwrite");
    server->segment_end[segment] += (off_t)count;
}

static void *sync_segments(void *argument) {
    struct server *server = argument;
    for (;;) {
        pthread_mutex_lock(&server->lock);
        while (!server->sync_is_due) pthread_cond_wait(&server->is_due, &server->lock);
        server->sync_is_due = false;
        pthread_mutex_unlock(&server->lock);
        for (int i = 0; i < segments; i++)
            if (fdatasync(server->segment[i])) perror("fdatasync");
    }
}

static void end_round(struct server *server) {
    if (!server->round_filled) return;
    if (!yardstick_journal_append(&server->journal, server->round, yardstick_blocks(server->round_filled)))
        perror("journal");
    server->unsynced += server->round_filled;
    server->round_filled = 0;
    if (server->unsynced < synced_size) return;
    server->unsynced = 0;
    pthread_mutex_lock(&server->lock);
    server->sync_is_due = true;
    pthread_cond_signal(&server->is_due);
    pthread_mutex_unlock(&server->lock);
}

static void add_to_round(struct server *server, const struct client *client, const uint8_t *bytes, size_t count) {
    if (server->round_filled + count > round_size) end_round(server);
    memcpy(server->round + server->round_filled, bytes, count);
    append(server, client->number % segments, server->round + server->round_filled, count);
    server->round_filled += count;
}

static void take(struct server *server, const struct client *client, const uint8_t *request, size_t count) {
    switch (server->service) {
    case yardstick_store: return store(server, request, count);
    case yardstick_compress_and_store: return compress(server, request, count);
    case yardstick_store_durably: return add_to_round(server, client, request, count);
    case yardstick_sink:
    case yardstick_send: return;
    }
}

/// False: the connection is over.
static bool receive(struct server *server, struct client *client) {
    ssize_t count = recv(client->descriptor, client->input + client->filled, client->capacity - client->filled, 0);
    if (count <= 0) return count < 0 && errno == EAGAIN;
    client->filled += (size_t)count;
    size_t at = 0;
    while (client->filled - at >= prefix) {
        size_t length = prefix + big(client->input + at);
        if (client->filled - at < length) {
            if (client->capacity < length + input_size)
                client->input = realloc(client->input, client->capacity = length + input_size);
            break;
        }
        take(server, client, client->input + at + prefix, length - prefix);
        client->owed++;
        at += length;
    }
    if (at) memmove(client->input, client->input + at, client->filled -= at);
    return true;
}

/// Sends a part of what is owed. Returns what send does.
static ssize_t send_some(struct server *server, struct client *client) {
    if (server->service != yardstick_send) {
        size_t left = client->owed * server->answer - client->sent;
        if (left > server->answers_size - client->sent) left = server->answers_size - client->sent;
        return send(client->descriptor, server->answers + client->sent, left, MSG_NOSIGNAL);
    }
    if (client->sent < prefix)
        return send(client->descriptor, server->answers + client->sent, prefix - client->sent, MSG_MORE | MSG_NOSIGNAL);
    off_t at = (off_t)((server->position + client->sent) % (file_size - server->answer));
    return sendfile(client->descriptor, server->file, &at, server->answer - client->sent);
}

static void answer(struct server *server, struct client *client) {
    bool is_full = false;
    while (client->owed && !is_full) {
        ssize_t count = send_some(server, client);
        if (count < 0) {
            is_full = true;
            break;
        }
        client->sent += (size_t)count;
        while (client->owed && client->sent >= server->answer) {
            client->sent -= server->answer;
            client->owed--;
            if (server->service == yardstick_send) server->position += server->answer;
        }
    }
    if (is_full == client->waits_to_send) return;
    client->waits_to_send = is_full;
    watch(server->poll, EPOLL_CTL_MOD, client->descriptor, is_full ? EPOLLIN | EPOLLOUT : EPOLLIN, client);
}

static int make_empty_file(const char *directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/yardstick-server", directory);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file >= 0) unlink(path);
    return file;
}

static int make_file(const char *directory) {
    int file = make_empty_file(directory);
    if (file < 0) return -1;
    uint8_t *block = calloc(1, 1 << 20);
    for (int at = 0; at < file_size; at += 1 << 20)
        if (pwrite(file, block, 1 << 20, at) != 1 << 20) return -1;
    free(block);
    return file;
}

static bool prepare_rounds(struct server *server, const char *directory) {
    if (server->service != yardstick_store_durably) return true;
    for (int i = 0; i < segments; i++)
        if ((server->segment[i] = make_empty_file(directory)) < 0) return false;
    pthread_t thread;
    pthread_mutex_init(&server->lock, 0);
    pthread_cond_init(&server->is_due, 0);
    return !posix_memalign((void **)&server->round, yardstick_journal_block, round_size)
        && yardstick_journal_open(directory, &server->journal)
        && !pthread_create(&thread, 0, sync_segments, server);
}

static int make_listener(uint16_t *port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (listener < 0 || bind(listener, (void *)&address, size) || listen(listener, 4096)) return -1;
    getsockname(listener, (void *)&address, &size);
    *port = ntohs(address.sin_port);
    return listener;
}

void yardstick_serve(const char *directory, enum yardstick_service service, size_t answer_size) {
    uint16_t port;
    struct server server = {.service = service, .answer = answer_size, .poll = epoll_create1(0)};
    if ((server.file = make_file(directory)) < 0 || !prepare_rounds(&server, directory)) return;
    if ((server.listener = make_listener(&port)) < 0) return;
    // Many answers in a row, so that those to many small requests go out by one call.
    size_t count = service == yardstick_send ? 1 : 1 + (64 << 10) / answer_size;
    server.answers_size = service == yardstick_send ? prefix : count * answer_size;
    server.answers = calloc(1, server.answers_size);
    for (size_t i = 0; i < count; i++)
        put_big(server.answers + i * answer_size, (uint32_t)(answer_size - prefix));
    watch(server.poll, EPOLL_CTL_ADD, server.listener, EPOLLIN, 0);
    printf("%d\n", port);
    fflush(stdout);
    struct epoll_event events[events_at_once];
    for (;;) {
        int ready = epoll_wait(server.poll, events, events_at_once, -1);
        if (ready < 0 && errno != EINTR) return;
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (!client)
                while (accept_one(&server)) {}
            else if (events[i].events & EPOLLIN && !receive(&server, client)) {
                hang_up(client);
                events[i].data.ptr = 0;
            }
        }
        end_round(&server);
        for (int i = 0; i < ready; i++)
            if (events[i].data.ptr) answer(&server, events[i].data.ptr);
    }
}

// ---- The load

struct connection {
    int descriptor;
    /// Its request, as often as can be on the way.
    uint8_t *requests;
    uint64_t sent, received;
    /// Requests that may have been sent by now, and when each of the last was.
    uint64_t allowed, begun, answered;
    double *times;
    bool waits_to_send;
};

struct samples {
    double *values;
    size_t count, capacity;
};

static void sample(struct samples *samples, double value) {
    if (samples->count < samples->capacity) samples->values[samples->count++] = value;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double yardstick_processor_time(pid_t process) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *tasks = opendir(path);
    if (!tasks) return 0;
    double sum = 0;
    for (struct dirent *task; (task = readdir(tasks));) {
        unsigned long long time;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", process, task->d_name);
        FILE *file = task->d_name[0] == '.' ? 0 : fopen(path, "r");
        if (!file) continue;
        if (fscanf(file, "%llu", &time) == 1) sum += (double)time * 1e-9;
        fclose(file);
    }
    closedir(tasks);
    return sum;
}

static double own_time(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static int open_connection(const struct yardstick_load *load, int number, struct connection *connection, int poll) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(load->port)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0 || connect(descriptor, (void *)&address, sizeof address)) return -1;
    without_delay(descriptor);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    connection->descriptor = descriptor;
    connection->allowed = (uint64_t)load->depth;
    connection->times = calloc((size_t)load->depth, sizeof *connection->times);
    connection->requests = malloc(load->request * (size_t)(load->depth + 1));
    for (int i = 0; i <= load->depth; i++)
        memcpy(connection->requests + load->request * (size_t)i, load->requests + load->request * (size_t)number,
            load->request);
    connection->waits_to_send = true;
    watch(poll, EPOLL_CTL_ADD, descriptor, EPOLLIN | EPOLLOUT, connection);
    return 0;
}

static int send_requests(const struct yardstick_load *load, struct connection *connection, int poll) {
    bool is_full = false;
    while (!is_full && connection->sent < connection->allowed * load->request) {
        size_t offset = connection->sent % load->request;
        size_t left = connection->allowed * load->request - connection->sent;
        ssize_t count = send(connection->descriptor, connection->requests + offset, left, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN) return -1;
        is_full = count < 0;
        if (is_full) break;
        connection->sent += (uint64_t)count;
        double time = now();
        while (connection->begun * load->request < connection->sent)
            connection->times[connection->begun++ % (uint64_t)load->depth] = time;
    }
    if (is_full == connection->waits_to_send) return 0;
    connection->waits_to_send = is_full;
    watch(poll, EPOLL_CTL_MOD, connection->descriptor, is_full ? EPOLLIN | EPOLLOUT : EPOLLIN, connection);
    return 0;
}

/// Drops what has come unseen: the load should cost as little as it can. Answers are told apart by their size.
static int receive_answers(
    const struct yardstick_load *load, struct connection *connection, bool is_over, struct samples *samples)
{
    static uint8_t unused[1 << 20];
    ssize_t count = recv(connection->descriptor, unused, sizeof unused, MSG_TRUNC);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (count <= 0) return errno = count ? errno : ECONNRESET, -1;
    connection->received += (uint64_t)count;
    double time = now();
    int answers = 0;
    for (; connection->answered < connection->received / load->answer; answers++) {
        double sent = connection->times[connection->answered++ % (uint64_t)load->depth];
        if (is_over) continue;
        sample(samples, time - sent);
        connection->allowed++;
    }
    return answers;
}

int yardstick_load(const struct yardstick_load *load, struct yardstick_load_result *result) {
    int poll = epoll_create1(0), status = 0;
    struct connection *connections = calloc((size_t)load->connections, sizeof *connections);
    struct samples samples = {.capacity = 1 << 22, .values = malloc(sizeof(double) << 22)};
    for (int i = 0; i < load->connections && !status; i++) status = open_connection(load, i, connections + i, poll);
    double start = now(), measured_from = start + load->warm_up, until = measured_from + load->duration;
    bool is_measured = false, is_over = false;
    uint64_t answers = 0, before = 0;
    struct epoll_event events[events_at_once];
    memset(result, 0, sizeof *result);
    while (!status) {
        double time = now();
        if (!is_measured && time >= measured_from) {
            is_measured = true;
            measured_from = time;
            before = answers;
            samples.count = 0;
            result->server_time = -yardstick_processor_time(load->server);
            result->own_time = -own_time();
        }
        if (!is_over && time >= until) {
            is_over = true;
            result->elapsed = time - measured_from;
            result->answers = answers - before;
            result->server_time += yardstick_processor_time(load->server);
            result->own_time += own_time();
        }
        if (is_over) {
            // What is on its way is waited for: so that all that was sent is answered.
            bool is_done = true;
            for (int i = 0; i < load->connections; i++)
                is_done = is_done && connections[i].answered == connections[i].allowed;
            if (is_done) break;
            if (time > until + 30) status = (errno = ETIMEDOUT, -1);
        }
        int ready = epoll_wait(poll, events, events_at_once, 10);
        for (int i = 0; i < ready && !status; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & EPOLLIN) {
                int count = receive_answers(load, connection, is_over, &samples);
                if (count < 0) status = -1;
                else answers += (uint64_t)count;
            }
            if (!status) status = send_requests(load, connection, poll);
        }
    }
    qsort(samples.values, samples.count, sizeof *samples.values, compare);
    if (samples.count) {
        result->median = samples.values[samples.count / 2];
        result->p99 = samples.values[samples.count * 99 / 100];
    }
    result->answers_in_all = answers;
    int error = errno;
    for (int i = 0; i < load->connections; i++) {
        if (connections[i].descriptor > 0) close(connections[i].descriptor);
        free(connections[i].requests);
        free(connections[i].times);
    }
    free(connections);
    free(samples.values);
    close(poll);
    errno = error;
    return status;
}
