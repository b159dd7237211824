import RecordFormat
import Storage

/// A file with a line of JSON for each record.
final class NDJSONTarget: ExportTarget {
    let path: String
    private let file: any StorageFile
    private let fileSystem: any FileSystem
    private var lines: [UInt8] = []
    /// Bytes of the file, without what waits in `lines`.
    private var written: Int
    private var scratch = DecompressionBuffer()

    static let writeSize = 1 << 20

    /// Goes on behind `byteCount` bytes, and takes away what lies behind them.
    init(_ path: String, after byteCount: Int, _ fileSystem: any FileSystem = PosixFileSystem()) throws {
        self.path = path
        self.fileSystem = fileSystem
        file = try fileSystem.open(path, .create)
        guard try file.size() >= byteCount else {
            throw Failure(
                "\(path) is shorter than its progress says (\(byteCount.asBytes)): remove it and \(path).progress, and "
                    + "begin again", status: .damage)
        }
        try file.truncate(to: byteCount)
        try fileSystem.synchronizeDirectory(FileReplacement.directory(of: path))
        written = byteCount
        lines.reserveCapacity(2 * Self.writeSize)
    }

    func take(_ batch: UnsafeRawBufferPointer, into part: inout TransferState.Part) throws {
        let kept = lines.count
        var tally = RecordTally(count: part.records, checksum: part.checksum)
        let header: RecordBatchHeader
        do {
            let view = try RecordBatchView(validating: batch.bytes)
            header = view.header
            // The marks of transactions are not records.
            if !header.attributes.isControl { try Self.append(view, part, &tally, to: &lines, &scratch) }
        } catch {
            lines.removeLast(lines.count - kept)
            throw error
        }
        part.records = tally.count
        part.checksum = tally.checksum
        part.next = min(part.end, max(part.next, header.lastOffset.advanced(by: 1)))
        if lines.count >= Self.writeSize { try flush() }
    }

    private static func append(
        _ batch: RecordBatchView, _ part: TransferState.Part, _ tally: inout RecordTally, to lines: inout [UInt8],
        _ scratch: inout DecompressionBuffer
    ) throws(BatchError) {
        var cursor = try RecordCursor(batch, into: &scratch)
        try cursor.scan { record in
            guard record.offset < part.end else { return false }
            guard record.offset >= part.next else { return true }
            RecordJSON.append(record, topic: nil, partition: part.partition, to: &lines)
            tally.add(record)
            return true
        }
    }

    private func flush() throws(FileError) {
        try file.write(lines, at: written)
        written += lines.count
        lines.removeAll(keepingCapacity: true)
    }

    func synchronize(_ state: inout TransferState) throws {
        try flush()
        try file.synchronize()
        state.byteCount = written
    }

    func finish(_ state: inout TransferState) throws { try synchronize(&state) }

    func abandon() {}

    func verify(_ state: TransferState, progress: (Int) -> Void) throws {
        var lines = try LineReader(path: path)
        var line = RecordLine()
        var found: [Int: RecordTally] = [:]
        var next: [Int: Offset] = [:]
        while let text = try lines.next() {
            let fields = try Self.read(text, &line, lines.lineNumber, path)
            guard let partition = fields.partition, let offset = fields.offset, offset >= next[partition] ?? 0 else {
                throw Failure(
                    "\(path), line \(lines.lineNumber): its offset does not follow the one before", status: .damage)
            }
            next[partition] = offset.advanced(by: 1)
            found[partition, default: RecordTally()].add(
                fields.timestamp ?? .none, fields.key, fields.value, fields.headers)
            if lines.lineNumber % 1024 == 0 { progress(lines.lineNumber) }
        }
        guard lines.bytesRead == state.byteCount else {
            throw Failure(
                "\(path) has \(lines.bytesRead.grouped) bytes where \(state.byteCount.grouped) were written: "
                    + "remove it and "
                    + "begin again", status: .damage)
        }
        for part in state.parts {
            let tally = found[part.partition, default: RecordTally()]
            guard tally == RecordTally(count: part.records, checksum: part.checksum) else {
                throw Failure.differs(part, (tally.count, tally.checksum), in: path)
            }
        }
    }

    /// A line that was written here.
    private static func read(
        _ text: UnsafeRawBufferPointer, _ line: inout RecordLine, _ number: Int, _ path: String
    ) throws -> RecordLine.Fields {
        do { return try line.read(text) } catch {
            throw Failure("\(path), line \(number), byte \(error.position + 1): \(error.reason)", status: .damage)
        }
    }
}
