enum BinarySearch {
    /// How many of `count` numbers from 0 on satisfy `belongs`, which must hold for a prefix and for nothing after it.
    /// Takes the same steps whatever it finds: where to go on is added up, not branched on, for the processor cannot
    /// guess it.
    @inline(__always)
    static func partitionPoint(of count: Int, _ belongs: (Int) -> Bool) -> Int {
        var start = 0
        var left = count
        while left > 1 {
            let half = left >> 1
            start &+= belongs(start &+ half &- 1) ? half : 0
            left &-= half
        }
        return start &+ (left == 1 && belongs(start) ? 1 : 0)
    }
}
