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
        case .invalidGroup: .invalidGroupID
        case .offsetsFull: .policyViolation
        case .offsetOutOfRange: .offsetOutOfRange
        case .corruptBatch(let error): error.wireCode
        case .batchTooLarge: .messageTooLarge
        case .unreadable, .damaged, .damagedRecords: .corruptMessage
        case .outOfOrderSequence: .outOfOrderSequenceNumber
        case .producerFenced: .invalidProducerEpoch
        case .diskFull, .storage: .kafkaStorageError
        }
    }
}

extension LogError {
    /// What was wrong and what to do, as a client sees it. Short enough for a field of any version, whatever names from
    /// the request it repeats.
    var wireMessage: String {
        let text =
            switch self {
            case .locked, .closed: "the broker is stopping: send it again, to this broker when it is back"
            case .corruptBatch(let error): "the batch is refused: \(error.producerMessage)"
            case .diskFull(let what):
                "the broker's disk is full: \(what): free some space there, and it goes on by itself"
            default: description
            }
        // Scalars, not characters, of which a single one may be as long as the whole request.
        return String(text.unicodeScalars.prefix(1000))
    }
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

    /// What is wrong with a batch that a producer sent, and what to do.
    var producerMessage: String {
        switch self {
        case .truncated, .badLength, .checksumMismatch: "\(self): send it again"
        case .badRecordCount: "\(self): number its records from 0 on, without a gap"
        case .badRecord: "\(self): write it as message format 2 has it"
        case .badCompressedData: "\(self): send one whole LZ4 frame, without a dictionary"
        case .decompressedTooLarge: "\(self): send smaller batches"
        case .unsupportedCompression(let codec):
            "codec \(codec) is none of Kafka's: use none, gzip, snappy, lz4 or zstd"
        case .unsupportedMagic, .tooLarge: description
        }
    }

    /// The one record that is at fault, by its place in the batch; nil: the batch is, as a whole.
    var faultyRecord: RecordFault? {
        guard case .badRecord(let index, let problem) = self, problem != .bytesAfterEnd else { return nil }
        return RecordFault(
            code: wireCode, index: index, message: "the record cannot be read: \(problem.rawValue)")
    }
}
