import BrokerTestSupport
import EventLog
import KafkaProtocol
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Broker

@Suite("What limits are counted by")
struct LimitUnitTests {
    // MARK: The budget

    @Test("a connection may hold as much as is free, so that as much again is left for another", arguments: 1...8)
    func shares(count: Int) {
        let budget = MemoryBudget(limit: 9600)
        var held = [Int](repeating: 0, count: count)
        // All take what they are given, in turn.
        for step in 0..<100_000 {
            let place = step % count
            guard budget.hasRoom(for: held[place] + 1) else { continue }
            held[place] += 1
            budget.add(1)
        }
        let share = 9000 / (count + 1)
        #expect(held.allSatisfy { abs($0 - share) <= count + 1 }, "\(held)")
        #expect(budget.hasRoom(for: share - 2 * (count + 1)))
    }

    @Test("nobody has room where more is held than may be, and everybody who holds nothing has at the limit")
    func over() {
        let budget = MemoryBudget(limit: 160)
        budget.add(150)
        #expect(budget.hasRoom(for: 0) && !budget.hasRoom(for: 1))
        budget.add(1)
        #expect(!budget.hasRoom(for: 0))
        budget.limit(to: 320)
        #expect(budget.hasRoom(for: 149) && !budget.hasRoom(for: 150))
        budget.add(-151)
        #expect(budget.byteCount == 0)
    }

    @Test("who lacks little to be done with a request may take half of what is free, and nothing where nothing is")
    func rest() {
        let budget = MemoryBudget(limit: 106)
        budget.add(60)
        #expect(!budget.hasRoom(for: 60) && budget.hasRoom(forRest: 20) && !budget.hasRoom(forRest: 21))
        budget.add(40)
        #expect(budget.hasRoom(forRest: 0) && !budget.hasRoom(forRest: 1))
        budget.add(1)
        #expect(!budget.hasRoom(forRest: 0))
    }

    @Test("what is kept leaves three quarters to requests, even where the limit was lowered, and is given back")
    func kept() {
        let budget = MemoryBudget(limit: 400)
        #expect(budget.keptByteCountMax == 100)
        budget.keep(100)
        // A sixteenth is for nobody.
        #expect(budget.byteCount == 100 && budget.hasRoom(for: 275) && !budget.hasRoom(for: 276))
        budget.limit(to: 40)
        budget.add(10)
        #expect(budget.byteCount == 20 && budget.hasRoom(for: 18) && !budget.hasRoom(for: 19))
        budget.limit(to: 400)
        #expect(budget.byteCount == 110)
        budget.add(-10)
        budget.keep(-100)
        #expect(budget.byteCount == 0)
    }

    @Test("memory goes back once when little is left of what was used, and each second while somebody waits for some")
    func trimming() {
        let budget = MemoryBudget(limit: 256 << 20)
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        func takesTrim(after milliseconds: Int64 = 0) -> Bool {
            now = now + .milliseconds(milliseconds)
            return budget.takesTrim(at: now)
        }
        budget.add(100 << 20)
        #expect(!takesTrim())
        budget.add(-(75 << 20))
        #expect(!takesTrim())
        budget.add(-1)
        #expect(takesTrim())
        #expect(!takesTrim(after: 10_000))
        budget.beginWait()
        #expect(takesTrim())
        #expect(!takesTrim(after: 999))
        #expect(takesTrim(after: 1))
        budget.endWait()
        #expect(!takesTrim(after: 10_000))
        // What was used meanwhile counts, too.
        budget.beginWait()
        budget.add(200 << 20)
        #expect(takesTrim())
        budget.add(-(200 << 20))
        budget.endWait()
        #expect(takesTrim())
        #expect(!takesTrim())
        // So does who waited for a moment.
        budget.beginWait()
        budget.endWait()
        #expect(takesTrim(after: 1000))
        #expect(!takesTrim(after: 10_000))
    }

    @Test(
        "a connection that there is memory for as soon as it is held back is read on, though nothing else happens",
        .timeLimit(.minutes(10)))
    func heldBack() async throws {
        // It counts what it is read into, and while it is read as much again. With both it holds more than is free, with
        // the one less: so whenever it asks to be read it is held back, and then there is room for it.
        let free = 3 * ReceiveAllocator.smallest
        let budget = MemoryBudget(limit: free + free / 15)
        #expect(budget.freeByteCount == free)
        func configure(_ configuration: inout BrokerConfiguration) {
            configuration.limits.memoryBytes = budget.byteCountMax
        }
        try await withBroker(configure: configure) { broker in
            let client = try await WireClient.connect(to: broker)
            for _ in 0..<4 { _ = try await client.call(ApiVersionsRequest()) }
        }
    }

    // MARK: Who goes where memory is short

    private static let patience = TimeAmount.seconds(5)

    private func hold(_ byteCount: Int, waits: TimeAmount? = nil, late: TimeAmount = .zero) -> MemoryHold {
        MemoryHold(byteCount: byteCount, wait: waits, clientDelay: late)
    }

    /// What those hold that are given up among `holds`, on two loops by turns, with memory for 1600 bytes.
    private func givenUp(_ holds: MemoryHold...) -> [Int] {
        var loops = [MemoryHolds(), MemoryHolds()]
        for (place, hold) in holds.enumerated() { loops[place % 2].add(hold, Self.patience) }
        var all = MemoryHolds()
        for loop in loops { all.add(loop) }
        return holds.filter { all.giveUp($0, limit: 1600, Self.patience) }.map(\.byteCount)
    }

    /// The same of who goes because somebody has waited in vain.
    private func mustGo(_ holds: MemoryHold...) -> [Int] {
        var all = MemoryHolds()
        for hold in holds { all.add(hold, Self.patience) }
        return holds.filter { all.mustGo($0) }.map(\.byteCount)
    }

    @Test("where memory is short those go that hold much and do nothing with it, each after its time")
    func inTheWay() {
        let ns = TimeAmount.nanoseconds(1)
        #expect(givenUp(hold(800, waits: .seconds(5)), hold(800, late: .seconds(1))) == [])
        #expect(givenUp(hold(800, waits: .seconds(5) + ns), hold(700, late: .seconds(1))) == [800])
        #expect(givenUp(hold(800, waits: .seconds(5)), hold(700, late: .seconds(1) + ns)) == [700])
        #expect(givenUp(hold(900, waits: .seconds(6), late: .seconds(2)), hold(700)) == [900])
        // The broker does not read it: that it is late besides is not its client's doing.
        #expect(givenUp(hold(800, waits: .seconds(4), late: .seconds(20))) == [])
    }

    @Test("who holds less than half of what another does that is in the way stays, on whichever loop that is")
    func holdsLittle() {
        let small = hold(399, waits: .seconds(15), late: .seconds(99))
        #expect(givenUp(small, hold(800, waits: .seconds(6)), hold(0), hold(0)) == [800])
        #expect(givenUp(small, hold(800, waits: .seconds(6)), hold(100, late: .seconds(99))) == [800])
        #expect(givenUp(hold(400, waits: .seconds(6)), hold(800, waits: .seconds(6))) == [400, 800])
        // One that waits for a moment only protects nobody who is in the way.
        #expect(givenUp(hold(300, late: .seconds(2)), hold(800, waits: .zero), hold(0), hold(0)) == [300])
        // One that is served is no measure for others, but half of an equal part of all is.
        #expect(givenUp(hold(300, waits: .seconds(6)), hold(800), hold(0), hold(0)) == [300])
        #expect(givenUp(hold(199, waits: .seconds(6)), hold(800), hold(0), hold(0)) == [])
        #expect(givenUp(hold(0, late: .seconds(9))) == [])
    }

    @Test("who has waited three times its patience has the one closed that holds most, whatever that does")
    func waitsInVain() {
        let ns = TimeAmount.nanoseconds(1)
        #expect(mustGo(hold(100, waits: .seconds(15)), hold(800), hold(500)) == [])
        #expect(mustGo(hold(100, waits: .seconds(15) + ns), hold(800), hold(799)) == [800])
        // It can be the one itself: it wants more than there is.
        #expect(mustGo(hold(1000, waits: .seconds(15) + ns), hold(100)) == [1000])
        // Else nobody would ever go where read buffers alone have filled the memory.
        #expect(mustGo(hold(0, waits: .seconds(99)), hold(0)) == [0, 0])
        #expect(mustGo(hold(0), hold(0, late: .seconds(99))) == [])
    }

    @Test("what a loop has told of its connections counts until it tells something else")
    func told() throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let log = try EventLog.open(at: TemporaryDirectory.inMemory().path, options: .quiet)
        let budget = MemoryBudget(limit: 1600)
        let loops = (0..<2).map { _ in BrokerLoop(group.next(), log, limits: Limits(), memory: budget) }
        var much = MemoryHolds()
        much.add(hold(800, waits: .seconds(16)), Self.patience)
        var little = MemoryHolds()
        little.add(hold(100), Self.patience)
        #expect(budget.holds.tell(little, loops[0]) == little)
        let both = budget.holds.tell(much, loops[1])
        #expect(both.largest == 800 && both.isWaitedInVain && both.connectionCount == 2)
        #expect(budget.holds.tell(MemoryHolds(), loops[1]) == little)
        try log.close()
        try group.syncShutdownGracefully()
    }

    // MARK: Lines in the log

    @Test("of each kind of line so many are written in a while, and the next one says how many were not")
    func lines() {
        var limiter = LineLimiter()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let admitted = (0..<LineLimiter.linesMax).map { _ in limiter.admit("a", at: start) }
        #expect(admitted.allSatisfy { $0 == 0 })
        let leftOut = (0..<1000).map { _ in limiter.admit("a", at: start) }
        #expect(leftOut.allSatisfy { $0 == nil })
        let line9 = limiter.admit("b", at: start)
        #expect(line9 == 0)
        let late = start + .milliseconds(LineLimiter.windowMilliseconds)
        let line10 = limiter.admit("a", at: late - .nanoseconds(1))
        #expect(line10 == nil)
        let line11 = limiter.admit("a", at: late)
        #expect(line11 == 1001)
        let line12 = limiter.admit("a", at: late)
        #expect(line12 == 0)
    }

    // MARK: What is read into

    @Test(
        "what connections are read into together stays within a few times what is shared",
        arguments: [1, 128, 1000, 10_000, 100_000])
    func receiving(count: Int) {
        let connections = ConnectionCount()
        var allocator = ReceiveAllocator(connections, MemoryBudget(limit: 256 << 20))
        var total = 0
        for _ in 0..<count {
            _ = connections.enter()
            let size = allocator.nextBufferSize() ?? 0
            #expect((ReceiveAllocator.smallest...256 << 10).contains(size))
            #expect(allocator.buffer(allocator: ByteBufferAllocator()).capacity >= size)
            let mayGrow = allocator.record(actualReadBytes: size)
            #expect(!mayGrow)
            total += size
        }
        // 1 + ln(n): and four KiB for each that has no share.
        #expect(total <= 10 * (16 << 20) + count * ReceiveAllocator.smallest)
        for _ in 0..<count { connections.leave() }
        #expect(connections.current == 0)
    }

    // MARK: Frames

    private static let limits = FrameLimits(largest: 32 << 20, small: 1 << 20)

    private func frame(length: Int, _ body: [UInt8] = []) -> FrameBuffer {
        var frames = FrameBuffer()
        frames.append(ByteBuffer(bytes: Wire.bytes(Int32(length)) + body))
        return frames
    }

    @Test("unauthenticated allocation (CVE-2022-34917): what is announced takes no memory before it comes")
    func announced() throws {
        var frames = frame(length: 32 << 20, Wire.header(api: 0, version: 9))
        let taken1 = try frames.next(Self.limits)
        #expect(taken1 == nil)
        #expect(frames.capacity < 1024)
        for _ in 0..<64 {
            frames.append(ByteBuffer(repeating: 7, count: 1000))
            let taken2 = try frames.next(Self.limits)
            #expect(taken2 == nil)
            // No more than twice what has come, rounded up as buffers are.
            #expect(frames.capacity <= 4 * frames.byteCount + 1024)
        }
    }

    @Test("a large request is refused by its API as soon as its header is there, not when it has come")
    func api() throws {
        // API 3 may be large: there is more to come.
        var large = frame(length: 2 << 20, Wire.header(api: 3, version: 9))
        let taken3 = try large.next(Self.limits)
        #expect(taken3 == nil)
        var small = frame(length: 2 << 20, Wire.header(api: 18, version: 3))
        #expect(throws: FrameError.self) { try small.next(Self.limits) }
        var fits = frame(length: 1 << 20, Wire.header(api: 18, version: 3))
        let taken4 = try fits.next(Self.limits)
        #expect(taken4 == nil)
        for (api, version) in [(999, 0), (-1, 0), (3, 99), (17, 0)] as [(Int16, Int16)] {
            var unknown = frame(length: FrameBuffer.trustedBytes + 1, Wire.header(api: api, version: version))
            #expect(throws: FrameError.self) { try unknown.next(Self.limits) }
        }
        // What is short is believed until it is there, and told apart then.
        var short = frame(length: FrameBuffer.trustedBytes, Wire.header(api: 999, version: 0))
        let taken5 = try short.next(Self.limits)
        #expect(taken5 == nil)
        // Half a header says nothing yet.
        var half = frame(length: 2 << 20, [0, 18, 0])
        let taken6 = try half.next(Self.limits)
        #expect(taken6 == nil)
        half.append(ByteBuffer(bytes: [3]))
        #expect(throws: FrameError.self) { try half.next(Self.limits) }
    }

    @Test("between reads a large buffer that little is left in is given back")
    func compacted() throws {
        var frames = FrameBuffer()
        var buffer = ByteBufferAllocator().buffer(capacity: 256 << 10)
        let request = Wire.prefixed([UInt8](repeating: 1, count: 1000))
        buffer.writeBytes(request + request.prefix(100))
        frames.append(buffer)
        let taken7 = try frames.next(Self.limits)?.readableBytes
        #expect(taken7 == 1000)
        #expect(frames.capacity >= 256 << 10)
        frames.compact()
        #expect(frames.byteCount == 100 && frames.capacity < 2048)
        frames.append(ByteBuffer(bytes: request.dropFirst(100)))
        let taken8 = try frames.next(Self.limits)?.readableBytes
        #expect(taken8 == 1000)
        frames.compact()
        #expect(frames.isEmpty && frames.capacity == 0)
    }

    @Test("what is held counts as held: frames that were taken, too, until they are given back")
    func held() throws {
        let request = Wire.prefixed([UInt8](repeating: 1, count: 1000))
        var frames = FrameBuffer()
        #expect(frames.heldBytes == 0)
        // Comes in pieces, and the last brings a part of the next.
        frames.append(ByteBuffer(bytes: request.prefix(600)))
        frames.append(ByteBuffer(bytes: request.dropFirst(600) + request.prefix(500)))
        #expect(frames.heldBytes == 1504)
        let taken = try frames.next(Self.limits)?.readableBytes
        #expect(taken == 1000)
        #expect(frames.byteCount == 500 && frames.heldBytes == 1504)
        frames.tighten()
        #expect(frames.byteCount == 500 && frames.heldBytes == 500)
        // There is nothing left to give back.
        frames.tighten()
        #expect(frames.heldBytes == 500)
        frames.append(ByteBuffer(bytes: request.dropFirst(500)))
        #expect(frames.heldBytes == 1004)
        let last = frames.take(upTo: 2000) { $0.count }
        #expect(last?.value == 1000)
        #expect(frames.isEmpty && frames.heldBytes == 1004)
        frames.tighten()
        #expect(frames.heldBytes == 0 && frames.capacity == 0)
    }

    @Test("of a frame that a read has cut only what is there of it is copied, and the channel's memory is free again")
    func cut() throws {
        let request = Wire.prefixed([UInt8](repeating: 1, count: 1000))
        var read = ByteBufferAllocator().buffer(capacity: 256 << 10)
        read.writeBytes(request + request.prefix(400))
        var frames = FrameBuffer()
        frames.append(read)
        for expected in [1000, nil] {
            let taken = try frames.next(Self.limits)?.readableBytes
            #expect(taken == expected)
        }
        #expect(frames.byteCount == 400 && frames.heldBytes == 400 && frames.capacity <= 1024)
        // What completes it, and what comes after it, whole and cut again, even in the middle of a length.
        read.clear()
        read.writeBytes(request.dropFirst(400) + request + request.prefix(3))
        frames.append(read)
        #expect(frames.missingBytes == 0)
        for expected in [1000, 1000, nil] {
            let taken = try frames.next(Self.limits)?.readableBytes
            #expect(taken == expected)
        }
        #expect(frames.byteCount == 3 && frames.missingBytes == nil)
        frames.append(ByteBuffer(bytes: request.dropFirst(3).prefix(500)))
        #expect(frames.missingBytes == 501)
        let part = frames.take(upTo: 2000) { $0.count }
        #expect(part == nil)
        frames.append(ByteBuffer(bytes: request.dropFirst(503)))
        let small = frames.take(upTo: 999) { $0.count }
        #expect(small == nil)
        let whole = frames.take(upTo: 1000) { Array($0) }
        #expect(whole?.value == [UInt8](repeating: 1, count: 1000) && frames.isEmpty)
    }

    // MARK: What a request takes when it is read

    @Test("array amplification: what the arrays of a request take in memory is bounded, and told")
    func memory() throws {
        func body(_ count: Int) -> ByteBuffer {
            ByteBuffer(bytes: Wire.bytes(Int32(count)) + [UInt8](repeating: 0, count: count * 2))
        }
        var memory = 0
        let request = try MetadataRequest(reading: body(1000), version: 1, memory: &memory)
        #expect(request.topics?.count == 1000)
        #expect(memory == 1000 * MemoryLayout<MetadataRequest.Topic>.stride)
        #expect(ProtocolReader.memoryMax <= 32 << 20)
        // Groups that are asked for take more: a message of empty ones is refused before they are made.
        let count = ProtocolReader.memoryMax / MemoryLayout<OffsetFetchRequest.Group>.stride + 1
        var groups = ByteBuffer()
        var rest = UInt32(count + 1)
        while rest >= 0x80 {
            groups.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        groups.writeInteger(UInt8(rest))
        groups.writeRepeatingByte(1, count: count * 8)
        #expect(throws: ProtocolError.self) { try OffsetFetchRequest(reading: groups, version: 9) }
    }

    @Test("array amplification: a count is no larger than what is left has room for, whatever an element is")
    func counts() {
        // A topic to create takes a name, two numbers and two arrays: 16 bytes at least. One byte each is not enough.
        let body = ByteBuffer(bytes: Wire.bytes(Int32(1000)) + [UInt8](repeating: 0, count: 15_999))
        #expect(throws: ProtocolError.invalidLength(position: 4, length: 1000)) {
            try CreateTopicsRequest(reading: body, version: 0)
        }
        let texts = ByteBuffer(bytes: Wire.bytes(Int32(1000)) + [UInt8](repeating: 0, count: 1999))
        #expect(throws: ProtocolError.invalidLength(position: 4, length: 1000)) {
            try DeleteTopicsRequest(reading: texts, version: 0)
        }
    }

    @Test("tagged-field amplification: a number of fields that cannot be there is refused before one is looked for")
    func tags() {
        // Metadata 9: no topics, three booleans, then 4 billion fields.
        let body = ByteBuffer(bytes: [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0])
        #expect(throws: ProtocolError.invalidLength(position: 9, length: Int(UInt32.max))) {
            try MetadataRequest(reading: body, version: 9)
        }
    }
}
