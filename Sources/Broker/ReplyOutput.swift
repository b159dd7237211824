internal import KafkaProtocol
internal import NIOCore

/// Answers on their way to a channel: small ones are collected and go out together, those with ranges of files by themselves.
/// Keeps count of what the channel has in memory. For one event loop.
///
/// A class: a channel calls back while it is written to and flushed, and that may come by here again.
final class ReplyOutput {
    // Unchecked: one loop's alone, and nothing is being changed while the channel is called.
    private let allocator: ByteBufferAllocator
    @exclusivity(unchecked) private var buffer: ByteBuffer
    @exclusivity(unchecked) private var isEmpty = true
    @exclusivity(unchecked) private var needsFlush = false
    /// Of answers that the channel was given, no fewer than it still has in memory.
    @exclusivity(unchecked) private(set) var unsentBytes = 0
    /// When the client last took some of them, or there were none.
    private(set) var lastSent = NIODeadline.now()

    /// So much is collected at most.
    private static let collectedBytes = 16 << 10
    private static let initialBytes = 512

    init(_ allocator: ByteBufferAllocator) {
        self.allocator = allocator
        buffer = allocator.buffer(capacity: 0)
    }

    /// Has `body` write an answer behind those that are collected.
    func append(
        to context: ChannelHandlerContext?, _ body: (inout ByteBuffer) throws -> Void
    ) rethrows {
        makeRoom(context)
        try body(&buffer)
        isEmpty = false
    }

    func append(_ reply: Reply, to context: ChannelHandlerContext?) {
        if reply.files.isEmpty {
            return append(to: context) { buffer in
                var reply = reply.buffer
                buffer.writeBuffer(&reply)
            }
        }
        // Everything before goes first.
        write(to: context)
        guard let context else { return }
        var position = reply.buffer.readerIndex
        for file in reply.files {
            write(reply.buffer, from: position, to: file.position, context)
            position = file.position
            FileSending.write(file.slice, to: context) { NIOAny($0) }
        }
        write(reply.buffer, from: position, to: reply.buffer.writerIndex, context)
        needsFlush = true
    }

    func flush(to context: ChannelHandlerContext?) {
        write(to: context)
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }

    /// The channel does not say what it has in memory, but what it has in all: of ranges of files, too.
    func noteUnsent(_ buffered: Int) {
        guard buffered < unsentBytes else { return }
        unsentBytes = buffered
        lastSent = .now()
    }

    /// The channel is gone, and what it had.
    func forgetUnsent() { unsentBytes = 0 }

    private func makeRoom(_ context: ChannelHandlerContext?) {
        if isEmpty { buffer = allocator.buffer(capacity: Self.initialBytes) }
        if buffer.readableBytes > Self.collectedBytes {
            write(to: context)
            buffer = allocator.buffer(capacity: Self.initialBytes)
        }
    }

    private func write(to context: ChannelHandlerContext?) {
        guard !isEmpty, let context else { return }
        let collected = buffer
        buffer = ByteBuffer()
        isEmpty = true
        needsFlush = true
        write(collected, context)
    }

    private func write(_ buffer: ByteBuffer, from start: Int, to end: Int, _ context: ChannelHandlerContext) {
        guard end > start, let part = buffer.getSlice(at: start, length: end - start) else { return }
        write(part, context)
    }

    private func write(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        if unsentBytes == 0 { lastSent = .now() }
        unsentBytes += buffer.readableBytes
        context.write(NIOAny(IOData.byteBuffer(buffer)), promise: nil)
    }
}
