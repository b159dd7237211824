#define _GNU_SOURCE
#include "Journal.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOURNAL (512L << 20)
#define PIECE (4L << 20)

int yardstick_filled_file(const char *path) {
    uint8_t *zeros = calloc(1, PIECE);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    bool is_filled = file >= 0;
    for (long at = 0; is_filled && at < JOURNAL; at += PIECE) is_filled = pwrite(file, zeros, PIECE, at) == PIECE;
    free(zeros);
    return is_filled && !fsync(file) ? file : -1;
}

bool yardstick_journal_open(const char *directory, struct yardstick_journal *journal) {
    char path[4096];
    snprintf(path, sizeof path, "%s/yardstick-journal", directory);
    int file = yardstick_filled_file(path);
    if (file < 0) return false;
    close(file);
    journal->at = 0;
    journal->file = open(path, O_RDWR | O_DIRECT | O_DSYNC);
    if (journal->file < 0) journal->file = open(path, O_RDWR | O_DSYNC);
    unlink(path);
    return journal->file >= 0;
}

bool yardstick_journal_append(struct yardstick_journal *journal, const uint8_t *bytes, size_t count) {
    if (journal->at + (off_t)count > JOURNAL) journal->at = 0;
    for (size_t done = 0; done < count; done += PIECE) {
        size_t piece = count - done < PIECE ? count - done : PIECE;
        if (pwrite(journal->file, bytes + done, piece, journal->at + (off_t)done) != (ssize_t)piece) return false;
    }
    journal->at += (off_t)count;
    return true;
}
