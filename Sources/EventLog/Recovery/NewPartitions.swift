internal import Storage

/// Makes the directories of new partitions, each with its first checkpoint, durable before the catalogue names them.
struct NewPartitions {
    private let topic: TopicCatalogue.Entry
    private let data: String
    private let fileSystem: any FileSystem
    private let nextSequence: UInt64
    private let checkpointer: Checkpointer
    private let starts: [Offset]

    /// - Parameters:
    ///   - nextSequence: of the journal; rounds before it are none of these partitions' business.
    ///   - starts: by partition, the offset that its first record may have; 0 where there is none.
    init(
        of topic: TopicCatalogue.Entry, in data: String, _ fileSystem: any FileSystem, nextSequence: UInt64,
        _ checkpointer: Checkpointer, starts: [Offset] = []
    ) {
        self.starts = starts
        self.topic = topic
        self.data = data
        self.fileSystem = fileSystem
        self.nextSequence = nextSequence
        self.checkpointer = checkpointer
    }

    func create(_ indexes: Range<Int>) throws(LogError) {
        for index in indexes { try clear(path(index)) }
        try storage { () throws(FileError) in
            for index in indexes { try createDirectory(index) }
            if indexes.count > 2 { return try checkpointer.synchronizeAll() }
            for index in indexes {
                try checkpointFile(index).synchronize()
                try fileSystem.synchronizeDirectory(path(index))
            }
            try fileSystem.synchronizeDirectory(data)
        }
    }

    private func path(_ index: Int) -> String { "\(data)/\(TopicName.directory(topic.name, index))" }

    private func checkpointFile(_ index: Int) -> CheckpointFile {
        CheckpointFile(path: "\(path(index))/\(CheckpointFile.name)", fileSystem)
    }

    private func createDirectory(_ index: Int) throws(FileError) {
        try fileSystem.createDirectory(path(index))
        var file = checkpointFile(index)
        let start = starts.indices.contains(index) ? starts[index] : 0
        try file.write(
            PartitionCheckpoint(
                journalSequence: nextSequence, logStart: start, end: LogEnd(offset: start, segment: start, position: 0))
        )
    }

    /// A creation that was cut short leaves a directory without records: it is removed. Records are never.
    private func clear(_ path: String) throws(LogError) {
        guard fileSystem.exists(path) else { return }
        let isClear = try storage { () throws(FileError) in try removeUnlessRecords(path) }
        guard isClear else { throw .storage("\(path) holds records that no topic claims: move it away first") }
    }

    private func removeUnlessRecords(_ path: String) throws(FileError) -> Bool {
        for base in SegmentFiles.baseOffsets(in: try fileSystem.list(path)) {
            let log = "\(path)/\(SegmentFiles.log(base))"
            guard try fileSystem.open(log, .read).size() == 0 else { return false }
        }
        try fileSystem.removeDirectory(path)
        return true
    }
}
