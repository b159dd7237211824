import RecordFormat
import Storage

/// Prints a `.log` file: a line a batch, named as Kafka's own dump tool names things, and a line a record.
struct LogDump {
    let printsRecords: Bool
    let asJSON: Bool
    private(set) var isDamaged = false

    init(printsRecords: Bool, asJSON: Bool) {
        self.printsRecords = printsRecords
        self.asJSON = asJSON
    }

    mutating func run(_ file: MappedFile, to out: inout StandardOutput) throws {
        var scan = BatchFileScan(file)
        var scratch = DecompressionBuffer()
        while let step = try scan.next() {
            switch step {
            case .batch(let position, let header):
                try print(Self.fields(header, position: position), to: &out)
                guard printsRecords else { continue }
                let batch = UnsafeRawBufferPointer(rebasing: file.bytes[position..<position + header.sizeInBytes])
                try printRecords(batch, header, of: file, &scratch, to: &out)
            case .damage(let damage):
                isDamaged = true
                try print(Self.fields(damage), to: &out)
            }
        }
        withExtendedLifetime(file) {}
    }

    private func printRecords(
        _ bytes: UnsafeRawBufferPointer, _ header: RecordBatchHeader, of file: MappedFile,
        _ scratch: inout DecompressionBuffer, to out: inout StandardOutput
    ) throws {
        guard header.compression == .some(.none) || header.compression == .lz4 else {
            let codec = header.compression?.name ?? "codec \(header.attributes.rawValue & 0b111)"
            if !asJSON { try out.writeLine("| records compressed by \(codec) are not decoded here") }
            return
        }
        // The scan has been over these bytes.
        let batch = try RecordBatchView(trusting: bytes.bytes)
        var cursor = try RecordCursor(batch, into: &scratch)
        while let record = try cursor.next() {
            if !asJSON { out.bytes.append(contentsOf: "| ".utf8) }
            RecordJSON.append(record, topic: nil, partition: nil, to: &out.bytes)
            try file.check()
            try out.flushIfLarge()
        }
    }

    private func print(_ fields: [(Table.Column, Table.Cell)], to out: inout StandardOutput) throws {
        if asJSON {
            Table.appendObject(fields.map(\.0), fields.map(\.1), to: &out.bytes)
            try out.writeLine("")
        } else {
            try out.writeLine(fields.map { "\($0.0.title): \(Self.plain($0.1))" }.joined(separator: " "))
        }
    }

    /// Without separators: these lines are made to be searched.
    private static func plain(_ cell: Table.Cell) -> String {
        if case .number(let number) = cell { return String(number) }
        return cell.text
    }

    private static func field(_ name: String, _ cell: Table.Cell) -> (Table.Column, Table.Cell) {
        (Table.Column(name, name), cell)
    }

    private static func fields(_ header: RecordBatchHeader, position: Int) -> [(Table.Column, Table.Cell)] {
        [
            field("baseOffset", .init(header.baseOffset.value)),
            field("lastOffset", .init(header.lastOffset.value)),
            field("count", .init(header.recordCount)),
            field("position", .init(position)),
            field("size", .init(header.sizeInBytes)),
            field("compresscodec", .text(header.compression?.name ?? "unknown")),
            field("baseTimestamp", .init(header.baseTimestamp.milliseconds)),
            field("maxTimestamp", .init(header.maxTimestamp.milliseconds)),
            field("timestampType", .text(header.attributes.usesLogAppendTime ? "LogAppendTime" : "CreateTime")),
            field("partitionLeaderEpoch", .init(header.partitionLeaderEpoch)),
            field("producerId", .init(header.producerID)),
            field("producerEpoch", .init(header.producerEpoch)),
            field("baseSequence", .init(header.baseSequence)),
            field("isTransactional", .flag(header.attributes.isTransactional)),
            field("isControl", .flag(header.attributes.isControl)),
            field("crc", .init(header.crc)),
        ]
    }

    private static func fields(_ damage: BatchFileScan.Damage) -> [(Table.Column, Table.Cell)] {
        [
            field("damage", .text(damage.reason)),
            field("position", .init(damage.position)),
            field("size", .init(damage.byteCount)),
        ]
    }
}
