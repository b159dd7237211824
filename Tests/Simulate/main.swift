@preconcurrency import Glibc
import Simulation

// Once more, with what is read when a process begins. Hashes, and with them the order of what the engine keeps in
// dictionaries, are to be the same in every run; and a log is opened and dropped many times a second, so that its memory
// is kept for the next one.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    setenv("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=67108864:glibc.malloc.trim_threshold=268435456", 1)
    execv("/proc/self/exe", CommandLine.unsafeArgv)
}
// What is found is said at once, also to a file.
setlinebuf(stdout)
exit(Command(Array(CommandLine.arguments.dropFirst())).run())
