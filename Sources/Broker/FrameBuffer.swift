internal import KafkaProtocol
internal import NIOCore

/// Cuts a stream of bytes into frames. A frame that came whole in one read is a slice of it. Of one that a read has cut the
/// part that is there is copied, so that the channel can read into the same memory again: no more than one frame a read,
/// and only as it comes, since a length alone takes no memory.
struct FrameBuffer {
    /// The beginning of a frame that a read has cut, in storage of its own; nothing of the next.
    private var cut = ByteBuffer()
    /// What came after it and is not part of a frame that was taken: where it came with one read, in the channel's storage.
    private var rest = ByteBuffer()
    /// What is held in memory for `rest`: frames that were taken, before it, too.
    private var restHeldBytes = 0
    /// Whether the storage of `rest` is this buffer's alone. It is not where it came with a read, or frames were taken of it.
    private var isGathered = false

    /// False: there is a part of a frame, or more.
    var isEmpty: Bool { byteCount == 0 }
    /// What has come and is not part of a frame that was taken.
    var byteCount: Int { cut.readableBytes + rest.readableBytes }
    /// What is held in memory for it. More than that has no pages yet: large blocks are mapped one by one.
    var heldBytes: Int { cut.readableBytes + restHeldBytes }

    /// Of its storage.
    var capacity: Int { cut.storageCapacity + rest.storageCapacity }

    /// A length up to this is believed before the frame says what it is.
    static let trustedBytes = 16 << 10

    mutating func append(_ bytes: ByteBuffer) {
        guard rest.readableBytes > 0 else { return begin(with: bytes) }
        var bytes = bytes
        if !isGathered { gather(room: bytes.readableBytes) }
        // Storage that is full doubles: its bytes have paid for that.
        rest.writeBuffer(&bytes)
        restHeldBytes = max(restHeldBytes, rest.writerIndex)
    }

    private mutating func begin(with bytes: ByteBuffer) {
        rest = bytes
        restHeldBytes = bytes.writerIndex
        isGathered = false
    }

    /// Moves what is left to storage of its own.
    private mutating func gather(room: Int = 0) {
        var own = ByteBufferAllocator().buffer(capacity: rest.readableBytes + room)
        own.writeImmutableBuffer(rest)
        rest = own
        restHeldBytes = rest.readableBytes
        isGathered = true
    }

    /// What the frame lacks that has begun, 0 where it is all there; nil: its length is not.
    var missingBytes: Int? {
        guard let length = announcedLength, length >= 0 else { return nil }
        return max(0, Frame.lengthPrefix + Int(length) - byteCount)
    }

    private var announcedLength: Int32? {
        if cut.readableBytes == 0 { return Self.length(in: rest) }
        if cut.readableBytes >= Frame.lengthPrefix { return Self.length(in: cut) }
        let prefix = [UInt8](cut.readableBytesView) + rest.readableBytesView.prefix(cutLacks(of: Frame.lengthPrefix))
        return Self.length(in: ByteBuffer(bytes: prefix))
    }

    private static func length(in buffer: ByteBuffer) -> Int32? { buffer.getInteger(at: buffer.readerIndex) }

    /// The next whole frame, without its length; nil: it is not all there yet. Throws where it is longer than a request
    /// of its API may be: as soon as that is known, not when it is all there.
    mutating func next(_ limits: FrameLimits) throws(FrameError) -> ByteBuffer? {
        if cut.readableBytes == 0, let frame = try takeWhole(limits) { return frame }
        guard try completeCut(limits) else {
            // The channel reads into its storage again.
            begin(with: ByteBuffer())
            return nil
        }
        defer { cut = ByteBuffer() }
        return cut.getSlice(at: cut.readerIndex + Frame.lengthPrefix, length: cut.readableBytes - Frame.lengthPrefix)
    }

    /// A frame that is all there in `rest`.
    private mutating func takeWhole(_ limits: FrameLimits) throws(FrameError) -> ByteBuffer? {
        guard let length = Self.length(in: rest) else { return nil }
        try Self.check(length, rest, limits)
        guard rest.readableBytes >= Frame.lengthPrefix + Int(length) else { return nil }
        rest.moveReaderIndex(forwardBy: Frame.lengthPrefix)
        isGathered = false
        return rest.readSlice(length: Int(length))
    }

    /// Whether the frame that a read has cut, or does now, is all there: with what there is of it in `rest`, but no more than
    /// that it may be.
    private mutating func completeCut(_ limits: FrameLimits) throws(FrameError) -> Bool {
        guard fillCut(to: Frame.lengthPrefix), let length = Self.length(in: cut) else { return false }
        try Self.check(length, cut, limits)
        if Int(length) > Self.trustedBytes {
            guard fillCut(to: Frame.lengthPrefix + 4) else { return false }
            try Self.check(length, cut, limits)
        }
        return fillCut(to: Frame.lengthPrefix + Int(length))
    }

    private static func check(_ length: Int32, _ frame: ByteBuffer, _ limits: FrameLimits) throws(FrameError) {
        guard length >= 0 else { throw .negativeLength(length) }
        guard Int(length) <= limits.largest else { throw .tooLong(length, limit: limits.largest) }
        let header = frame.readerIndex + Frame.lengthPrefix
        guard Int(length) > trustedBytes, let api = frame.getInteger(at: header, as: Int16.self),
            let version = frame.getInteger(at: header + 2, as: Int16.self)
        else { return }
        try limits.check(length, api, version)
    }

    private func cutLacks(of byteCount: Int) -> Int { max(0, byteCount - cut.readableBytes) }

    /// Whether `cut` has as many bytes: what it lacks is copied from `rest`, as far as it goes.
    private mutating func fillCut(to byteCount: Int) -> Bool {
        let lacking = min(cutLacks(of: byteCount), rest.readableBytes)
        if lacking > 0 {
            if cut.readableBytes == 0 { cut = ByteBufferAllocator().buffer(capacity: capacityForCut) }
            if let part = rest.readSlice(length: lacking) { cut.writeImmutableBuffer(part) }
        }
        return cut.readableBytes >= byteCount
    }

    /// For a frame that `rest` is the beginning of: twice what has come, and no more than it takes.
    private var capacityForCut: Int {
        let come = rest.readableBytes
        return max(come, min(2 * come, Frame.lengthPrefix + Int(max(0, Self.length(in: rest) ?? 0))))
    }

    /// Shows the next whole frame to `body`, where it lies, and takes it if that makes something of it. nil: it does not, or
    /// there is no whole frame of up to `largest` bytes; `next` says more.
    mutating func take<R>(
        upTo largest: Int, _ body: (UnsafeRawBufferPointer) -> R?
    ) -> (value: R, byteCount: Int)? {
        if cut.readableBytes > 0 {
            guard let length = announcedLength, length >= 0, length <= largest,
                fillCut(to: Frame.lengthPrefix + Int(length)), let taken = Self.show(cut, upTo: largest, body)
            else { return nil }
            cut = ByteBuffer()
            return taken
        }
        let taken = Self.show(rest, upTo: largest, body)
        if let taken {
            rest.moveReaderIndex(forwardBy: Frame.lengthPrefix + taken.byteCount)
            isGathered = false
        }
        return taken
    }

    private static func show<R>(
        _ buffer: ByteBuffer, upTo largest: Int, _ body: (UnsafeRawBufferPointer) -> R?
    ) -> (value: R, byteCount: Int)? {
        buffer.withUnsafeReadableBytes { bytes -> (value: R, byteCount: Int)? in
            guard bytes.count >= Frame.lengthPrefix else { return nil }
            let length = Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
            guard length >= 0, length <= largest, length <= bytes.count - Frame.lengthPrefix else { return nil }
            let frame = bytes[Frame.lengthPrefix..<Frame.lengthPrefix + length]
            return body(UnsafeRawBufferPointer(rebasing: frame)).map { ($0, length) }
        }
    }

    /// Between reads: gives a large buffer back that little is left in.
    mutating func compact() {
        if rest.readableBytes == 0 {
            begin(with: ByteBuffer())
        } else if rest.storageCapacity > 4 * rest.readableBytes + 1024 {
            gather()
        }
    }

    /// Where memory is short: gives back all but what is left.
    mutating func tighten() {
        if rest.readableBytes == 0 { return compact() }
        if restHeldBytes > rest.readableBytes { gather() }
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
