/// Reads the part of TOML that configuration files need: tables, dotted and quoted keys, texts, whole numbers, numbers
/// with a fraction, true and false, comments. Everything else is refused with the place and what to write instead.
struct TOMLReader {
    /// A key with its value, by the tables that it stands in.
    struct Entry: Equatable {
        let path: [String]
        let value: TOMLValue
        /// Of the key.
        let place: TextPlace
    }

    private var text: TOMLScanner
    private var table: [String] = []
    private var entries: [Entry] = []
    /// Every table that a header or a dotted key has named, by its path.
    private var tables: [[String]: TextPlace] = [:]
    private var keys: [[String]: TextPlace] = [:]

    static func read(_ bytes: [UInt8]) throws(TOMLError) -> [Entry] {
        var reader = TOMLReader(text: try TOMLScanner(bytes))
        try reader.readAll()
        return reader.entries
    }

    private init(text: TOMLScanner) { self.text = text }

    private mutating func readAll() throws(TOMLError) {
        while true {
            try text.skipBlank()
            guard let next = text.peek else { return }
            if next == "[" { try readHeader() } else { try readPair() }
            try text.endLine()
        }
    }

    private mutating func readHeader() throws(TOMLError) {
        let place = text.place
        text.advance()
        if text.peek == "[" { throw text.error("arrays of tables are not taken: write one table, [name]", at: place) }
        let path = try readKey()
        guard text.take("]") else { throw text.error("a ']' is missing after the table's name") }
        if let first = tables.updateValue(place, forKey: path) {
            throw TOMLError(
                place: place,
                reason: "table [\(path.joined(separator: "."))] stands in line \(first.line) already: join the two")
        }
        try check(tables: path, place)
        table = path
    }

    private mutating func readPair() throws(TOMLError) {
        let place = text.place
        let key = try readKey()
        text.skipSpaces()
        guard text.take("=") else { throw text.error("a '=' is missing after '\(key.joined(separator: "."))'") }
        text.skipSpaces()
        let path = table + key
        let value = try TOMLValue(&text)
        if let first = keys.updateValue(place, forKey: path) {
            throw TOMLError(
                place: place,
                reason: "'\(key.joined(separator: "."))' stands in line \(first.line) already: leave out one of them")
        }
        try check(tables: path.dropLast(), place)
        if tables[path] != nil {
            throw TOMLError(
                place: place,
                reason: "'\(path.joined(separator: "."))' is a table already: give one of them another name")
        }
        entries.append(Entry(path: path, value: value, place: place))
    }

    /// What a key stands in must not be a value.
    private func check(tables path: some Collection<String>, _ place: TextPlace) throws(TOMLError) {
        for count in stride(from: path.count, to: 0, by: -1) {
            guard let value = keys[Array(path.prefix(count))] else { continue }
            let name = path.prefix(count).joined(separator: ".")
            throw TOMLError(place: place, reason: "'\(name)' is a value, in line \(value.line): nothing stands in it")
        }
    }

    /// `a`, `"a b"`, `a.b.c`
    private mutating func readKey() throws(TOMLError) -> [String] {
        var path: [String] = []
        repeat {
            text.skipSpaces()
            path.append(try readName())
            text.skipSpaces()
            if path.count > 32 { throw text.error("more than 32 names follow each other: write fewer") }
        } while text.take(".")
        return path
    }

    private mutating func readName() throws(TOMLError) -> String {
        if text.peek == "\"" || text.peek == "'" { return try text.readString() }
        var name = String.UnicodeScalarView()
        while let next = text.peek, TOMLScanner.isBare(next) {
            name.append(next)
            text.advance()
        }
        guard !name.isEmpty else {
            throw text.error("here must be a name of letters, digits, '-' and '_'; write others as \"a name\"")
        }
        return String(name)
    }
}

/// Where something stands in a text: line and column, from 1 on.
struct TextPlace: Equatable {
    var line = 1
    var column = 1
}

struct TOMLError: Error, Equatable {
    let place: TextPlace
    let reason: String
}
