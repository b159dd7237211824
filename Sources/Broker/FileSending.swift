internal import EventLog
internal import NIOCore
internal import Storage

/// Sends a range of a segment from the page cache to the socket, without bringing it into this process.
enum FileSending {
    static func write(
        _ slice: LogSlice, to context: ChannelHandlerContext, wrap: (IOData) -> NIOAny
    ) {
        guard let descriptor = slice.file.descriptor else {
            // A file that is not the system's: a test's disk.
            return context.write(wrap(.byteBuffer(bytes(of: slice))), promise: nil)
        }
        let handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        let region = FileRegion(
            fileHandle: handle, readerIndex: slice.position, endIndex: slice.position + slice.byteCount)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in
            // The descriptor belongs to the segment, which `slice` keeps open until here.
            _ = try? handle.takeDescriptorOwnership()
            withExtendedLifetime(slice) {}
        }
        context.write(wrap(.fileRegion(region)), promise: promise)
    }

    /// The range's bytes; zeros, which no client takes for a batch, where the file cannot be read.
    static func bytes(of slice: LogSlice) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: slice.byteCount) { memory in
            let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<slice.byteCount])
            let count = (try? slice.file.read(into: part, at: slice.position)) ?? 0
            UnsafeMutableRawBufferPointer(rebasing: part[count...]).initializeMemory(as: UInt8.self, repeating: 0)
            return slice.byteCount
        }
        return buffer
    }
}
