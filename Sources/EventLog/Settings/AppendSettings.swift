/// What a broker goes by when it takes a batch for a topic. Plain numbers: whoever looks at each batch copies these, and not
/// the texts and lists of `TopicSettings`.
package struct AppendSettings: Sendable {
    package let batchBytesMax: Int
    package let compression: TopicSettings.CompressionType
    package let timestampType: TopicSettings.TimestampType
    package let isCompacted: Bool
    package let timestampBeforeMilliseconds: Int64
    package let timestampAfterMilliseconds: Int64

    package init(_ settings: TopicSettings) {
        batchBytesMax = settings.batchBytesMax
        compression = settings.compression
        timestampType = settings.timestampType
        isCompacted = settings.isCompacted
        timestampBeforeMilliseconds = settings.timestampBeforeMilliseconds
        timestampAfterMilliseconds = settings.timestampAfterMilliseconds
    }
}
