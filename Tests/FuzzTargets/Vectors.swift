import Foundation

/// The vectors beside, which seeds are made of.
enum Vectors {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Vectors")

    static func lines(_ file: String) throws -> [Substring] {
        let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    }

    static func bytes(hexadecimal text: Substring) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
    }

    static func batches() throws -> [[UInt8]] {
        let files = try FileManager.default.contentsOfDirectory(
            at: folder.appending(path: "batches"), includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "batch" }.sorted { $0.path < $1.path }
            .map { try [UInt8](Data(contentsOf: $0)) }
    }
}
