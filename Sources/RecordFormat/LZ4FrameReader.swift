internal import CLZ4

/// Reads an lz4 frame from its start to its end, of which no more is decompressed at a time than fits into a window.
struct LZ4FrameReader {
    private let context: OpaquePointer
    /// What is left of the frame.
    private var frame: UnsafeRawBufferPointer
    private let window: UnsafeMutableRawBufferPointer
    /// Where the bytes lie in the window that have not been taken.
    private var start = 0
    private var end = 0
    private let byteCountMax: Int
    /// How many more bytes may come.
    private var room: Int
    /// True: all has been decompressed, and the frame's checksums are right.
    private(set) var isAtEnd = false

    /// - Parameters:
    ///   - context: at the start of a frame.
    ///   - byteCountMax: what the frame may come to.
    init(
        _ frame: UnsafeRawBufferPointer, _ context: OpaquePointer, window: UnsafeMutableRawBufferPointer,
        byteCountMax: Int
    ) {
        self.frame = frame
        self.context = context
        self.window = window
        self.byteCountMax = byteCountMax
        room = byteCountMax
    }

    /// What is there and has not been taken: valid until more is read.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: window[start..<end]) }

    mutating func take(_ count: Int) { start += count }

    /// Reads as much as there is room for in the window. False: there is none, or there is no more.
    mutating func fill() throws(BatchError) -> Bool {
        let left = end - start
        if start > 0, left > 0, let memory = window.baseAddress {
            memory.copyMemory(from: memory + start, byteCount: left)
        }
        (start, end) = (0, left)
        while end < window.count, !isAtEnd { try readOn() }
        return end > left
    }

    private mutating func readOn() throws(BatchError) {
        var (produced, consumed) = (min(window.count - end, room), frame.count)
        let status = LZ4F_decompress(
            context, window.baseAddress.map { $0 + end }, &produced, frame.baseAddress, &consumed, nil)
        guard LZ4F_isError(status) == 0 else { throw .badCompressedData(.badBlock) }
        frame = UnsafeRawBufferPointer(rebasing: frame[consumed...])
        end += produced
        room -= produced
        isAtEnd = status == 0
        guard isAtEnd || produced > 0 || consumed > 0 else {
            throw room == 0 ? .decompressedTooLarge(limit: byteCountMax) : .badCompressedData(.badBlock)
        }
    }
}
