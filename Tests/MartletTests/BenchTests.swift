import ArgumentParser
import Broker
import BrokerTestSupport
import Foundation
import FoundationXML
import KafkaClient
import LoadGenerator
import TestSupport
import Testing

@testable import martlet

/// The commands as they are given, in amounts that say nothing: what is looked at is that all is counted.
@Suite("Benchmarks", .timeLimit(.minutes(10)))
struct BenchTests {
    /// Of the report as JSON.
    private struct Found {
        var object: [String: Any]

        func number(_ key: String) -> Double? { (object[key] as? NSNumber)?.doubleValue }

        func latency(_ key: String, _ figure: String) -> Double? {
            let all = object["latencyMilliseconds"] as? [String: [String: Any]]
            return (all?[key]?[figure] as? NSNumber)?.doubleValue
        }

        func flow(_ key: String) -> [[String: Double]]? {
            (object["timelines"] as? [String: [[String: Double]]])?[key]
        }
    }

    private func measure(_ arguments: [String]) async throws -> (report: BenchReport, found: Found) {
        let command = try #require(try Martlet.parseAsRoot(["bench"] + arguments) as? any BenchSubcommand)
        let report = try await command.measure()
        let object = try JSONSerialization.jsonObject(with: Data(report.json)) as? [String: Any]
        let found = Found(object: try #require(object))
        #expect(found.object["command"] as? String == arguments[0])
        #expect(found.object["interrupted"] as? Bool == false && !report.isIncomplete)
        var out = StandardOutput()
        try report.print(asJSON: false, to: &out)
        let text = String(decoding: out.bytes, as: UTF8.self)
        #expect(text.hasPrefix("\(arguments[0]): ") && text.contains("Latency in ms"))
        let drawing = XMLParser(data: Data(BenchPlot(report).svg.utf8))
        #expect(drawing.parse(), "\(drawing.parserError?.localizedDescription ?? "")")
        return (report, found)
    }

    private func withTopics<R>(_ body: (String, KafkaClient) async throws -> R) async throws -> R {
        try await withBroker { broker in
            let client = try await KafkaClient.connect(to: "\(broker.address)")
            do {
                let result = try await body("\(broker.address)", client)
                await client.close()
                return result
            } catch {
                await client.close()
                throw error
            }
        }
    }

    @Test(
        "produce sends exactly as many records as it is asked to, and deletes its topic",
        arguments: [
            [], ["--rate", "5000"], ["--acks", "1", "-z", "lz4"], ["--acks", "0"],
            ["--record-size", "1kB", "--batch-size", "4kB", "--in-flight", "1"],
            ["--rate", "5000", "--linger-ms", "0", "--connections", "1"],
        ])
    func produce(further: [String]) async throws {
        try await withTopics { address, client in
            let (_, found) = try await measure(
                ["produce", "--broker", address, "--records", "500", "-c", "3", "-p", "2"] + further)
            #expect(found.number("records") == 500 && found.number("unanswered") == 0)
            let bytes = try #require(found.number("payloadBytes"))
            #expect(further.contains("1kB") ? bytes == 500_000 : bytes > 50_000 && bytes < 75_000)
            #expect(try #require(found.number("wireBytes")) > 0 && (found.number("requests") ?? 0) > 0)
            // Nobody says when the last record of acks=0 came.
            if !further.contains("0") || further.contains("--linger-ms") {
                #expect(found.latency("acknowledged", "count") == 500)
                #expect((found.latency("acknowledged", "max") ?? -1) >= (found.latency("acknowledged", "p50") ?? 0))
            }
            #expect((found.number("clientCPUSeconds") ?? -1) >= 0)
            #expect(found.object["isOwnBroker"] as? Bool == false && found.object["topic"] is String)
            let sum = try #require(found.flow("produced")).reduce(0) { $0 + ($1["recordsPerSecond"] ?? 0) }
            #expect(sum > 0)
            #expect(try await client.admin.listTopics().isEmpty)
        }
    }

    @Test("produce into a topic that is there leaves it there with what it wrote")
    func produceIntoTopic() async throws {
        try await withTopics { address, client in
            try await client.admin.createTopic("readings", partitions: 3)
            let (_, found) = try await measure(
                [
                    "produce", "--broker", address, "--topic", "readings", "--records", "700", "-c", "2",
                    "--batch-size", "10kB",
                ])
            #expect(found.number("partitions") == 3 && found.object["topic"] as? String == "readings")
            let ends = try await client.admin.describeTopic("readings").partitions.map(\.end.value)
            #expect(ends.reduce(0, +) == 700 && ends.allSatisfy { $0 > 0 })
            #expect((found.number("diskBytes") ?? 0) > 0)
        }
    }

    @Test("lines of a file become the values, in their order")
    func lines() async throws {
        let directory = TemporaryDirectory()
        try directory.write(Array("first\nsecond\nthird\n".utf8), to: "lines")
        try await withTopics { address, client in
            try await client.admin.createTopic("lines", partitions: 1)
            _ = try await measure(
                [
                    "produce", "--broker", address, "--topic", "lines", "--records", "4", "-c", "1", "--rate", "10000",
                    "--payload", directory.path + "/lines",
                ])
            var values: [String?] = []
            let consumer = try await client.makeConsumer(topic: "lines", until: .end)
            while let batch = try await consumer.next() { values += try batch.records().map(\.valueText) }
            await consumer.close()
            #expect(values == ["first", "second", "third", "first"])
        }
    }

    @Test("consume replays what is there, over and over, until so many have come")
    func consume() async throws {
        try await withTopics { address, client in
            let (_, found) = try await measure(
                ["consume", "--broker", address, "--fill", "500", "--records", "1200", "-c", "3", "-p", "2"])
            #expect(found.number("heldRecords") == 500)
            #expect((found.number("records") ?? 0) >= 1200)
            #expect((found.number("wireBytes") ?? 0) > 0 && (found.latency("fetch", "count") ?? 0) > 0)
            #expect(try await client.admin.listTopics().isEmpty)
        }
    }

    @Test(
        "latency finds each record that it sent, once",
        arguments: [[], ["-z", "lz4", "-c", "2"], ["--acks", "1", "--linger-ms", "3"], ["--acks", "0"]])
    func latency(further: [String]) async throws {
        try await withTopics { address, _ in
            let (_, found) = try await measure(
                [
                    "latency", "--broker", address, "--records", "500", "--rate", "2000", "--warmup", "0.1",
                    "--consumers", "2",
                ] + further)
            #expect(found.number("records") == 500 && found.number("unanswered") == 0)
            #expect(found.latency("endToEnd", "count") == 500 && found.number("rate") == 2000)
            if !further.contains("0") { #expect(found.latency("acknowledged", "count") == 500) }
        }
    }

    @Test(
        "commit counts each offset that was acknowledged, and deletes its groups", arguments: [[], ["--rate", "2000"]])
    func commit(further: [String]) async throws {
        try await withTopics { address, client in
            let (_, found) = try await measure(
                ["commit", "--broker", address, "--records", "250", "-c", "5", "-p", "2", "--in-flight", "2"] + further)
            #expect(found.number("commits") == 500 && found.number("requests") == 250)
            #expect(found.latency("commit", "count") == 250)
            #expect(try await client.admin.listGroups().isEmpty)
        }
    }

    @Test("connections opens the idle ones, keeps them, and has the active ones send")
    func connections() async throws {
        try await withTopics { address, _ in
            let (_, found) = try await measure(
                [
                    "connections", "--broker", address, "--idle", "50", "--active", "10", "--rate", "50", "--records",
                    "500",
                ])
            #expect(found.number("records") == 500 && found.number("lostConnections") == 0)
            #expect(found.number("idle") == 50 && found.number("rateEach") == 50)
            #expect((found.number("connectionsPerSecond") ?? 0) > 0)
            #expect(found.object["bytesPerIdleConnection"] is NSNumber, "the broker is this process")
        }
    }

    @Test("mixed times producers alone and beside a replay")
    func mixed() async throws {
        try await withTopics { address, _ in
            let (_, found) = try await measure(
                ["mixed", "--broker", address, "--fill", "500", "--records", "500", "--rate", "2000", "-p", "2"])
            #expect(found.latency("alone", "count") == 500 && found.latency("besideReplay", "count") == 500)
            #expect((found.number("replayedRecords") ?? 0) > 0 && found.object["p99Ratio"] is NSNumber)
        }
    }

    @Test("open by the library opens a directory so often")
    func open() async throws {
        let directory = TemporaryDirectory()
        let (_, found) = try await measure(
            ["open", "--library", "--runs", "3", "--work-directory", directory.path])
        #expect(found.latency("ready", "count") == 3 && (found.number("medianMilliseconds") ?? 0) > 0)
        #expect(try directory.names().isEmpty)
    }

    // MARK: What goes wrong

    @Test(
        "no broker there: it says so, with status 4", arguments: ["produce", "consume", "latency", "commit", "mixed"])
    func noBroker(command: String) async throws {
        let address = "127.0.0.1:\(unusedPort())"
        let error = await #expect(throws: (any Error).self) { try await measure([command, "--broker", address]) }
        let failure = try #require(error.flatMap { Failure($0) })
        #expect(failure.status == .unreachable && failure.message.contains(address))
        #expect(failure.message.contains("is the broker running"))
    }

    @Test("a topic that is not there, or has nothing to read: it says so, and what to do")
    func noTopic() async throws {
        try await withTopics { address, client in
            let error = await #expect(throws: (any Error).self) {
                try await measure(["produce", "--broker", address, "--topic", "missing", "--records", "1"])
            }
            let message = error.flatMap { Failure($0) }?.message
            #expect(message == "there is no topic 'missing': create it, check its spelling, or leave --topic out")
            try await client.admin.createTopic("empty", partitions: 1)
            let other = await #expect(throws: (any Error).self) {
                try await measure(["consume", "--broker", address, "--topic", "empty", "--records", "1"])
            }
            #expect(other.flatMap { Failure($0) }?.message.contains("has no records to read") == true)
        }
    }

    @Test("a batch that the topic does not take is refused with what to do")
    func tooLarge() async throws {
        try await withTopics { address, client in
            try await client.admin.createTopic("small", partitions: 1, settings: ["max.message.bytes": "1000"])
            let error = await #expect(throws: (any Error).self) {
                try await measure(["produce", "--broker", address, "--topic", "small", "--records", "500", "-c", "1"])
            }
            let message = error.flatMap { Failure($0) }?.message ?? ""
            #expect(message.contains("MESSAGE_TOO_LARGE") && message.contains("lower --batch-size"))
        }
    }

    @Test("a file without lines is refused, and so is a program that is no broker")
    func noLines() async throws {
        let directory = TemporaryDirectory()
        try directory.write([], to: "none")
        let error = await #expect(throws: (any Error).self) {
            try await measure(["produce", "--payload", directory.path + "/none"])
        }
        #expect(error.flatMap { Failure($0) }?.message.contains("has no lines") == true)
        for (program, text) in [("/no/such", "cannot start"), ("/bin/echo", "not where it listens")] {
            let error = await #expect(throws: (any Error).self) {
                try await measure(["produce", "--martlet", program, "--work-directory", directory.path])
            }
            #expect(error.flatMap { Failure($0) }?.message.contains(text) == true)
        }
        #expect(try directory.names() == ["none"], "what was made for the broker is gone")
    }
}

@Suite("Figures of processes")
struct ProcessReadingTests {
    @Test("proc's lines become seconds and bytes, whatever the process is called")
    func reading() throws {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 8 20 0 3 0 1000 1 1"
        let status = "Name:\ta\nVmHWM:\t    300 kB\nVmRSS:\t    200 kB\n"
        let reading = try #require(ProcessReading(stat: stat, status: status, ticksPerSecond: 100))
        #expect(reading.cpuSeconds == 3 && reading.residentBytes == 204_800 && reading.peakResidentBytes == 307_200)
        #expect(ProcessReading(stat: "nonsense", status: "", ticksPerSecond: 100) == nil)
        #expect(ProcessReading(stat: "1 (a) S 1", status: "", ticksPerSecond: 100) == nil)
    }

    @Test("sockets that listen on a port are found in the kernel's table, others are not")
    func inodes() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1111 1
               1: 0100007F:2384 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 2222 1
               2: 0100007F:2385 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3333 1
            """
        #expect(ListenerSearch.inodes(listeningOn: 0x2384, in: table) == ["1111"])
        #expect(ListenerSearch.inodes(listeningOn: 1, in: table).isEmpty)
    }

    @Test("the line that a broker starts with says where it listens")
    func address() {
        let line = "martlet 0.1.0 listens on 127.0.0.1:40123, data in /x, ready in 20.1 ms"
        #expect(ChildBroker.address(in: line) == "127.0.0.1:40123")
        #expect(ChildBroker.address(in: "serve --data x") == nil)
    }
}

@Suite("Drawings of benchmarks")
struct BenchPlotTests {
    @Test("axes have round numbers, and no more than fit", arguments: [0.001, 0.9, 1, 7, 10, 99, 1234, 1e6, 3.7e9])
    func linear(most: Double) {
        let scale = LinearScale(most)
        #expect(scale.ticks.first == 0 && scale.end >= most * 0.999_999 && (2...9).contains(scale.ticks.count))
    }

    @Test("a logarithmic axis holds all values", arguments: [[1.0], [0.001, 3_600_000], [5, 5.1], [0.3, 40]])
    func logarithmic(values: [Double]) {
        let scale = LogScale(values)
        #expect(values.allSatisfy { scale.part($0) >= -0.000_001 && scale.part($0) <= 1.000_001 })
        #expect(scale.ticks.allSatisfy { scale.part($0) >= -0.000_001 && scale.part($0) <= 1.000_001 })
        #expect(scale.ticks.count >= 2)
    }

    @Test("nines are named as percentages")
    func nines() {
        #expect((0...5).map(BenchPlot.percent(nines:)) == ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"])
        #expect(
            [0.5, 2, 1000, 0.001, 1500, 33.25].map(BenchPlot.short) == ["0.5", "2", "1,000", "0.001", "1,500", "33.25"])
    }

    @Test("a report without a latency or a timeline is drawn, too, and what it says is no markup")
    func empty() throws {
        var report = BenchReport("produce", setting: "lines of <a&b>")
        for _ in 0..<2 {
            let parser = XMLParser(data: Data(BenchPlot(report).svg.utf8))
            #expect(parser.parse())
            var one = LatencyHistogram()
            one.record(1)
            report.add(latency: "one", "<one>", one)
        }
        #expect(BenchPlot(report).svg.contains("Latency by percentile"))
        #expect(!BenchPlot(report).svg.contains("Throughput over time"))
    }
}
