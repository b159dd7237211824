/// An object of JSON, a field at a time.
struct JSONObject {
    private(set) var bytes: [UInt8] = [UInt8(ascii: "{")]

    /// The whole object.
    var closed: [UInt8] { bytes + [UInt8(ascii: "}")] }

    mutating func add(_ key: String, _ cell: Table.Cell) {
        add(key: key)
        cell.append(to: &bytes)
    }

    /// - Parameter json: a value, as it stands in JSON.
    mutating func add(_ key: String, json: [UInt8]) {
        add(key: key)
        bytes.append(contentsOf: json)
    }

    mutating func add(_ key: String, _ texts: [String]) {
        add(
            key,
            array: texts.map { text in
                var bytes: [UInt8] = []
                JSONText.append(text, to: &bytes)
                return bytes
            })
    }

    /// - Parameter array: values, as they stand in JSON.
    mutating func add(_ key: String, array: [[UInt8]]) {
        add(key: key)
        bytes.append(UInt8(ascii: "["))
        bytes.append(contentsOf: array.joined(separator: [UInt8(ascii: ",")]))
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func add(key: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        JSONText.append(key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }
}
