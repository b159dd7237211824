import KafkaProtocol
import NIOCore

@testable import EventLog

enum RecordsTarget {
    private enum Kind: UInt8, CaseIterable {
        case record, tombstone, author, note, subscription, assignment
    }

    static func run(_ input: inout FuzzInput) {
        switch Kind.allCases[Int(input.byte()) % Kind.allCases.count] {
        case .record:
            let key = input.bytes(Int(input.byte()))
            record(key, input.rest())
        case .tombstone: record(input.rest(), nil)
        case .author: _ = ChangeAuthor(header: input.rest())
        case .note: _ = ChangeNote(header: input.rest())
        case .subscription: roundTrip(ConsumerProtocolSubscription.self, input.rest())
        case .assignment: roundTrip(ConsumerProtocolAssignment.self, input.rest())
        }
    }

    /// What is taken comes back from our own encoding: snapshots and compaction depend on it.
    private static func record(_ key: [UInt8], _ value: [UInt8]?) {
        guard let (group, entry) = try? GroupEntry.decode(key: key, value: value) else { return }
        var (keyWriter, valueWriter) = (SchemaWriter(), SchemaWriter())
        guard entry.key.isEncodable, group.utf8.count <= Int(Int16.max) else { return }
        entry.key.encode(of: group, into: &keyWriter)
        let hasValue = entry.encodeValue(into: &valueWriter)
        let again = try? GroupEntry.decode(key: keyWriter.bytes, value: hasValue ? valueWriter.bytes : nil)
        if case .partitionMetadata = entry { return }
        guard let again, again.group == group, again.entry == entry else {
            preconditionFailure("\(entry) of \(group) came back as \(String(describing: again))")
        }
        var stored = StoredGroup(id: group)
        stored.apply(entry)
    }

    private static func roundTrip<D: ConsumerProtocolData>(_ type: D.Type, _ bytes: [UInt8]) {
        guard let data = try? D(reading: ByteBuffer(bytes: bytes)) else { return }
        guard let written = try? data.encoded() else { preconditionFailure("\(D.self): what was read is not written") }
        guard let again = try? D(reading: written), (try? again.encoded()) == written else {
            preconditionFailure("\(D.self): other bytes the second time")
        }
    }

    static func seeds() throws -> [[UInt8]] {
        var seeds: [[UInt8]] = []
        for line in try Vectors.lines("groups/records.txt") {
            let words = line.split(separator: " ")
            guard words.count == 5 else { continue }
            let key = Vectors.bytes(hexadecimal: words[3])
            guard key.count < 256 else { continue }
            if words[4] == "-" {
                seeds.append([Kind.tombstone.rawValue] + key)
            } else {
                let value = Vectors.bytes(hexadecimal: words[4])
                seeds.append([Kind.record.rawValue, UInt8(key.count)] + key + value)
            }
        }
        for (kind, file) in [(Kind.subscription, "Subscription"), (.assignment, "Assignment")] {
            for line in try Vectors.lines("protocol/ConsumerProtocol\(file).txt") {
                let words = line.split(separator: " ", omittingEmptySubsequences: false)
                guard words.count == 4, let version = Int16(words[1]) else { continue }
                seeds.append([kind.rawValue, 0, UInt8(version)] + Vectors.bytes(hexadecimal: words[3]))
            }
        }
        seeds.append([Kind.author.rawValue] + Array("a\tb\tc".utf8))
        seeds.append([Kind.note.rawValue] + Array("reset\tid\t5".utf8))
        return seeds
    }
}
