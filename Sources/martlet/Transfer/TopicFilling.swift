import KafkaClient
import Storage

/// A topic of a broker from before an import until after it: makes it where it is missing, and knows where the import
/// begins in it.
struct TopicFilling {
    private let client: KafkaClient
    private let topic: String
    /// nil: nobody has said.
    private let partitionCount: Int?
    private let settings: [String: String]
    private let progressPath: String
    private let fileSystem: any FileSystem

    init(
        _ client: KafkaClient, _ topic: String, partitionCount: Int?, _ settings: [String: String],
        progressPath: String,
        _ fileSystem: any FileSystem
    ) {
        self.client = client
        self.topic = topic
        self.partitionCount = partitionCount
        self.settings = settings
        self.progressPath = progressPath
        self.fileSystem = fileSystem
    }

    /// The topic, with what an earlier run has written found out.
    func open(resumes: Bool) async throws -> (BrokerTarget, begun: Timestamp) {
        var progress = try await begun(resumes: resumes)
        if progress.createsTopic { try await create() } else { try await check() }
        let isNew = progress.starts == nil
        if progress.starts == nil {
            progress.starts = try await BrokerTarget.ends(of: topic, client)
            // Of a topic that the import makes nothing is there before, unless it was not the import that made it.
            if progress.createsTopic, progress.starts?.contains(where: { $0 > 0 }) == true {
                throw Failure("topic '\(topic)' has records of others: import to another with --as")
            }
            try progress.write(to: progressPath, fileSystem)
        }
        var options = ProducerOptions()
        options.requestBytesMax = 16 << 20
        options.bufferBytesMax = 64 << 20
        options.createsTopics = false
        let target = try await BrokerTarget(client, topic: topic, starts: progress.starts ?? [], options: options)
        guard !isNew else { return (target, progress.time) }
        var reading = Progress("Finding what is there")
        do {
            try await target.findPresent { count in
                if reading.isDue { reading.update(Throughput(records: count), fraction: nil) }
            }
        } catch {
            try? await target.close()
            throw error
        }
        reading.finish()
        return (target, progress.time)
    }

    private func begun(resumes: Bool) async throws -> ImportProgress {
        if let progress = try ImportProgress.read(progressPath, fileSystem) {
            guard resumes else {
                throw Failure(
                    "an import of it is begun (\(progressPath)): give --resume to go on, or remove that file "
                        + "to begin again"
                )
            }
            guard progress.topic == topic else {
                throw Failure("the import was begun with topic '\(progress.topic)': give that with --as")
            }
            return progress
        }
        let progress = ImportProgress(topic: topic, createsTopic: try await !exists(), time: .now)
        if progress.createsTopic, partitionCount == nil {
            throw Failure("topic '\(topic)' is not there: say with --partitions how many partitions it is to have")
        }
        // Known before the topic is there: whoever finds it knows whose it is.
        try progress.write(to: progressPath, fileSystem)
        return progress
    }

    private func exists() async throws -> Bool {
        try await client.admin.listTopics().contains { $0.name == topic }
    }

    private func create() async throws {
        guard try await !exists() else { return }
        try await client.admin.createTopic(
            topic, partitions: partitionCount, settings: ImportSettings.whileFilling(settings))
    }

    /// In a topic that changes what it is given nothing can be compared.
    private func check() async throws {
        for setting in try await client.admin.settings(ofTopic: topic) {
            switch (setting.name, setting.value) {
            case ("cleanup.policy", let policy?) where policy.contains("compact"):
                throw Failure(
                    "topic '\(topic)' is compacted, so that what is imported could not be compared: import "
                        + "to a topic that is "
                        + "not there yet, with --as, or set cleanup.policy=delete until it is done")
            case ("message.timestamp.type", "LogAppendTime"):
                throw Failure(
                    "topic '\(topic)' gives records the time of their append, and they would lose their own: "
                        + "import to another "
                        + "topic with --as, or set message.timestamp.type=CreateTime until it is done")
            default: break
            }
        }
    }

    /// All is there and was compared.
    func finish() async throws {
        if try ImportProgress.read(progressPath, fileSystem)?.createsTopic == true {
            let (set, reset) = ImportSettings.afterwards(settings)
            try await client.admin.alterTopic(topic, set: set, reset: reset)
        }
        try fileSystem.remove(progressPath)
    }
}
