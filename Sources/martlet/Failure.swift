import Broker
import EventLog
import KafkaClient
import LoadGenerator
import Storage

/// The end of a command that could not do what it was asked: one line for a person, a status for a script.
struct Failure: Error {
    var message: String
    var status: ExitStatus

    init(_ message: String, status: ExitStatus = .failure) {
        self.message = message
        self.status = status
    }

    /// nil: an error of the argument parser, which knows how to show it.
    init?(_ error: any Error) {
        switch error {
        case let error as Failure: self = error
        case let error as KafkaClientError: self.init("\(error)", status: Self.status(of: error))
        case let error as LoadError: self.init("\(error)", status: Self.status(of: error))
        case let error as LogError: self.init("\(error)", status: Self.status(of: error))
        case let error as BatchError: self.init("\(error)", status: .damage)
        case let error as FileError: self.init("\(error)")
        case let error as BrokerError: self.init("\(error)")
        case is CancellationError: self.init("it was interrupted")
        default: return nil
        }
    }

    private static func status(of error: KafkaClientError) -> ExitStatus {
        switch error {
        case .unknownHost, .connectionRefused, .connectionTimedOut, .connectionFailed, .connectionLost,
            .requestTimedOut, .deliveryTimedOut:
            .unreachable
        case .unreadableBatch, .damagedPartition: .damage
        case .invalidAddress, .invalidArgument: .usage
        case .unsupportedByBroker, .invalidResponse, .unknownTopic, .unknownPartition, .topicExists, .invalidTopic,
            .unknownGroup, .nonEmptyGroup, .subscribedGroup, .inconsistentAssignors, .fencedInstance,
            .noCommittedOffset, .commitRefused, .recordTooLarge, .batchTooLarge, .offsetOutOfRange, .logTruncated,
            .rejected, .closed, .cancelled:
            .failure
        }
    }

    private static func status(of error: LoadError) -> ExitStatus {
        switch error {
        case .unknownHost, .refusedConnection, .silence, .noConnection, .lost: .unreachable
        case .unsupported, .invalidAnswer, .rejected, .nothingToRead: .failure
        case .tooFewConnections: .usage
        }
    }

    private static func status(of error: LogError) -> ExitStatus {
        switch error {
        case .damaged, .damagedRecords, .unreadable, .corruptBatch: .damage
        case .locked, .closed, .unknownTopic, .topicExists, .invalidTopicName, .invalidPartitionCount, .invalidSetting,
            .invalidGroup, .offsetsFull, .offsetOutOfRange, .batchTooLarge, .outOfOrderSequence, .producerFenced,
            .diskFull, .storage:
            .failure
        }
    }
}
