/// Where a broker listens.
public struct BrokerAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name, or an IPv4 or IPv6 address without brackets.
    public var host: String
    /// 1 to 65535.
    public var port: Int

    /// What Kafka's brokers use unless told otherwise.
    public static let defaultPort = 9092

    public init(host: String, port: Int = BrokerAddress.defaultPort) {
        self.host = host
        self.port = port
    }

    /// Reads `host`, `host:port`, or `[IPv6]:port`. Throws `invalidAddress`.
    public init(parsing text: String) throws(KafkaClientError) {
        var host = text[...]
        var port = Self.defaultPort
        // A colon that is not the only one, outside brackets, belongs to an IPv6 address without a port.
        let isBareIPv6 = !text.hasPrefix("[") && text.count(where: { $0 == ":" }) > 1
        if !isBareIPv6, let colon = text.lastIndex(of: ":"), text[colon...].firstIndex(of: "]") == nil {
            host = text[..<colon]
            guard let number = Int(text[text.index(after: colon)...]), (1...65535).contains(number) else {
                throw .invalidAddress(text)
            }
            port = number
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "[" || $0 == "]" || $0 == "/" }) else {
            throw .invalidAddress(text)
        }
        self.init(host: String(host), port: port)
    }

    /// Reads a list of addresses with commas between them. Throws `invalidAddress`, also for an empty list.
    public static func list(parsing text: String) throws(KafkaClientError) -> [BrokerAddress] {
        var addresses: [BrokerAddress] = []
        for part in text.split(separator: ",") {
            addresses.append(try BrokerAddress(parsing: part.trimmed))
        }
        guard !addresses.isEmpty else { throw .invalidAddress(text) }
        return addresses
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
