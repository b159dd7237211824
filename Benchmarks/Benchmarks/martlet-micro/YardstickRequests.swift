import EventLog
import Yardstick

/// The yardstick's codecs, with what a benchmark looks at in what they read.
enum YardstickRequests {
    private static let room = 16

    static func produce(_ frame: [UInt8], _ repetitions: Int) throws -> UInt64 {
        let partitions = UnsafeMutableBufferPointer<yardstick_produced>.allocate(capacity: room)
        defer { partitions.deallocate() }
        var request = yardstick_produce_request()
        var sum: UInt64 = 0
        for _ in 0..<repetitions {
            guard yardstick_read_produce(frame, frame.count, &request, partitions.baseAddress, Int32(room)) else {
                throw PairError.refused("read a Produce request")
            }
            sum &+= UInt64(request.header.correlation) &+ UInt64(request.timeout) &+ UInt64(request.topic.count)
            for partition in partitions[..<Int(request.count)] {
                sum &+= UInt64(partition.partition) &+ UInt64(partition.records.count)
            }
        }
        return sum
    }

    static func fetch(_ frame: [UInt8], _ repetitions: Int) throws -> UInt64 {
        let partitions = UnsafeMutableBufferPointer<yardstick_fetched>.allocate(capacity: room)
        defer { partitions.deallocate() }
        var request = yardstick_fetch_request()
        var sum: UInt64 = 0
        for _ in 0..<repetitions {
            guard yardstick_read_fetch(frame, frame.count, &request, partitions.baseAddress, Int32(room)) else {
                throw PairError.refused("read a Fetch request")
            }
            sum &+= UInt64(request.header.correlation) &+ UInt64(request.bytes_max) &+ UInt64(request.topic.count)
            for partition in partitions[..<Int(request.count)] {
                sum &+= UInt64(partition.offset) &+ UInt64(partition.bytes_max)
            }
        }
        return sum
    }

    /// An answer for partitions from 0 on, each with the offset that its records got.
    static func produceAnswer(_ topic: [UInt8], _ offsets: [Int64], _ repetitions: Int) -> UInt64 {
        let answers = offsets.enumerated().map { i, offset in
            yardstick_produce_answer(partition: Int32(i), error: 0, base_offset: offset, append_time: -1, log_start: 0)
        }
        var place = [UInt8](repeating: 0, count: 4096)
        var size = 0
        topic.withUnsafeBufferPointer { topic in
            let name = yardstick_bytes(start: topic.baseAddress, count: topic.count)
            for i in 0..<repetitions {
                size = yardstick_write_produce_answer(Int32(i), name, answers, Int32(answers.count), &place)
            }
        }
        return place.withUnsafeBytes { UInt64(crc32c(UnsafeRawBufferPointer(rebasing: $0[..<size]))) }
    }
}
