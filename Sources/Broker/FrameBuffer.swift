internal import KafkaProtocol
internal import NIOCore

/// Cuts a stream of bytes into frames. A frame that came whole in one read is a slice of it; only what a read cuts is
/// gathered, as it comes: a length alone takes no memory.
struct FrameBuffer {
    private var buffer = ByteBuffer()
    /// What is held in memory for it: frames that were taken, before what is left, and what was written to behind it. More
    /// than that has no pages yet: large blocks are mapped one by one.
    private(set) var heldBytes = 0
    /// Whether the storage is this buffer's alone, with nothing before what is left. It is not where it came with a read, or
    /// frames were taken of it.
    private var isGathered = false

    /// False: there is a part of a frame, or more.
    var isEmpty: Bool { buffer.readableBytes == 0 }
    /// What has come and is not part of a frame that was taken.
    var byteCount: Int { buffer.readableBytes }

    /// Of its storage.
    var capacity: Int { buffer.storageCapacity }

    /// A length up to this is believed before the frame says what it is.
    static let trustedBytes = 16 << 10

    mutating func append(_ bytes: ByteBuffer) {
        guard !isEmpty else { return begin(with: bytes) }
        var bytes = bytes
        if !isGathered { gather(room: bytes.readableBytes) }
        // Storage that is full doubles: its bytes have paid for that.
        buffer.writeBuffer(&bytes)
        heldBytes = max(heldBytes, buffer.writerIndex)
    }

    private mutating func begin(with bytes: ByteBuffer) {
        buffer = bytes
        heldBytes = bytes.writerIndex
        isGathered = false
    }

    /// Moves what is left to storage of its own.
    private mutating func gather(room: Int = 0) {
        var own = ByteBufferAllocator().buffer(capacity: buffer.readableBytes + room)
        own.writeImmutableBuffer(buffer)
        buffer = own
        heldBytes = buffer.readableBytes
        isGathered = true
    }

    /// What the frame lacks that has begun, 0 where it is all there; nil: its length is not.
    var restBytes: Int? { missingBytes.map { max(0, $0) } }

    private var missingBytes: Int? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: Int32.self), length >= 0 else { return nil }
        return Frame.lengthPrefix + Int(length) - buffer.readableBytes
    }

    /// The next whole frame, without its length; nil: it is not all there yet. Throws where it is longer than a request
    /// of its API may be: as soon as that is known, not when it is all there.
    mutating func next(_ limits: FrameLimits) throws(FrameError) -> ByteBuffer? {
        let start = buffer.readerIndex
        guard let length = buffer.getInteger(at: start, as: Int32.self) else { return nil }
        guard length >= 0 else { throw .negativeLength(length) }
        guard Int(length) <= limits.largest else { throw .tooLong(length, limit: limits.largest) }
        if Int(length) > Self.trustedBytes {
            guard let api = buffer.getInteger(at: start + Frame.lengthPrefix, as: Int16.self),
                let version = buffer.getInteger(at: start + Frame.lengthPrefix + 2, as: Int16.self)
            else { return nil }
            try limits.check(length, api, version)
        }
        guard buffer.readableBytes >= Frame.lengthPrefix + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: Frame.lengthPrefix)
        isGathered = false
        return buffer.readSlice(length: Int(length))
    }

    /// Shows the next whole frame to `body`, where it lies, and takes it if that makes something of it. nil: it does not, or
    /// there is no whole frame of up to `largest` bytes; `next` says more.
    mutating func take<R>(
        upTo largest: Int, _ body: (UnsafeRawBufferPointer) -> R?
    ) -> (value: R, byteCount: Int)? {
        let taken = buffer.withUnsafeReadableBytes { bytes -> (value: R, byteCount: Int)? in
            guard bytes.count >= Frame.lengthPrefix else { return nil }
            let length = Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
            guard length >= 0, length <= largest, length <= bytes.count - Frame.lengthPrefix else { return nil }
            let frame = bytes[Frame.lengthPrefix..<Frame.lengthPrefix + length]
            return body(UnsafeRawBufferPointer(rebasing: frame)).map { ($0, length) }
        }
        if let taken {
            buffer.moveReaderIndex(forwardBy: Frame.lengthPrefix + taken.byteCount)
            isGathered = false
        }
        return taken
    }

    /// Between reads: gives a large buffer back that little is left in.
    mutating func compact() {
        if isEmpty {
            begin(with: ByteBuffer())
        } else if buffer.storageCapacity > 4 * buffer.readableBytes + 1024 {
            gather()
        }
    }

    /// Where memory is short: gives back all but what is left.
    mutating func tighten() {
        if isEmpty { return compact() }
        if heldBytes > buffer.readableBytes { gather() }
    }
}

/// How long a request may be, by its API.
struct FrameLimits {
    /// Of those that carry records, or a list that a client makes up.
    let largest: Int
    /// Of the others.
    let small: Int

    func check(_ length: Int32, _ api: Int16, _ version: Int16) throws(FrameError) {
        guard let key = ApiKey(rawValue: api), SupportedVersions.contains(api, version: version) || key == .apiVersions
        else { throw .unknown(length, api, version) }
        guard key.isAlwaysSmall, Int(length) > small else { return }
        throw .tooLongFor(key, length, limit: small)
    }
}

extension ApiKey {
    /// Whether its requests name a few things at most.
    fileprivate var isAlwaysSmall: Bool {
        switch self {
        case .apiVersions, .findCoordinator, .heartbeat, .initProducerID, .listGroups, .describeCluster: true
        default: false
        }
    }
}

enum FrameError: Error, CustomStringConvertible {
    case negativeLength(Int32)
    case tooLong(Int32, limit: Int)
    case tooLongFor(ApiKey, Int32, limit: Int)
    case unknown(Int32, Int16, Int16)

    var description: String {
        switch self {
        case .negativeLength(let length): "a request of \(length) bytes is not possible: is this a Kafka client?"
        case .tooLong(let length, let limit):
            "a request of \(length) bytes is over the limit of \(limit): is this a Kafka client, without TLS? "
                + "If so, let it send smaller batches, or fewer at a time, or raise socket.request.max.bytes"
        case .tooLongFor(let key, let length, let limit):
            "\(key.name) of \(length) bytes is over the limit of \(limit) (socket.request.small.max.bytes): is this a "
                + "Kafka client?"
        case .unknown(let length, let api, let version):
            "a request of \(length) bytes for API \(api), version \(version), which is not served: is this a Kafka "
                + "client?"
        }
    }
}
