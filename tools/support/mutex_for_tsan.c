// A library for LD_PRELOAD that tells ThreadSanitizer of Swift's Mutex.
//
// Where nobody waits, a Mutex is locked and unlocked by atomics that are compiled into the program, and ThreadSanitizer
// sees them. Where somebody waits, it calls these functions of libswiftSynchronization, which was compiled without
// ThreadSanitizer: it then takes what a lock has guarded for a race. So they are wrapped here, and say what they order.
// Swift's calling convention: the handle comes in the context register.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// Not there in programs that are started on the way, such as a shell.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

#define SELF __attribute__((swift_context)) void *self
#define SWIFT __attribute__((swiftcall))
#define MANGLED(name) "$s15Synchronization12_MutexHandleV" name

SWIFT void lockSlow(uint32_t thread, SELF) __asm__(MANGLED("9_lockSlowyys6UInt32VF"));
SWIFT void lockSlow(uint32_t thread, SELF) {
    static SWIFT void (*real)(uint32_t, SELF);
    if (!real) real = (SWIFT void (*)(uint32_t, SELF))dlsym(RTLD_NEXT, MANGLED("9_lockSlowyys6UInt32VF"));
    real(thread, self);
    if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT void unlockSlow(SELF) __asm__(MANGLED("11_unlockSlowyyF"));
SWIFT void unlockSlow(SELF) {
    static SWIFT void (*real)(SELF);
    if (!real) real = (SWIFT void (*)(SELF))dlsym(RTLD_NEXT, MANGLED("11_unlockSlowyyF"));
    if (__tsan_release) __tsan_release(self);
    real(self);
}

SWIFT _Bool tryLockSlow(SELF) __asm__(MANGLED("12_tryLockSlowSbyF"));
SWIFT _Bool tryLockSlow(SELF) {
    static SWIFT _Bool (*real)(SELF);
    if (!real) real = (SWIFT _Bool (*)(SELF))dlsym(RTLD_NEXT, MANGLED("12_tryLockSlowSbyF"));
    _Bool locked = real(self);
    if (locked && __tsan_acquire) __tsan_acquire(self);
    return locked;
}
