/// Records that change one group together: all of them, or none.
package struct GroupChange: Sendable {
    package var entries: [GroupEntry]
    package var author: ChangeAuthor
    /// nil: a consumer's own commit, or a step of its group's protocol. Else the change is one that an operator may want
    /// to undo: each record of an offset says what was there before. `before` is filled in where it is appended.
    package var note: ChangeNote?

    package init(_ entries: [GroupEntry], by author: ChangeAuthor, note: ChangeNote? = nil) {
        self.entries = entries
        self.author = author
        self.note = note
    }

    /// The topics that it commits offsets to; each once where they are in order.
    var topicNames: [String] {
        var names: [String] = []
        for case .offset(let topic, _, _) in entries where names.last != topic { names.append(topic) }
        return names
    }
}
