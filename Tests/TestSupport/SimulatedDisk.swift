internal import Glibc
package import Storage
internal import Synchronization

/// A disk that keeps its promises and nothing more: what was not synced may be lost in a crash, sector by sector, as
/// may names whose directory was not synced. Which, a seed decides. It can also lose power, or fail, at a given
/// operation. A sync that fails has given up what it was to write: a later one that succeeds says nothing of it.
package final class SimulatedDisk: FileSystem {
    fileprivate let state: Mutex<State>

    fileprivate struct State {
        /// What programs see.
        var names: [String: Node] = [:]
        var locked: Set<String> = []
        var operations = 0
        var calls = 0
        var faults: [Fault] = []
        var hasPower = true
        var hadFault = false
        var mappings = Mappings()
        var capacity: Int?
        var hasGivenUp = false
        var random: SeededRandom
        /// What the sync that fails now gives up is gone for readers, too.
        var drops = false
        /// What it does wrong all the time: a disk, or whoever talks to it, that breaks a promise.
        var lies: Lies = []
    }

    /// What goes wrong, and when.
    package struct Fault: Sendable {
        package enum Kind: Sendable, Equatable {
            /// Everything fails from here on; `crash` then says what is left, or `kill`.
            case powerCut
            /// The same in the middle of this operation: of a write all may be in the cache, or the first bytes; of one
            /// that was to be durable, none of it for good.
            case cutWithin
            /// This one operation fails with the system's error.
            case error(Int32)
            /// Of a write the first bytes are there, then it fails with the system's error. Other operations fail.
            case shortWrite(Int32)
            /// A sync fails, and what it gave up is gone for readers, too: they see what the disk has.
            case drop(Int32)
            /// The system could not write what was cached, and nobody is told but the first who syncs next, once.
            case writeback
            /// The operation succeeds, but nothing that is mapped can be read any more.
            case unreadableMappings
        }
        /// The number of the operation (writes, syncs, renames, …), counted from 1.
        package var at: Int
        package var kind: Kind
        /// Only operations on paths that end so count as a hit; nil: any.
        package var path: String?
        package var operation: FileError.Operation?
        /// `at` counts every call, also those that change nothing.
        package var countsCalls = false

        package init(at: Int, _ kind: Kind, path: String? = nil, operation: FileError.Operation? = nil) {
            self.at = at
            self.kind = kind
            self.path = path
            self.operation = operation
        }

        /// The call of this number, counted from 1, whatever it asks for.
        package init(atCall call: Int, _ kind: Kind) {
            at = call
            self.kind = kind
            countsCalls = true
        }
    }

    /// Promises that it breaks. Tests of tests: whatever looks for lost records must find out.
    package struct Lies: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        /// Writes that are to be durable when they return come to the cache alone.
        package static let durableWrites = Lies(rawValue: 1)
        /// Names are not made durable when a directory is synced.
        package static let directorySyncs = Lies(rawValue: 2)
        /// A sync that fails is tried again, and the second one says that all is well.
        package static let retriedSyncs = Lies(rawValue: 4)
        /// What is written under a temporary name is not synced.
        package static let temporarySyncs = Lies(rawValue: 8)
        /// Segments are not synced.
        package static let segmentSyncs = Lies(rawValue: 16)
        /// A write to a segment that fails is said to be done.
        package static let segmentWrites = Lies(rawValue: 32)
    }

    /// A file or a directory.
    fileprivate final class Node: @unchecked Sendable {
        // Unchecked: used under the disk's lock.
        var bytes = SimulatedPages()
        var durable = SimulatedPages()
        /// Pages that a failed sync takes for written: no later one writes them, until someone else does.
        var givenUp: Set<Int> = []
        /// How often the system failed to write what was cached, and whether somebody has been told of the last time.
        var failures = 0
        var isLastReported = true
        let isDirectory: Bool
        /// Of a directory: what it holds, and what a crash leaves in it for sure, by name.
        var entries: [String: Node] = [:]
        var durableEntries: [String: Node] = [:]
        /// The two may differ.
        var hasNewNames = false
        /// Its copy, while the disk is being copied.
        var twin: Node?

        init(isDirectory: Bool) { self.isDirectory = isDirectory }

        func giveUp() {
            for page in bytes.pages.indices where !bytes.shares(page, with: durable) { givenUp.insert(page) }
        }

        /// Readers see of what was given up what the disk has.
        func dropGivenUp() {
            for page in givenUp where page < bytes.pages.count { bytes.share(page, of: durable) }
            givenUp = []
        }

        func synchronizeNames() {
            durableEntries = entries
            hasNewNames = false
        }

        func synchronize() {
            let old = durable
            durable = bytes
            for page in givenUp where page < durable.pages.count { durable.share(page, of: old) }
        }

        var isDurable: Bool { bytes.shares(with: durable) }

        func afterCrash(_ random: inout SeededRandom) -> Node {
            let copy = Node(isDirectory: isDirectory)
            copy.bytes = durable
            if !isDurable {
                if Bool.random(using: &random) { copy.bytes.resize(to: bytes.count) }
                for page in bytes.pages.indices where !bytes.shares(page, with: durable) {
                    let start = page * SimulatedPages.pageSize
                    let end = min(start + SimulatedPages.pageSize, bytes.count)
                    guard start < copy.bytes.count else { break }
                    for sector in stride(from: start, to: end, by: SimulatedPages.sectorSize)
                    where Bool.random(using: &random) {
                        copy.bytes.copy(from: bytes, sector..<min(sector + SimulatedPages.sectorSize, end))
                    }
                }
            }
            copy.durable = copy.bytes
            return copy
        }

        func write(_ new: UnsafeRawBufferPointer, at position: Int) {
            bytes.write(new, at: position)
            guard !givenUp.isEmpty, !new.isEmpty else { return }
            givenUp.subtract(position / SimulatedPages.pageSize...(position + new.count - 1) / SimulatedPages.pageSize)
        }
    }

    /// `seed`: for what a fault leaves to chance.
    package init(seed: UInt64 = 0, lies: Lies = []) {
        state = Mutex(
            State(names: ["/": Node(isDirectory: true)], random: SeededRandom(seed: seed), lies: lies))
    }

    private init(_ names: [String: Node], like other: borrowing State) {
        state = Mutex(State(names: names, random: other.random, lies: other.lies))
    }

    package func add(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

    /// Nothing more goes wrong than what has.
    package func clearFaults() { state.withLock { $0.faults = [] } }

    /// Whether anything has gone wrong.
    package var hadFault: Bool { state.withLock { $0.hadFault } }

    /// Whether anything that was written is not to be written any more, since a sync failed.
    package var hasGivenUp: Bool { state.withLock { $0.hasGivenUp } }

    /// Whether somebody who syncs is to be told of what the system could not write.
    package var hasUnreportedFailures: Bool {
        state.withLock { $0.names.values.contains { !$0.isLastReported } }
    }

    package var hasPower: Bool { state.withLock { $0.hasPower } }

    /// How many bytes its files may have; nil: any number. A write for which there is no room writes what fits, then fails
    /// with ENOSPC, as does the creation of a file on a full disk.
    package var capacity: Int? {
        get { state.withLock { $0.capacity } }
        set { state.withLock { $0.capacity = newValue } }
    }

    /// How many bytes its files have.
    package var bytesInUse: Int { state.withLock { $0.bytesInUse } }

    /// How many operations that change the disk there have been.
    package var operations: Int { state.withLock { $0.operations } }

    /// How many calls there have been, of any kind but for asking whether a file exists.
    package var calls: Int { state.withLock { $0.calls } }

    /// The disk as it may be after power was lost: all that was synced, and of the rest what `seed` picks.
    package func crash(seed: UInt64) -> SimulatedDisk {
        var random = SeededRandom(seed: seed)
        return state.withLock { state in
            if state.names.values.allSatisfy({ !$0.hasNewNames }) {
                return SimulatedDisk(state.namesAfterCrash(&random), like: state)
            }
            var crash = Crash()
            if let root = state.names["/"] { crash.keep(root, as: "/", isVisible: true, &random) }
            return SimulatedDisk(crash.names, like: state)
        }
    }

    /// The disk as a kill leaves it: what was written is there, but no more of it is synced than before.
    package func kill() -> SimulatedDisk {
        var copies: [ObjectIdentifier: Node] = [:]
        func copy(_ node: Node) -> Node {
            if let copy = copies[ObjectIdentifier(node)] { return copy }
            let twin = Node(isDirectory: node.isDirectory)
            copies[ObjectIdentifier(node)] = twin
            (twin.bytes, twin.durable, twin.givenUp) = (node.bytes, node.durable, node.givenUp)
            (twin.failures, twin.isLastReported) = (node.failures, node.isLastReported)
            twin.hasNewNames = node.hasNewNames
            twin.entries = node.entries.mapValues { copy($0) }
            twin.durableEntries = node.durableEntries.mapValues { copy($0) }
            return twin
        }
        return state.withLock { SimulatedDisk($0.names.mapValues(copy), like: $0) }
    }

    /// What is left, put together from the root on: an entry belongs to its directory, whatever name that has.
    private struct Crash {
        var names: [String: Node] = [:]
        private var copies: [ObjectIdentifier: Node] = [:]

        /// `isVisible`: the directory has this name now, not only what of it is durable.
        mutating func keep(_ node: Node, as path: String, isVisible: Bool, _ random: inout SeededRandom) {
            let copy = copies[ObjectIdentifier(node)] ?? node.afterCrash(&random)
            copies[ObjectIdentifier(node)] = copy
            names[path] = copy
            guard node.isDirectory else { return }
            let prefix = path == "/" ? path : path + "/"
            var kept: [String: Node] = [:]
            // What is left to chance, in order of names: that of a dictionary is another each time.
            for name in split(node, isVisible: isVisible, prefix, &kept, &random).sorted() {
                let (now, durable) = (isVisible ? node.entries[name] : nil, node.durableEntries[name])
                guard let entry = now === durable ? now : (Bool.random(using: &random) ? now : durable) else {
                    continue
                }
                keep(entry, as: prefix + name, isVisible: isVisible && entry === now, &random)
                kept[name] = copies[ObjectIdentifier(entry)]
            }
            copy.entries = kept
            copy.durableEntries = kept
        }

        /// Keeps those files of a directory that are as durable as their names.
        /// - Returns: the names of the others, and of directories.
        private mutating func split(
            _ directory: Node, isVisible: Bool, _ prefix: String, _ kept: inout [String: Node],
            _ random: inout SeededRandom
        ) -> [String] {
            guard isVisible else { return Array(directory.durableEntries.keys) }
            var others: [String] = []
            for (name, now) in directory.entries {
                let isSettled = !directory.hasNewNames || directory.durableEntries[name] === now
                if isSettled, now.isDurable, !now.isDirectory {
                    keep(now, as: prefix + name, isVisible: true, &random)
                    kept[name] = copies[ObjectIdentifier(now)]
                } else {
                    others.append(name)
                }
            }
            guard directory.hasNewNames else { return others }
            return others + directory.durableEntries.keys.filter { directory.entries[$0] == nil }
        }
    }

    /// The bytes of a file, for a test to look at or harm.
    package func contents(_ path: String) -> [UInt8]? { state.withLock { $0.names[path]?.bytes.array } }

    /// The same of a part of one, as far as it is there.
    package func contents(_ path: String, _ range: Range<Int>) -> [UInt8]? {
        state.withLock { state in
            state.names[path].map { node in
                [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
                    filled = node.bytes.read(into: UnsafeMutableRawBufferPointer(buffer), at: range.lowerBound)
                }
            }
        }
    }

    /// Every file, in order of paths.
    package var files: [String] {
        state.withLock { $0.names.filter { !$0.value.isDirectory }.keys.sorted() }
    }

    /// A bit of a file turns over, in the cache and on the disk.
    package func flip(bit: Int, of path: String, at position: Int) {
        state.withLock { state in
            guard let node = state.names[path], position < node.bytes.count else { return }
            let page = position / SimulatedPages.pageSize
            let isShared = node.bytes.shares(page, with: node.durable)
            node.bytes.flip(bit: bit, at: position)
            guard position < node.durable.count else { return }
            // Nobody has written to the page: it stays as durable as it was.
            if isShared {
                node.durable.share(page, of: node.bytes)
            } else {
                node.durable.flip(bit: bit, at: position)
            }
        }
    }

    // MARK: FileSystem

    package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        try call(.open, path)
        let node = try find(path, mode)
        return state.withLock { state in
            // A failure that nobody was told of is told to whoever opens the file next.
            SimulatedFile(
                disk: self, path: path, node: node, isDurable: mode == .durableBlocks,
                knownFailures: node.isLastReported ? node.failures : node.failures - 1)
        }
    }

    private func find(_ path: String, _ mode: OpenMode) throws(FileError) -> Node {
        if let node = state.withLock({ $0.names[path] }) { return node }
        guard mode == .create else { throw FileError(.open, path, code: 2) }
        var isFull = false
        try change(.create, path) { state in
            isFull = state.room <= 0
            return isFull || state.add(Node(isDirectory: false), as: path)
        }
        if isFull { throw FileError(.open, path, code: ENOSPC) }
        return try find(path, .read)
    }

    package func exists(_ path: String) -> Bool { state.withLock { $0.names[path] != nil } }

    package func createDirectory(_ path: String) throws(FileError) {
        if exists(path) { return }
        let parent = split(path).parent
        if !exists(parent) { try createDirectory(parent) }
        try change(.create, path) { state in state.add(Node(isDirectory: true), as: path) }
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        try call(.list, path)
        return state.withLock { $0.names[path].map { $0.entries.keys.sorted() } ?? [] }
    }

    package func remove(_ path: String) throws(FileError) {
        try change(.remove, path) { $0.take(path) != nil }
    }

    package func removeDirectory(_ path: String) throws(FileError) {
        try change(.remove, path) { state in
            for name in state.names.keys where name.hasPrefix(path + "/") { state.names[name] = nil }
            state.names[path]?.entries = [:]
            state.names[path]?.hasNewNames = true
            _ = state.take(path)
            return true
        }
    }

    package func rename(_ from: String, to: String) throws(FileError) {
        try change(.rename, from) { state in
            guard let node = state.take(from) else { return false }
            return state.add(node, as: to)
        }
    }

    package func synchronizeDirectory(_ path: String) throws(FileError) {
        try change(.synchronize, path) { state in
            guard let node = state.names[path], !state.lies.contains(.directorySyncs) else { return true }
            node.synchronizeNames()
            return true
        }
    }

    package func synchronizeAll(_ path: String) throws(FileError) {
        // Told once, to whoever syncs first.
        let isLate = state.withLock { state in
            guard state.hasPower, state.names.values.contains(where: { !$0.isLastReported }) else { return false }
            for node in state.names.values { node.isLastReported = true }
            return true
        }
        if isLate { throw FileError(.synchronize, path, code: 5) }
        do throws(FileError) {
            try change(.synchronize, path) { state in
                for (path, node) in state.names where state.syncs(path) {
                    node.synchronize()
                    if node.hasNewNames, !state.lies.contains(.directorySyncs) { node.synchronizeNames() }
                }
                return true
            }
        } catch {
            state.withLock { state in state.giveUp(Array(state.names.values)) }
            if retries(error) { return }
            throw error
        }
    }

    /// Without a capacity: much, and half of it in use.
    package func space(at path: String) throws(FileError) -> (total: Int, usable: Int) {
        state.withLock { state in
            state.capacity.map { ($0, max(0, state.room)) } ?? (1 << 40, 1 << 39)
        }
    }

    package func lock(_ path: String) throws(FileError) -> any FileLock {
        _ = try open(path, .create)
        let isTaken = state.withLock { !$0.locked.insert(path).inserted }
        guard !isTaken else { throw FileError(.lock, path, code: 11) }
        return SimulatedLock(disk: self, path: path)
    }

    // MARK: Faults

    /// Counts a call that changes nothing, and lets it fail if it is its turn.
    fileprivate func call(_ operation: FileError.Operation, _ path: String) throws(FileError) {
        let code: Int32? = state.withLock { state in
            // What is read after power is gone says nothing to anybody.
            guard state.hasPower else { return nil }
            state.calls += 1
            return state.fault(operation, path, changes: false).flatMap {
                $0.kind == .unreadableMappings ? nil : $0.code
            }
        }
        if let code { throw FileError(operation, path, code: code) }
    }

    /// Counts an operation, lets it fail if it is its turn, else runs `body`; false from it means a missing file.
    /// `partly`: what is left of it where it is cut short.
    fileprivate func change(
        _ operation: FileError.Operation, _ path: String, _ body: (inout State) -> Bool,
        partly: (inout State) -> Void = { _ in }
    ) throws(FileError) {
        let code: Int32? = state.withLock { state in
            guard state.hasPower else { return 5 }
            state.operations += 1
            state.calls += 1
            if let fault = state.fault(operation, path, changes: true) {
                switch fault.kind {
                case .cutWithin: if operation == .write { partly(&state) } else { _ = body(&state) }
                case .shortWrite: partly(&state)
                case .writeback:
                    state.failWriteback(path)
                    return body(&state) ? nil : 2
                case .unreadableMappings: return body(&state) ? nil : 2
                case .drop: state.drops = operation == .synchronize
                case .powerCut, .error: break
                }
                return fault.code
            }
            return body(&state) ? nil : 2
        }
        if let code { throw FileError(operation, path, code: code) }
    }

    /// Whether a sync that has failed is tried again, and then succeeds.
    fileprivate func retries(_ error: FileError) -> Bool {
        state.withLock { $0.hasPower && $0.lies.contains(.retriedSyncs) } && error.operation == .synchronize
    }
}

extension SimulatedDisk.State {
    fileprivate var bytesInUse: Int {
        var seen: Set<ObjectIdentifier> = []
        return names.values.reduce(0) { $0 + (seen.insert(ObjectIdentifier($1)).inserted ? $1.bytes.count : 0) }
    }

    /// How many bytes files may still grow by.
    fileprivate var room: Int { capacity.map { $0 - bytesInUse } ?? .max }

    /// What is left after power was lost where every name is durable: the same names.
    fileprivate func namesAfterCrash(_ random: inout SeededRandom) -> [String: SimulatedDisk.Node] {
        // In order of paths: that of a dictionary is another each time.
        for (_, node) in names.filter({ !$0.value.isDurable }).sorted(by: { $0.key < $1.key }) {
            node.twin = node.afterCrash(&random)
        }
        for node in names.values where node.twin == nil { node.twin = node.afterCrash(&random) }
        defer { for node in names.values { node.twin = nil } }
        for node in names.values where node.isDirectory {
            let entries = node.entries.compactMapValues(\.twin)
            node.twin?.entries = entries
            node.twin?.durableEntries = entries
        }
        return names.compactMapValues(\.twin)
    }

    fileprivate mutating func add(_ node: SimulatedDisk.Node, as path: String) -> Bool {
        let (parent, name) = split(path)
        guard let directory = names[parent] else { return false }
        directory.entries[name] = node
        directory.hasNewNames = true
        names[path] = node
        return true
    }

    fileprivate mutating func take(_ path: String) -> SimulatedDisk.Node? {
        guard let node = names.removeValue(forKey: path) else { return nil }
        let (parent, name) = split(path)
        names[parent]?.entries[name] = nil
        names[parent]?.hasNewNames = true
        return node
    }

    /// A sync has failed: what these were to write is taken for written.
    fileprivate mutating func giveUp(_ nodes: [SimulatedDisk.Node]) {
        guard hasPower else { return }
        for node in nodes {
            node.giveUp()
            if !node.givenUp.isEmpty { hasGivenUp = true }
            if drops { node.dropGivenUp() }
        }
        drops = false
    }

    /// What was written to a file so far is given up: nobody hears of it yet.
    fileprivate mutating func failWriteback(_ path: String) {
        guard let node = names[path] else { return }
        let before = node.givenUp.count
        node.giveUp()
        guard node.givenUp.count > before else { return }
        hasGivenUp = true
        node.failures += 1
        node.isLastReported = false
    }

    fileprivate func syncs(_ path: String) -> Bool {
        if lies.isEmpty { return true }
        return !(lies.contains(.temporarySyncs) && path.hasSuffix(".tmp"))
            && !(lies.contains(.segmentSyncs) && path.hasSuffix(".log"))
    }

    /// The fault that is due now, if one is, with the error that is to be seen.
    fileprivate mutating func fault(
        _ operation: FileError.Operation, _ path: String, changes: Bool
    ) -> (kind: SimulatedDisk.Fault.Kind, code: Int32)? {
        if faults.isEmpty { return nil }
        for (i, fault) in faults.enumerated() where (fault.countsCalls ? calls : operations) >= fault.at {
            if let wanted = fault.path, !path.hasSuffix(wanted) { continue }
            if let wanted = fault.operation, wanted != operation { continue }
            // To read changes nothing: it fails only where a fault names that, or counts every call.
            if !changes, fault.operation == nil, !fault.countsCalls { continue }
            // In the background, while somebody writes.
            if fault.kind == .writeback, operation != .write { continue }
            hadFault = true
            switch fault.kind {
            case .powerCut, .cutWithin:
                hasPower = false
                return (fault.kind, 5)
            case .error(let code), .shortWrite(let code), .drop(let code):
                faults.remove(at: i)
                return (fault.kind, code)
            case .writeback:
                faults.remove(at: i)
                return (fault.kind, 5)
            case .unreadableMappings:
                faults.remove(at: i)
                mappings.lose()
                return (fault.kind, 5)
            }
        }
        return nil
    }
}

private func split(_ path: String) -> (parent: String, name: String) {
    let bytes = path.utf8
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return ("/", path) }
    let name = String(path[bytes.index(after: slash)...])
    return slash == bytes.startIndex ? ("/", name) : (String(path[..<slash]), name)
}

private final class SimulatedFile: StorageFile, @unchecked Sendable {
    // Unchecked: `knownFailures` is used under the disk's lock.
    let path: String
    private let disk: SimulatedDisk
    private let node: SimulatedDisk.Node
    private let isDurable: Bool
    /// Failures to write what was cached that whoever has this open was told of.
    private var knownFailures: Int

    init(disk: SimulatedDisk, path: String, node: SimulatedDisk.Node, isDurable: Bool, knownFailures: Int) {
        self.disk = disk
        self.path = path
        self.node = node
        self.isDurable = isDurable
        self.knownFailures = knownFailures
    }

    var descriptor: Int32? { nil }

    func size() throws(FileError) -> Int {
        try disk.call(.size, path)
        return disk.state.withLock { _ in node.bytes.count }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(FileError) -> Int {
        try disk.call(.read, path)
        return disk.state.withLock { _ in node.bytes.read(into: buffer, at: position) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        var isFull = false
        do throws(FileError) {
            try disk.change(.write, path) { state in
                let growth = position + bytes.count - node.bytes.count
                let missing = growth > 0 ? min(bytes.count, max(0, growth - max(0, state.room))) : 0
                isFull = missing > 0
                // What fits is written.
                let written = UnsafeRawBufferPointer(rebasing: bytes.dropLast(missing))
                node.write(written, at: position)
                if isDurable, !state.lies.contains(.durableWrites) { makeDurable(written.count, at: position) }
                return true
            } partly: { state in
                // Where power is lost all of it was on its way, and any of its sectors may have come there.
                let isWhole = !state.hasPower && Bool.random(using: &state.random)
                let most = isWhole ? bytes.count : Int.random(in: 0...max(0, bytes.count - 1), using: &state.random)
                let count = min(most, bytes.count)
                node.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: position)
            }
        } catch {
            let isHidden = disk.state.withLock { $0.hasPower && $0.lies.contains(.segmentWrites) }
            if isHidden, path.hasSuffix(".log") { return }
            throw error
        }
        if isFull { throw FileError(.write, path, code: ENOSPC) }
    }

    private func makeDurable(_ count: Int, at position: Int) {
        if node.durable.count < position + count { node.durable.resize(to: position + count) }
        var start = position
        while start < position + count {
            let next = min(position + count, (start / SimulatedPages.pageSize + 1) * SimulatedPages.pageSize)
            if next - start == SimulatedPages.pageSize {
                node.durable.share(start / SimulatedPages.pageSize, of: node.bytes)
            } else {
                node.durable.copy(from: node.bytes, start..<next)
            }
            start = next
        }
    }

    func write(parts: UnsafeBufferPointer<UnsafeRawBufferPointer>, at position: Int) throws(FileError) {
        var position = position
        for part in parts {
            try write(part, at: position)
            position += part.count
        }
    }

    func truncate(to size: Int) throws(FileError) {
        try disk.change(.truncate, path) { _ in
            node.bytes.resize(to: size)
            return true
        }
    }

    func synchronize() throws(FileError) {
        // Told once of what the system could not write in the background.
        let isLate = disk.state.withLock { state in
            guard state.hasPower, knownFailures < node.failures else { return false }
            (knownFailures, node.isLastReported) = (node.failures, true)
            return true
        }
        if isLate { throw FileError(.synchronize, path, code: 5) }
        do throws(FileError) {
            try disk.change(.synchronize, path) { state in
                if state.syncs(path) { node.synchronize() }
                return true
            }
        } catch {
            disk.state.withLock { $0.giveUp([node]) }
            if disk.retries(error) { return }
            throw error
        }
    }

    func map(count: Int) throws(FileError) -> MappedFile {
        try disk.call(.map, path)
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: 16)
        let read = disk.state.withLock { _ in
            node.bytes.read(into: UnsafeMutableRawBufferPointer(start: copy, count: count), at: 0)
        }
        guard read == count else {
            copy.deallocate()
            throw FileError(.map, path, code: 0)
        }
        let mapping = MappedFile(start: copy, count: count, path: path) { start, _ in start.deallocate() }
        disk.state.withLock { $0.mappings.add(mapping) }
        return mapping
    }
}

private final class SimulatedLock: FileLock {
    private let disk: SimulatedDisk
    private let path: String

    init(disk: SimulatedDisk, path: String) {
        self.disk = disk
        self.path = path
    }

    deinit { disk.state.withLock { _ = $0.locked.remove(path) } }
}
