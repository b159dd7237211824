internal import EventLog
internal import KafkaProtocol
internal import Logging
internal import NIOCore
internal import NIOPosix

/// One client's connection: cuts its bytes into requests, has them handled, and sends the answers in their order.
///
/// Everything happens on the connection's event loop. Requests are handled as they come, while earlier ones wait for
/// the disk or for records; past the limit of such the connection is not read.
final class Connection: ChannelDuplexHandler, RoundWaiter, @unchecked Sendable {
    // Unchecked: confined to the loop; other threads only pass it along. So is exclusive access to what each request
    // changes: nothing that is called while one of these is changed comes back to it.
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = IOData

    let context: BrokerContext
    let loop: BrokerLoop
    let logger: Logger
    let channel: any Channel
    /// Kept here: the channel forgets it when it closes.
    private var remoteAddress: SocketAddress?
    @exclusivity(unchecked) private var handlerContext: ChannelHandlerContext?
    /// Made once: it goes with each record of a group.
    private var author: ChangeAuthor?
    @exclusivity(unchecked) var frames = FrameBuffer()
    /// The most that came with one read.
    @exclusivity(unchecked) var readBytesMax = 0
    @exclusivity(unchecked) private var recentTopic = RecentTopic()
    /// When the part of a request came that `frames` begins with.
    @exclusivity(unchecked) private var frameBegin = NIODeadline.now()
    @exclusivity(unchecked) private var hasRequested = false
    private let begin = NIODeadline.now()
    @exclusivity(unchecked) var pending = ReplyQueue()
    let output: ReplyOutput
    /// What the broker's budget was told that this connection holds.
    @exclusivity(unchecked) var heldBytes = 0
    /// Since when it is not read for want of memory.
    @exclusivity(unchecked) var memoryWaitBegin: NIODeadline?
    private var delayedFetches: [UInt64: DelayedFetch] = [:]
    /// Requests that wait for others of their group.
    private var parkedCalls: [UInt64: ParkedCall] = [:]
    /// A request that found no room, to go on with after a round.
    @exclusivity(unchecked) var stalled: StalledWork?
    /// True: a request is worked on where it may wait for the disk. The next one is not looked at before that has ended:
    /// it may count on what was asked for before it, and one client has one thread of the pool at most.
    @exclusivity(unchecked) private var isWorking = false
    @exclusivity(unchecked) private var isReading = false
    @exclusivity(unchecked) var isReadHeld = false
    @exclusivity(unchecked) private var isHandling = false
    @exclusivity(unchecked) var lastRead = NIODeadline.now()
    /// When it was read on after it was not.
    @exclusivity(unchecked) private(set) var readBegin = NIODeadline.now()
    @exclusivity(unchecked) private var isDraining = false
    @exclusivity(unchecked) var isClosed = false
    @exclusivity(unchecked) var hasLeft = false

    init(_ context: BrokerContext, loop: BrokerLoop, _ channel: any Channel) {
        self.context = context
        self.loop = loop
        self.channel = channel
        output = ReplyOutput(channel.allocator)
        logger = context.logger
    }

    // MARK: The channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        handlerContext = context
        if context.channel.isActive { activate() }
    }

    func channelActive(context: ChannelHandlerContext) {
        activate()
        context.fireChannelActive()
    }

    private var isActivated = false

    private func activate() {
        guard !isActivated else { return }
        isActivated = true
        remoteAddress = channel.remoteAddress
        let count = context.connectionCount.enter()
        let countOfAddress = context.addresses.enter(clientAddress)
        loop.add(self)
        let limits = loop.limits
        if count > limits.connections {
            context.clientLog.write(
                .warning, "too many connections: one is refused", ["limit": "max.connections=\(limits.connections)"])
            closeNow()
        } else if countOfAddress > limits.connectionsOfAddress {
            context.clientLog.write(
                .warning, "too many connections of one address: one is refused",
                ["peer": "\(peer)", "limit": "max.connections.per.ip=\(limits.connectionsOfAddress)"])
            closeNow()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isClosed, !frames.isEmpty {
            self.context.clientLog.write(.info, "a client left in the middle of a request", ["peer": "\(peer)"])
        }
        isClosed = true
        for fetch in delayedFetches.values { fetch.cancel() }
        delayedFetches = [:]
        for parked in parkedCalls.values { parked.abandon() }
        parkedCalls = [:]
        pending.removeAll()
        stalled = nil
        frames = FrameBuffer()
        output.forgetUnsent()
        hasLeft = true
        settle()
        stopWaitingForMemory()
        if isActivated {
            self.context.connectionCount.leave()
            self.context.addresses.leave(clientAddress)
            loop.remove(self)
        }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { handlerContext = nil }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("a connection failed", metadata: ["peer": "\(peer)", "error": "\(error)"])
        context.close(promise: nil)
    }

    /// Closes because of what the client sent; the log says why.
    /// - Parameter request: the API's number and the version, where a request's header was there.
    func close(because reason: String, request: (api: Int16, version: Int16)? = nil) {
        var metadata: Logger.Metadata = ["peer": "\(peer)", "reason": "\(reason)"]
        if let request {
            metadata["api"] = "\(ApiKey(rawValue: request.api)?.name ?? "\(request.api)")"
            metadata["version"] = "\(request.version)"
        }
        context.clientLog.write(.warning, "a connection is closed", metadata)
        closeNow()
    }

    func close(because reason: String, _ call: Call) { close(because: reason, request: (call.api, call.version)) }

    func closeNow() {
        isClosed = true
        channel.close(promise: nil)
    }

    /// Closes where the client has let one of its times pass. Called from time to time.
    func checkTimes(at now: NIODeadline) {
        guard !isClosed else { return }
        settle()
        let limits = loop.limits
        func isOver(_ milliseconds: Int, since begin: NIODeadline) -> Bool { now - begin > .limit(milliseconds) }
        if !hasRequested, isOver(limits.firstRequestMilliseconds, since: begin) {
            close(
                "a connection without a request is closed",
                "connections.first.request.max.ms=\(limits.firstRequestMilliseconds)")
        } else if isAwaitingClient, isOver(limits.receiveMilliseconds, since: frameBegin) {
            close(
                "a connection is closed whose request does not end",
                "request.receive.max.ms=\(limits.receiveMilliseconds)")
        } else if pending.isEmpty, stalled == nil, isOver(limits.idleMilliseconds, since: lastRead) {
            close(
                "a connection that says nothing is closed", "connections.max.idle.ms=\(limits.idleMilliseconds)")
        }
    }

    private func close(_ message: StaticString, _ limit: String) {
        context.clientLog.write(.info, message, ["peer": "\(peer)", "limit": "\(limit)"])
        closeNow()
    }

    /// Takes no more requests, answers those under way, then closes.
    func drainAndClose() {
        isDraining = true
        for fetch in Array(delayedFetches.values) { fetch.finishNow() }
        output.flush(to: handlerContext)
        closeIfDrained()
    }

    private func closeIfDrained() {
        guard isDraining, !isClosed, pending.isEmpty, stalled == nil, let handlerContext else { return }
        isClosed = true
        // Behind the answers in the channel's queue, so they go out first.
        handlerContext.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer()))).whenComplete { _ in
            self.channel.close(promise: nil)
        }
    }

    var peer: String {
        guard let remoteAddress, let host = remoteAddress.ipAddress, let port = remoteAddress.port else {
            return "unknown"
        }
        return HostPort(host: host, port: port).description
    }

    private var clientAddress: String { remoteAddress?.ipAddress ?? "unknown" }

    /// The client's machine, as Kafka writes it.
    var clientHost: String { "/\(clientAddress)" }

    /// Who changes a group here. Nobody is authenticated yet.
    func author(clientID: String?) -> ChangeAuthor {
        let clientID = clientID ?? ""
        if let author, author.clientID == clientID { return author }
        let author = ChangeAuthor(
            principal: "User:ANONYMOUS", clientID: clientID, address: clientAddress)
        self.author = author
        return author
    }

    /// The address that the client connected to: what it can reach.
    var localAddress: HostPort? {
        guard let address = channel.localAddress, let host = address.ipAddress, let port = address.port else {
            return nil
        }
        return HostPort(host: host, port: port)
    }

    /// What clients are told to connect to.
    var nodeAddress: HostPort { context.configuration.advertise ?? localAddress ?? context.configuration.listen }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDraining, !isClosed else { return }
        lastRead = .now()
        if frames.isEmpty { frameBegin = lastRead }
        let bytes = unwrapInboundIn(data)
        readBytesMax = max(readBytesMax, bytes.readableBytes)
        frames.append(bytes)
        isReading = true
        settle()
        handleFrames()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        output.flush(to: context)
        frames.compact()
        settle()
        context.fireChannelReadComplete()
    }

    /// The channel is read only while there is room for answers.
    func read(context: ChannelHandlerContext) {
        guard isPaused else { return context.read() }
        isReadHeld = true
        settle()
        waitForMemory()
    }

    var isPaused: Bool { isPausedByItself || !hasMemory }

    /// Whether it is read, and its client has sent a part of a request. It may hold more than is free by then: nothing is held
    /// back before something comes.
    var isAwaitingClient: Bool { !frames.isEmpty && !isReadHeld && !isPausedByItself }

    /// For what ends by a call of `resume`.
    var isPausedByItself: Bool {
        stalled != nil || isWorking || pending.count >= loop.limits.pendingRequests
            || pending.byteCount >= loop.limits.pendingBytes || (handlerContext != nil && !channel.isWritable)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        settle()
        if context.channel.isWritable { resume() }
        context.fireChannelWritabilityChanged()
    }

    /// Goes on with requests that were held back.
    func resume() {
        guard !isClosed else { return }
        guard !isPaused else { return waitForMemory() }
        // What it was not read for does not count as the client's delay.
        if isReadHeld { frameBegin = .now() }
        handleFrames()
        flushIfDue()
        if !isPaused, isReadHeld {
            isReadHeld = false
            readBegin = .now()
            settle()
            handlerContext?.read()
        } else if isReadHeld {
            waitForMemory()
        }
    }

    private func handleFrames() {
        // An answer that is ready at once comes by here again. The loop goes on with the next frame, not a call inside
        // the call: a client that sends thousands of small requests must not decide how deep the stack gets.
        guard !isHandling else { return }
        isHandling = true
        var isHeldBack = false
        defer {
            isHandling = false
            settle()
            if isHeldBack { waitForMemory() }
        }
        let limits = FrameLimits(largest: loop.limits.requestBytes, small: loop.limits.smallRequestBytes)
        while !isClosed, !isDraining {
            if isPaused {
                isHeldBack = !frames.isEmpty
                break
            }
            if handleSingleProduce(limits) { continue }
            let frame: ByteBuffer
            do {
                guard let next = try frames.next(limits) else { return }
                frame = next
                frameBegin = lastRead
                hasRequested = true
            } catch {
                return close(because: "\(error)")
            }
            do { try handle(frame) } catch { return close(because: "\(error)", request: Self.request(frame)) }
        }
    }

    /// Handles the next request if it is one of the usual kind; false: it is not, or it is not all there.
    private func handleSingleProduce(_ limits: FrameLimits) -> Bool {
        let taken = frames.take(upTo: SingleProduce.byteCountMax(limits)) {
            SingleProduce.append($0, self, &recentTopic)
        }
        guard let (reply, byteCount) = taken else { return false }
        frameBegin = lastRead
        hasRequested = true
        pending.append(.appended(.single(reply)), byteCount: byteCount + SingleProduceRequest.memory)
        if pending.count == 1 { drainReplies() }
        return true
    }

    /// What a frame says of the API and its version, where it is long enough for that.
    private static func request(_ frame: ByteBuffer) -> (api: Int16, version: Int16)? {
        guard let api = frame.getInteger(at: frame.readerIndex, as: Int16.self),
            let version = frame.getInteger(at: frame.readerIndex + 2, as: Int16.self)
        else { return nil }
        return (api, version)
    }

    private func handle(_ frame: ByteBuffer) throws {
        var body = frame
        let header = try RequestHeader(reading: &body)
        let call = Call(
            connection: self, api: header.apiKey, version: header.apiVersion, correlationID: header.correlationID,
            clientID: header.clientID, sequence: pending.nextSequence, byteCount: frame.readableBytes)
        try RequestRouter.route(header, body, call)
    }

    // MARK: Answers

    /// Takes the next place in the order of answers. Every request but those that get no answer does so once.
    func expect(_ call: Call) { pending.expect(call) }

    /// Answers `call`; sends it when all before it are sent.
    func complete<Response: Message>(_ call: Call, _ response: Response) {
        guard !isClosed else { return }
        do {
            if call.sequence == pending.firstSequence {
                try output.append(to: handlerContext) {
                    try Frame.append(response, version: call.version, correlationID: call.correlationID, to: &$0)
                }
                pending.removeFirst()
                return drainReplies()
            }
            var buffer = channel.allocator.buffer(capacity: 256)
            try Frame.append(response, version: call.version, correlationID: call.correlationID, to: &buffer)
            pending.place(.ready(Reply(buffer: buffer)), at: call)
        } catch {
            close(because: "an answer cannot be written: \(error)", call)
        }
    }

    /// Answers with a reply that is written already.
    func complete(_ call: Call, _ reply: Reply) {
        guard !isClosed else { return }
        pending.place(.ready(reply), at: call)
        if call.sequence == pending.firstSequence { drainReplies() }
    }

    /// The answer to `call` waits for a round.
    func complete(_ call: Call, after reply: AppendReply) {
        pending.place(.appended(reply), at: call)
        // Answers that a round releases go out together: the wait list calls.
        if call.sequence == pending.firstSequence { drainReplies() }
    }

    func roundReached() {
        guard !isClosed else { return }
        if let stalled, loop.committed.hasReached(stalled.round) {
            self.stalled = nil
            stalled.resume()
        }
        drainReplies()
    }

    /// Sends what is ready, in order.
    private func drainReplies() {
        while isFirstDue {
            switch pending.removeFirst() {
            case .waiting:
                // Not after `isFirstDue`. If it were, it is to cost one client its connection, not all of them the broker.
                assertionFailure("an answer that is not there was due")
                return close(because: "an answer that is not there was due")
            case .ready(let reply): output.append(reply, to: handlerContext)
            case .appended(let reply): guard emit(reply) else { return }
            }
        }
        flushIfDue()
        settle()
        if isDraining { return closeIfDrained() }
        if !isReading { resume() }
    }

    /// Whether the first answer can be sent; where it waits for a round, its end is listened for.
    private var isFirstDue: Bool {
        switch pending.wait {
        case .request, .work: return false
        case .nothing: return true
        case .round(let round, let onDisk):
            let list = onDisk ? loop.committed : loop.written
            if list.hasReached(round) { return true }
            if pending.listFirst() { list.add(self, round: round) }
            return false
        }
    }

    /// While requests are read and handled, their answers are collected: they go out together.
    private func flushIfDue() {
        if !isReading, !isHandling { output.flush(to: handlerContext) }
    }

    private func emit(_ reply: AppendReply) -> Bool {
        do {
            try output.append(to: handlerContext) { try reply.write(to: &$0, node: nodeAddress) }
            return true
        } catch {
            let (api, version) = reply.request
            close(because: "an answer cannot be written: \(error)", request: (api.rawValue, version))
            return false
        }
    }

    // MARK: Requests that wait

    func stall(_ work: StalledWork) {
        stalled = work
        loop.committed.add(self, round: work.round)
    }

    func beginWork() { isWorking = true }

    /// After the answer.
    func endWork() {
        isWorking = false
        if !isReading { resume() }
    }

    func park(_ call: ParkedCall) {
        // The client has gone while its request was worked on. Not from here: the group is being called.
        guard !isClosed else { return loop.eventLoop.execute { call.abandon() } }
        parkedCalls[call.call.sequence] = call
    }

    func unpark(_ call: ParkedCall) { parkedCalls[call.call.sequence] = nil }

    func add(_ fetch: DelayedFetch) { delayedFetches[fetch.call.sequence] = fetch }

    func remove(_ fetch: DelayedFetch) { delayedFetches[fetch.call.sequence] = nil }
}

extension TimeAmount {
    /// A time that is a limit: a year is as good as never, and can be counted in nanoseconds.
    static func limit(_ milliseconds: Int) -> TimeAmount { .milliseconds(Int64(min(milliseconds, 31_536_000_000))) }
}
