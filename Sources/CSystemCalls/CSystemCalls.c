#define _GNU_SOURCE
#include "CSystemCalls.h"
#include <pthread.h>
#include <unistd.h>

int martlet_syncfs(int descriptor) { return syncfs(descriptor); }

void martlet_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
