internal import EventLog
internal import KafkaProtocol

extension LogError {
    /// Kafka's code for what the engine says: the one place where the two meet.
    var wireCode: ErrorCode {
        switch self {
        case .locked, .closed: .notLeaderOrFollower
        case .unknownTopic: .unknownTopicOrPartition
        case .topicExists: .topicAlreadyExists
        case .invalidTopicName: .invalidTopicException
        case .invalidPartitionCount: .invalidPartitions
        case .invalidSetting: .invalidConfig
        case .offsetOutOfRange: .offsetOutOfRange
        case .corruptBatch(let error): error.wireCode
        case .batchTooLarge: .messageTooLarge
        case .unreadable, .damaged: .corruptMessage
        case .outOfOrderSequence: .outOfOrderSequenceNumber
        case .producerFenced: .invalidProducerEpoch
        case .diskFull, .storage: .kafkaStorageError
        }
    }
}

extension LogError {
    /// The description, short enough for a field of any version, whatever names from the request it repeats.
    var wireMessage: String { String(description.prefix(1000)) }
}

extension BatchError {
    /// Corrupt is what a client should send again; invalid is what it must not.
    var wireCode: ErrorCode {
        switch self {
        case .truncated, .badLength, .checksumMismatch: .corruptMessage
        case .unsupportedMagic, .badRecordCount, .badRecord, .badCompressedData: .invalidRecord
        case .unsupportedCompression: .unsupportedCompressionType
        case .decompressedTooLarge, .tooLarge: .messageTooLarge
        }
    }
}
