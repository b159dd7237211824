/// What a change was that is not a consumer's own commit: the header `martlet-change` of each of its records, a line of
/// JSON as `{"kind":"reset","id":"…","before":17}`. See docs/FORMAT.md, "Committed offsets".
package struct ChangeNote: Hashable, Sendable {
    /// What was done: `reset`, `undo`, `restore`, `copy`, `delete`, … A word of whoever does it.
    package var kind: String
    /// The same for all records of one change, and for no other.
    package var id: String
    /// The offset that was there before; nil: none was, or the record is not about an offset.
    package var before: Offset?

    static let headerName = "martlet-change"

    package init(kind: String, id: String, before: Offset? = nil) {
        self.kind = kind
        self.id = id
        self.before = before
    }

    var bytes: [UInt8] {
        var text = JSONLine()
        text.add("kind", kind)
        text.add("id", id)
        text.add("before", before?.value)
        return text.finish()
    }

    /// nil: the header says something else.
    init?(header bytes: [UInt8]) {
        guard let fields = JSONLine.parse(bytes), case .text(let kind)? = fields["kind"],
            case .text(let id)? = fields["id"]
        else { return nil }
        self.kind = kind
        self.id = id
        if case .number(let before)? = fields["before"] { self.before = Offset(before) }
    }
}
