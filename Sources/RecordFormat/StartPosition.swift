/// Where reading a partition begins.
public enum StartPosition: Hashable, Sendable {
    /// With the first record that is there.
    case earliest
    /// After the last record that readers see: only what comes later.
    case latest
    case offset(Offset)
    /// With the first record, in order of offsets, whose timestamp is this one or later; like `latest`, where none is.
    case timestamp(Timestamp)
}
