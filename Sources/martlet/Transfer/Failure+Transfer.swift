import RecordFormat

extension Failure {
    static var interrupted: Failure {
        Failure("interrupted: the same command with --resume goes on", status: .interrupted)
    }

    /// Of an import.
    static func damaged(_ place: String, _ reason: String) -> Failure {
        Failure(
            "\(place): \(reason): what lies before it is imported, and the same command with --resume and "
                + "--skip-damaged "
                + "goes on past it", status: .damage)
    }

    /// What was written is not what was read.
    static func differs(
        _ part: TransferState.Part, _ found: (records: Int, checksum: UInt32), in path: String
    ) -> Failure {
        Failure(
            "\(path): partition \(part.partition) reads back as \(found.records.grouped) records with checksum "
                + "\(TransferState.hexadecimal(found.checksum)), where \(part.records.grouped) with "
                + "\(TransferState.hexadecimal(part.checksum)) were written: check the disk, remove it and begin again",
            status: .damage)
    }
}

extension TransferState {
    /// Throws where what was read of a file is not what it was exported as.
    func compare(_ part: Part, _ read: RecordTally, in path: String) throws(Failure) {
        guard read != RecordTally(count: part.records, checksum: part.checksum) else { return }
        throw Failure(
            "\(path) is not what its manifest says: partition \(part.partition) has \(read.count.grouped) records with "
                + "checksum \(Self.hexadecimal(read.checksum)), where \(part.records.grouped) with "
                + "\(Self.hexadecimal(part.checksum)) were exported. The topic has what was read", status: .damage)
    }
}
