package import Storage
internal import Synchronization

/// A disk that keeps its promises and nothing more: what was not synced may be lost in a crash, sector by sector, as
/// may names whose directory was not synced. Which, a seed decides. It can also lose power, or fail, at a given
/// operation.
package final class SimulatedDisk: FileSystem {
    fileprivate let state: Mutex<State>

    fileprivate struct State {
        /// What programs see.
        var names: [String: Node] = [:]
        /// What a crash leaves for sure.
        var durableNames: [String: Node] = [:]
        var locked: Set<String> = []
        var operations = 0
        var faults: [Fault] = []
        var hasPower = true
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
        let isDirectory: Bool

        init(isDirectory: Bool) { self.isDirectory = isDirectory }
    }

    package init() {
        let root = Node(isDirectory: true)
        state = Mutex(State(names: ["/": root], durableNames: ["/": root]))
    }

    private init(_ names: [String: Node]) { state = Mutex(State(names: names, durableNames: names)) }

    package func add(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

    /// How many operations that change the disk there have been.
    package var operations: Int { state.withLock { $0.operations } }

    /// The disk as it may be after power was lost: all that was synced, and of the rest what `seed` picks.
    package func crash(seed: UInt64) -> SimulatedDisk {
        var random = SeededRandom(seed: seed)
        return state.withLock { state in
            var copies: [ObjectIdentifier: Node] = [:]
            var names: [String: Node] = [:]
            for path in Set(state.names.keys).union(state.durableNames.keys).sorted() {
                let (now, durable) = (state.names[path], state.durableNames[path])
                guard let node = now === durable ? now : (Bool.random(using: &random) ? now : durable) else { continue }
                // A name in a directory that is not there has no place.
                guard path == "/" || names[parent(of: path)] != nil else { continue }
                let copy = copies[ObjectIdentifier(node)] ?? afterCrash(node, &random)
                copies[ObjectIdentifier(node)] = copy
                names[path] = copy
            }
            return SimulatedDisk(names)
        }
    }

    private func afterCrash(_ node: Node, _ random: inout SeededRandom) -> Node {
        let copy = Node(isDirectory: node.isDirectory)
        copy.bytes = node.durable
        if node.bytes != node.durable {
            if Bool.random(using: &random) { resize(&copy.bytes, to: node.bytes.count) }
            for sector in stride(from: 0, to: min(copy.bytes.count, node.bytes.count), by: 512) {
                guard Bool.random(using: &random) else { continue }
                let range = sector..<min(sector + 512, copy.bytes.count, node.bytes.count)
                copy.bytes.replaceSubrange(range, with: node.bytes[range])
            }
        }
        copy.durable = copy.bytes
        return copy
    }

    /// The bytes of a file, for a test to look at or harm.
    package func contents(_ path: String) -> [UInt8]? { state.withLock { $0.names[path]?.bytes } }

    // MARK: FileSystem

    package func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any StorageFile {
        let node = try find(path, mode)
        return SimulatedFile(disk: self, path: path, node: node, isDurable: mode == .durableBlocks)
    }

    private func find(_ path: String, _ mode: OpenMode) throws(FileError) -> Node {
        if let node = state.withLock({ $0.names[path] }) { return node }
        guard mode == .create else { throw FileError(.open, path, code: 2) }
        try change(.create, path) { state in
            guard state.names[parent(of: path)] != nil else { return false }
            state.names[path] = Node(isDirectory: false)
            return true
        }
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
        let prefix = path == "/" ? "/" : path + "/"
        return state.withLock { state in
            state.names.keys.compactMap { name in
                guard name.hasPrefix(prefix), name != path else { return nil }
                let rest = name.dropFirst(prefix.count)
                return rest.contains("/") || rest.isEmpty ? nil : String(rest)
            }
        }
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
            let prefix = path == "/" ? "/" : path + "/"
            func isInside(_ name: String) -> Bool {
                name.hasPrefix(prefix) && name != path && !name.dropFirst(prefix.count).contains("/")
            }
            for name in Set(state.names.keys).union(state.durableNames.keys) where isInside(name) {
                state.durableNames[name] = state.names[name]
            }
            return true
        }
    }

    package func synchronizeAll(_ path: String) throws(FileError) {
        try change(.synchronize, path) { state in
            state.durableNames = state.names
            for node in state.names.values { node.durable = node.bytes }
            return true
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
    /// The error that is due now, if one is.
    fileprivate mutating func fault(_ operation: FileError.Operation, _ path: String) -> Int32? {
        for (i, fault) in faults.enumerated() where operations >= fault.at {
            if let wanted = fault.path, !path.hasSuffix(wanted) { continue }
            if let wanted = fault.operation, wanted != operation { continue }
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
        bytes.append(contentsOf: repeatElement(0, count: count - bytes.count))
    }
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
            if count > 0 { buffer.copyBytes(from: node.bytes[position..<position + count]) }
            return count
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int) throws(FileError) {
        try disk.change(.write, path) { _ in
            if node.bytes.count < position + bytes.count { resize(&node.bytes, to: position + bytes.count) }
            node.bytes.replaceSubrange(position..<position + bytes.count, with: bytes)
            if isDurable {
                if node.durable.count < node.bytes.count { resize(&node.durable, to: node.bytes.count) }
                node.durable.replaceSubrange(position..<position + bytes.count, with: bytes)
            }
            return true
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
            resize(&node.bytes, to: size)
            return true
        }
    }

    func synchronize() throws(FileError) {
        try disk.change(.synchronize, path) { _ in
            node.durable = node.bytes
            return true
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
