internal import Glibc
internal import RecordFormat

/// The last offset of each key in the part of a log that is being compacted. Bounded: says when it is full.
///
/// A table of 16 bytes a slot, in order of hashes, with linear probing. It grows in place, by a quarter, so that its
/// memory is never more than 24 bytes a key, also while it grows, nor more than it was given: in a table that is in
/// order, growing moves all entries to the end and then each to its new place, and none overtakes another.
///
///     high        UInt64  the hash's upper 64 bits: they say where the key belongs
///     low, upper 24 bits  24 more bits of the hash
///     low, lower 40 bits  the offset, from the map's first one on, plus 1; 0: the slot is empty
struct OffsetMap: ~Copyable {
    private struct Slot {
        var high: UInt64
        var low: UInt64
    }

    private static let offsetMask: UInt64 = 1 << 40 - 1
    static let bytesPerKey = 24
    private static let capacityMin = 1024
    /// Slots past those that hashes name, for what the last of them push out. At 7/8 full a run gets so long with a
    /// chance of less than 2^-40, and of less than 2^-300 just after growing.
    private static let overflow = 4096

    private let slots: UnsafeMutablePointer<Slot>
    private let slotsMax: Int
    private let keysMax: Int
    private let hasher: KeyHasher
    let firstOffset: Offset
    private var capacity: Int
    private(set) var count = 0
    /// So many keys have room before it must grow.
    private var room: Int

    /// Memory that is in use.
    var byteCount: Int { (capacity + Self.overflow) * MemoryLayout<Slot>.stride }

    /// `firstOffset`: no key lies before it. `recordsMax`: there are no more keys than this. nil: the system has not even
    /// the least of memory.
    init?(bytesMax: Int, recordsMax: Int64, firstOffset: Offset, hasher: KeyHasher, keysMax: Int = .max) {
        let (wanted, isHuge) = recordsMax.multipliedReportingOverflow(by: Int64(Self.bytesPerKey))
        let least = (Self.capacityMin + Self.overflow) * MemoryLayout<Slot>.stride
        var bytes = max(least, min(bytesMax, isHuge ? .max : Int(wanted) + least))
        // Of what is allocated only what is used takes memory.
        var memory = malloc(bytes)
        while memory == nil, bytes > least {
            bytes = max(least, bytes / 2)
            memory = malloc(bytes)
        }
        guard let memory else { return nil }
        slotsMax = bytes / MemoryLayout<Slot>.stride
        slots = memory.bindMemory(to: Slot.self, capacity: slotsMax)
        capacity = Self.capacityMin
        slots.initialize(repeating: Slot(high: 0, low: 0), count: Self.capacityMin + Self.overflow)
        room = min(keysMax, Self.room(in: Self.capacityMin))
        self.keysMax = keysMax
        self.hasher = hasher
        self.firstOffset = firstOffset
    }

    deinit { free(slots) }

    private static func room(in capacity: Int) -> Int { capacity / 8 * 7 }

    @inline(__always)
    private func home(_ high: UInt64) -> Int {
        Int(truncatingIfNeeded: high.multipliedFullWidth(by: UInt64(truncatingIfNeeded: capacity)).high)
    }

    /// Where the key is, or where it would go.
    @inline(__always)
    private func find(_ hash: KeyHash) -> (slot: Int, isFound: Bool) {
        let tag = hash.low & ~Self.offsetMask
        var at = home(hash.high)
        while true {
            let slot = slots[at]
            if slot.low == 0 || slot.high > hash.high { return (at, false) }
            if slot.high == hash.high, slot.low & ~Self.offsetMask == tag { return (at, true) }
            at &+= 1
        }
    }

    /// Takes note of a key's record; offsets come in rising order. False: the map is full, and knows nothing of it.
    @inline(__always)
    mutating func put(_ key: UnsafeRawBufferPointer, _ offset: Offset) -> Bool {
        let relative = UInt64(bitPattern: offset.value &- firstOffset.value &+ 1)
        guard relative <= Self.offsetMask, relative > 0 else { return false }
        let hash = hasher.hash(key)
        let (at, isFound) = find(hash)
        let low = hash.low & ~Self.offsetMask | relative
        if isFound {
            slots[at].low = low
            return true
        }
        return insert(Slot(high: hash.high, low: low), at)
    }

    private mutating func insert(_ new: Slot, _ place: Int) -> Bool {
        var at = place
        if count == room {
            guard grow() else { return false }
            at = find(KeyHash(high: new.high, low: new.low)).slot
        }
        let end = capacity + Self.overflow - 1
        var last = at
        while slots[last].low != 0 {
            last += 1
            // The last slot stays empty, so that every search ends.
            if last == end { return false }
        }
        if last > at { (slots + at + 1).update(from: slots + at, count: last - at) }
        slots[at] = new
        count += 1
        return true
    }

    /// The last offset of the key; nil: it has none here.
    @inline(__always)
    func offset(of key: UnsafeRawBufferPointer) -> Offset? {
        let (at, isFound) = find(hasher.hash(key))
        return isFound ? offset(in: slots[at]) : nil
    }

    @inline(__always)
    private func offset(in slot: Slot) -> Offset {
        Offset(firstOffset.value &+ Int64(bitPattern: slot.low & Self.offsetMask) &- 1)
    }

    /// Calls `body` with the last offset of each key, in no order.
    func forEachOffset(_ body: (Offset) -> Void) {
        for at in 0..<capacity + Self.overflow where slots[at].low != 0 { body(offset(in: slots[at])) }
    }

    private mutating func grow() -> Bool {
        let larger = min(capacity + capacity / 4, slotsMax - Self.overflow)
        guard count < keysMax, Self.room(in: larger) > count else { return false }
        let (oldEnd, end) = (capacity + Self.overflow, larger + Self.overflow)
        // All to the end, in their order.
        var first = end
        for at in stride(from: oldEnd - 1, through: 0, by: -1) where slots[at].low != 0 {
            first -= 1
            slots[first] = slots[at]
        }
        capacity = larger
        room = min(keysMax, Self.room(in: larger))
        // From there each to its place, which is not past where it was: all that follow have room after it.
        var next = 0
        for at in first..<end {
            let slot = slots[at]
            let place = max(home(slot.high), next)
            precondition(place <= at, "a run of the offset map is longer than \(Self.overflow)")
            while next < place {
                slots[next] = Slot(high: 0, low: 0)
                next += 1
            }
            slots[place] = slot
            next = place + 1
        }
        while next < end {
            slots[next] = Slot(high: 0, low: 0)
            next += 1
        }
        return true
    }
}
