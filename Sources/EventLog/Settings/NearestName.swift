/// What a name was meant to be that there is not.
package enum NearestName {
    /// The one of `names` that takes the fewest changes of a letter; nil: none is so close that it can have been meant.
    package static func of(_ name: String, in names: some Sequence<String>) -> String? {
        let wanted = Array(name.lowercased().utf8)
        // A name that no setting is as long as was not mistyped.
        guard wanted.count <= 100 else { return nil }
        var best: (name: String, distance: Int)?
        for candidate in names {
            let distance = distance(wanted, Array(candidate.utf8))
            if distance < best?.distance ?? (2 + wanted.count / 8) { best = (candidate, distance) }
        }
        return best?.name
    }

    /// How many bytes must be put in, taken out or replaced (Levenshtein).
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let replaced = diagonal + (a[i] == b[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}
