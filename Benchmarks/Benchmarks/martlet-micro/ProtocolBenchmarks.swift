import EventLog
import KafkaProtocol
import NIOCore
import Yardstick

/// The codecs of the calls that come most, header included.
enum ProtocolBenchmarks {
    private static let topic = "telemetry"

    static func register() {
        produceRequest()
        fetchRequest()
        produceResponse()
    }

    private static func produceRequest() {
        Pair(name: "decode a Produce request, 1 partition", repetitions: 1000).register {
            var builder = RecordBatchBuilder(compression: .none)
            _ = builder.append(contentsOf: Telemetry.records(10), from: 0, defaultTimestamp: .none, bytesMax: .max)
            try builder.finish()
            var request = ProduceRequest()
            request.acks = -1
            request.timeoutMs = 30_000
            var data = ProduceRequest.TopicData()
            data.name = topic
            var partition = ProduceRequest.PartitionData()
            partition.records = builder.withUnsafeBytes { ByteBuffer(bytes: $0) }
            data.partitionData = [partition]
            request.topicData = [data]
            let frame = try frame(of: request, version: 9)
            return (
                { repetitions in
                    var sum: UInt64 = 0
                    for _ in 0..<repetitions {
                        let (header, request) = try read(ProduceRequest.self, frame)
                        sum &+= UInt64(header.correlationID) &+ UInt64(request.timeoutMs)
                        for topic in request.topicData {
                            sum &+= UInt64(topic.name.utf8.count)
                            for partition in topic.partitionData {
                                sum &+= UInt64(partition.index) &+ UInt64(partition.records?.readableBytes ?? 0)
                            }
                        }
                    }
                    return sum
                }, { repetitions in try YardstickRequests.produce(Array(frame.readableBytesView), repetitions) }
            )
        }
    }

    private static func fetchRequest() {
        Pair(name: "decode a Fetch request, 10 partitions", repetitions: 1000).register {
            var request = FetchRequest()
            request.maxWaitMs = 500
            request.minBytes = 1
            request.maxBytes = 50 << 20
            var asked = FetchRequest.Topic()
            asked.topic = topic
            asked.partitions = (0..<10).map { (i: Int32) in
                var partition = FetchRequest.Partition()
                partition.partition = i
                partition.fetchOffset = 1_000_000 + Int64(i)
                partition.partitionMaxBytes = 1 << 20
                return partition
            }
            request.topics = [asked]
            let frame = try frame(of: request, version: 12)
            return (
                { repetitions in
                    var sum: UInt64 = 0
                    for _ in 0..<repetitions {
                        let (header, request) = try read(FetchRequest.self, frame)
                        sum &+= UInt64(header.correlationID) &+ UInt64(request.maxBytes)
                        for topic in request.topics {
                            sum &+= UInt64(topic.topic.utf8.count)
                            for partition in topic.partitions {
                                sum &+= UInt64(partition.fetchOffset) &+ UInt64(partition.partitionMaxBytes)
                            }
                        }
                    }
                    return sum
                }, { repetitions in try YardstickRequests.fetch(Array(frame.readableBytesView), repetitions) }
            )
        }
    }

    private static func produceResponse() {
        Pair(name: "encode a Produce response, 4 partitions", repetitions: 1000).register {
            let offsets = (0..<4).map { 1_000_000 + Int64($0) }
            var answered = ProduceResponse.TopicResponse()
            answered.name = topic
            answered.partitionResponses = offsets.enumerated().map { i, offset in
                var partition = ProduceResponse.PartitionResponse()
                partition.index = Int32(i)
                partition.baseOffset = offset
                partition.logStartOffset = 0
                return partition
            }
            var response = ProduceResponse()
            response.responses = [answered]
            let answer = response
            var buffer = ByteBufferAllocator().buffer(capacity: 4096)
            return (
                { repetitions in
                    for i in 0..<repetitions {
                        buffer.clear()
                        try Frame.append(answer, version: 9, correlationID: Int32(i), to: &buffer)
                    }
                    return UInt64(buffer.withUnsafeReadableBytes { crc32c($0) })
                }, { repetitions in YardstickRequests.produceAnswer(Array(topic.utf8), offsets, repetitions) }
            )
        }
    }

    /// A request as it comes, without the length before it.
    private static func frame<Request: RequestMessage>(of request: Request, version: Int16) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try Frame.append(request: request, version: version, correlationID: 7, clientID: "sensor-7", to: &buffer)
        buffer.moveReaderIndex(forwardBy: Frame.lengthPrefix)
        return buffer
    }

    /// What a connection does with a frame before its handler has it.
    @inline(__always)
    private static func read<Request: RequestMessage>(
        _ type: Request.Type, _ frame: ByteBuffer
    ) throws(ProtocolError) -> (RequestHeader, Request) {
        var body = frame
        let header = try RequestHeader(reading: &body)
        var memory = 0
        return (header, try Request(reading: body, version: header.apiVersion, memory: &memory))
    }
}
