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
        var faults: [Fault] = []
        var hasPower = true
        var hadFault = false
        var capacity: Int?
    }

    /// What goes wrong, and when.
    package struct Fault: Sendable {
        package enum Kind: Sendable {
            /// Everything fails from here on; `crash` then says what is left.
            case powerCut
            /// This one operation fails with the system's error.
            case error(Int32)
        }
        /// The number of the operation (writes, syncs, renames, …), counted from 1.
        package var at: Int
        package var kind: Kind
        /// Only operations on paths that end so count as a hit; nil: any.
        package var path: String?
        package var operation: FileError.Operation?

        package init(at: Int, _ kind: Kind, path: String? = nil, operation: FileError.Operation? = nil) {
            self.at = at
            self.kind = kind
            self.path = path
            self.operation = operation
        }
    }

    /// A file or a directory.
    fileprivate final class Node: @unchecked Sendable {
        // Unchecked: used under the disk's lock.
        var bytes: [UInt8] = []
        var durable: [UInt8] = []
        /// Sectors that a failed sync takes for written: no later one writes them, until someone else does.
        var givenUp: Set<Int> = []
        let isDirectory: Bool
        /// Of a directory: what a crash leaves in it for sure, by name.
        var durableEntries: [String: Node] = [:]

        init(isDirectory: Bool) { self.isDirectory = isDirectory }

        func giveUp() {
            for sector in 0..<(bytes.count + 511) / 512 where !isDurable(sector) { givenUp.insert(sector) }
        }

        private func isDurable(_ sector: Int) -> Bool {
            let range = sector * 512..<min(sector * 512 + 512, bytes.count)
            return range.upperBound <= durable.count && bytes[range] == durable[range]
        }

        func synchronize() {
            let old = durable
            durable = bytes
            for sector in givenUp {
                for i in sector * 512..<min(sector * 512 + 512, bytes.count) { durable[i] = i < old.count ? old[i] : 0 }
            }
        }

        func afterCrash(_ random: inout SeededRandom) -> Node {
            let copy = Node(isDirectory: isDirectory)
            copy.bytes = durable
            if !isSame(bytes, durable) {
                if Bool.random(using: &random) { resize(&copy.bytes, to: bytes.count) }
                for sector in stride(from: 0, to: min(copy.bytes.count, bytes.count), by: 512) {
                    guard Bool.random(using: &random) else { continue }
                    let range = sector..<min(sector + 512, copy.bytes.count, bytes.count)
                    copy.bytes.replaceSubrange(range, with: bytes[range])
                }
            }
            copy.durable = copy.bytes
            return copy
        }

        func write(_ new: UnsafeRawBufferPointer, at position: Int) {
            place(new, in: &bytes, at: position)
            guard !givenUp.isEmpty, !new.isEmpty else { return }
            givenUp.subtract(position / 512...(position + new.count - 1) / 512)
        }
    }

    package init() { state = Mutex(State(names: ["/": Node(isDirectory: true)])) }

    private init(_ names: [String: Node]) { state = Mutex(State(names: names)) }

    package func add(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

    /// Nothing more goes wrong than what has.
    package func clearFaults() { state.withLock { $0.faults = [] } }

    /// Whether anything has gone wrong.
    package var hadFault: Bool { state.withLock { $0.hadFault } }

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

    /// The disk as it may be after power was lost: all that was synced, and of the rest what `seed` picks.
    package func crash(seed: UInt64) -> SimulatedDisk {
        var random = SeededRandom(seed: seed)
        return state.withLock { state in
            var crash = Crash(before: state)
            if let root = state.names["/"] { crash.keep(root, as: "/", &random) }
            return SimulatedDisk(crash.names)
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
            twin.durableEntries = node.durableEntries.mapValues { copy($0) }
            return twin
        }
        return SimulatedDisk(state.withLock { $0.names.mapValues(copy) })
    }

    /// What is left, put together from the root on: an entry belongs to its directory, whatever name that has.
    private struct Crash {
        let before: State
        var names: [String: Node] = [:]
        private var copies: [ObjectIdentifier: Node] = [:]

        init(before: State) { self.before = before }

        mutating func keep(_ node: Node, as path: String, _ random: inout SeededRandom) {
            let copy = copies[ObjectIdentifier(node)] ?? node.afterCrash(&random)
            copies[ObjectIdentifier(node)] = copy
            names[path] = copy
            guard node.isDirectory else { return }
            let visible = before.names[path] === node ? before.entries(of: path) : [:]
            for name in Set(visible.keys).union(node.durableEntries.keys).sorted() {
                let (now, durable) = (visible[name], node.durableEntries[name])
                guard let kept = now === durable ? now : (Bool.random(using: &random) ? now : durable) else { continue }
                keep(kept, as: path == "/" ? "/" + name : path + "/" + name, &random)
                copy.durableEntries[name] = copies[ObjectIdentifier(kept)]
            }
        }
    }

    /// The bytes of a file, for a test to look at or harm.
    package func contents(_ path: String) -> [UInt8]? { state.withLock { $0.names[path]?.bytes } }

    // MARK: FileSystem

    package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        if let code = state.withLock({ $0.fault(.open, path) }) { throw FileError(.open, path, code: code) }
        let node = try find(path, mode)
        return SimulatedFile(disk: self, path: path, node: node, isDurable: mode == .durableBlocks)
    }

    private func find(_ path: String, _ mode: OpenMode) throws(FileError) -> Node {
        if let node = state.withLock({ $0.names[path] }) { return node }
        guard mode == .create else { throw FileError(.open, path, code: 2) }
        var isFull = false
        try change(.create, path) { state in
            guard state.names[parent(of: path)] != nil else { return false }
            isFull = state.room <= 0
            if !isFull { state.names[path] = Node(isDirectory: false) }
            return true
        }
        if isFull { throw FileError(.open, path, code: ENOSPC) }
        return try find(path, .read)
    }

    package func exists(_ path: String) -> Bool { state.withLock { $0.names[path] != nil } }

    package func createDirectory(_ path: String) throws(FileError) {
        if exists(path) { return }
        if !exists(parent(of: path)) { try createDirectory(parent(of: path)) }
        try change(.create, path) { state in
            state.names[path] = Node(isDirectory: true)
            return true
        }
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        state.withLock { Array($0.entries(of: path).keys) }
    }

    package func remove(_ path: String) throws(FileError) {
        try change(.remove, path) { $0.names.removeValue(forKey: path) != nil }
    }

    package func removeDirectory(_ path: String) throws(FileError) {
        try change(.remove, path) { state in
            for name in state.names.keys where name == path || name.hasPrefix(path + "/") { state.names[name] = nil }
            return true
        }
    }

    package func rename(_ from: String, to: String) throws(FileError) {
        try change(.rename, from) { state in
            guard let node = state.names.removeValue(forKey: from) else { return false }
            state.names[to] = node
            return true
        }
    }

    package func synchronizeDirectory(_ path: String) throws(FileError) {
        try change(.synchronize, path) { state in
            state.names[path]?.durableEntries = state.entries(of: path)
            return true
        }
    }

    package func synchronizeAll(_ path: String) throws(FileError) {
        do throws(FileError) {
            try change(.synchronize, path) { state in
                for (path, node) in state.names {
                    node.synchronize()
                    if node.isDirectory { node.durableEntries = state.entries(of: path) }
                }
                return true
            }
        } catch {
            state.withLock { state in if state.hasPower { for node in state.names.values { node.giveUp() } } }
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

    /// Counts an operation, lets it fail if it is its turn, else runs `body`; false from it means a missing file.
    fileprivate func change(
        _ operation: FileError.Operation, _ path: String, _ body: (inout State) -> Bool
    ) throws(FileError) {
        let code: Int32? = state.withLock { state in
            guard state.hasPower else { return 5 }
            state.operations += 1
            if let code = state.fault(operation, path) { return code }
            return body(&state) ? nil : 2
        }
        if let code { throw FileError(operation, path, code: code) }
    }
}

extension SimulatedDisk.State {
    fileprivate var bytesInUse: Int {
        var seen: Set<ObjectIdentifier> = []
        return names.values.reduce(0) { $0 + (seen.insert(ObjectIdentifier($1)).inserted ? $1.bytes.count : 0) }
    }

    /// How many bytes files may still grow by.
    fileprivate var room: Int { capacity.map { $0 - bytesInUse } ?? .max }

    /// What programs see in a directory, by name.
    fileprivate func entries(of path: String) -> [String: SimulatedDisk.Node] {
        let prefix = path == "/" ? "/" : path + "/"
        var entries: [String: SimulatedDisk.Node] = [:]
        for (name, node) in names where name.hasPrefix(prefix) && name != path {
            let rest = name.dropFirst(prefix.count)
            if !rest.isEmpty && !rest.contains("/") { entries[String(rest)] = node }
        }
        return entries
    }

    /// The error that is due now, if one is.
    fileprivate mutating func fault(_ operation: FileError.Operation, _ path: String) -> Int32? {
        for (i, fault) in faults.enumerated() where operations >= fault.at {
            if let wanted = fault.path, !path.hasSuffix(wanted) { continue }
            if let wanted = fault.operation, wanted != operation { continue }
            // To open a file changes nothing: it fails only where a fault names that.
            if operation == .open, fault.operation == nil { continue }
            hadFault = true
            switch fault.kind {
            case .powerCut:
                hasPower = false
                return 5
            case .error(let code):
                faults.remove(at: i)
                return code
            }
        }
        return nil
    }
}

private func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
}

private func resize(_ bytes: inout [UInt8], to count: Int) {
    if count < bytes.count {
        bytes.removeLast(bytes.count - count)
    } else {
        // At once: a debug build appends a repeated element by a call each.
        let added = count - bytes.count
        bytes += [UInt8](unsafeUninitializedCapacity: added) { buffer, initialized in
            if let start = buffer.baseAddress { memset(start, 0, added) }
            initialized = added
        }
    }
}

/// As `==`, which a debug build takes its time for.
private func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count
        && a.withUnsafeBytes { a in
            b.withUnsafeBytes { b in a.count == 0 || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 }
        }
}

private func place(_ bytes: UnsafeRawBufferPointer, in file: inout [UInt8], at position: Int) {
    if file.count < position + bytes.count { resize(&file, to: position + bytes.count) }
    file.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[position...]).copyMemory(from: bytes) }
}

private final class SimulatedFile: StorageFile {
    let path: String
    private let disk: SimulatedDisk
    private let node: SimulatedDisk.Node
    private let isDurable: Bool

    init(disk: SimulatedDisk, path: String, node: SimulatedDisk.Node, isDurable: Bool) {
        self.disk = disk
        self.path = path
        self.node = node
        self.isDurable = isDurable
    }

    var descriptor: Int32? { nil }

    func size() throws(FileError) -> Int { disk.state.withLock { _ in node.bytes.count } }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int) throws(FileError) -> Int {
        disk.state.withLock { _ in
            let count = max(0, min(buffer.count, node.bytes.count - position))
            guard count > 0 else { return 0 }
            node.bytes.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
            }
            return count
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        var isFull = false
        try disk.change(.write, path) { state in
            let growth = position + bytes.count - node.bytes.count
            let missing = growth > 0 ? max(0, growth - max(0, state.room)) : 0
            isFull = missing > 0
            // What fits is written.
            let written = UnsafeRawBufferPointer(rebasing: bytes.dropLast(missing))
            node.write(written, at: position)
            if isDurable { place(written, in: &node.durable, at: position) }
            return true
        }
        if isFull { throw FileError(.write, path, code: ENOSPC) }
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
            resize(&node.bytes, to: size)
            return true
        }
    }

    func synchronize() throws(FileError) {
        do throws(FileError) {
            try disk.change(.synchronize, path) { _ in
                node.synchronize()
                return true
            }
        } catch {
            disk.state.withLock { if $0.hasPower { node.giveUp() } }
            throw error
        }
    }

    func map(count: Int) throws(FileError) -> MappedFile {
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: 16)
        let read = try read(into: UnsafeMutableRawBufferPointer(start: copy, count: count), at: 0)
        guard read == count else { throw FileError(.map, path, code: 0) }
        return MappedFile(start: copy, count: count) { start, _ in start.deallocate() }
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
