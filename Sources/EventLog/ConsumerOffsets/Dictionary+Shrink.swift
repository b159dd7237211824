extension Dictionary {
    /// Gives back the places of what was removed, where more than three quarters are free: by itself a dictionary keeps
    /// those of the most that it has ever held.
    mutating func shrink() {
        guard capacity > 4 * count else { return }
        var smaller = Dictionary(minimumCapacity: count)
        for (key, value) in self { smaller[key] = value }
        self = smaller
    }
}
