import Glibc
import NIOCore
import Yardstick

/// Requests cut from what a connection reads, as many of them in a read as fit: small ones, and those of a bulk load.
enum FrameBenchmarks {
    static func register() {
        register("frames of 200 B, whole in reads of 16 KiB", frame: 200, read: 80 * 200)
        register("frames of 200 B, cut by reads of 16 KiB", frame: 200, read: 16 << 10)
        register("frames of 64 KiB, cut by reads of 256 KiB", frame: 65_000, read: 256 << 10)
    }

    /// - Parameter frame: bytes of a frame, its length included.
    private static func register(_ name: String, frame: Int, read: Int) {
        // As many reads as it takes until one ends where a frame does, or a good number of them.
        let reads = max(1, (1 << 20) / read)
        let frames = reads * read / frame
        Pair(name: name, repetitions: max(1, 4000 / frames), operations: frames).register {
            let stream = stream(frames, of: frame)
            let pieces = stride(from: 0, to: stream.count, by: read).map { $0..<min($0 + read, stream.count) }
            let buffers = pieces.map { ByteBuffer(bytes: stream[$0]) }
            return (
                { repetitions in
                    let limits = FrameLimits(largest: 100 << 20, small: 1 << 20)
                    var sum: UInt64 = 0
                    for _ in 0..<repetitions {
                        var cutter = FrameBuffer()
                        for buffer in buffers {
                            cutter.append(buffer)
                            while let frame = try cutter.next(limits) { sum &+= 1 &+ UInt64(frame.readableBytes) }
                            cutter.compact()
                        }
                    }
                    return sum
                },
                { repetitions in
                    var rest = yardstick_rest()
                    defer { free(rest.bytes) }
                    var sum: UInt64 = 0
                    stream.withUnsafeBufferPointer { stream in
                        for _ in 0..<repetitions {
                            for piece in pieces {
                                let bytes = UnsafeBufferPointer(rebasing: stream[piece])
                                let ended = yardstick_cut(&rest, bytes.baseAddress, bytes.count, &sum)
                                sum &+= UInt64(ended)
                            }
                        }
                    }
                    return sum
                }
            )
        }
    }

    /// Produce requests of version 9, as far as the framer looks at them.
    private static func stream(_ count: Int, of size: Int) -> [UInt8] {
        let length = UInt32(size - 4).bigEndian
        var frame = withUnsafeBytes(of: length) { Array($0) } + [0, 0, 0, 9]
        frame += [UInt8](repeating: 7, count: size - frame.count)
        return Array(repeatElement(frame, count: count).joined())
    }
}
