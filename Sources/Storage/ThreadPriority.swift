internal import CSystemCalls

/// How the system ranks the calling thread.
package enum ThreadPriority {
    /// Behind all others, for the processor and for the disk, as far as the system lets it. There is no way back.
    package static func lower() { martlet_lower_thread_priority() }
}
