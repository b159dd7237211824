import Fleet
import KafkaClient

/// What a topic holds of a fleet.
enum FleetHistory {
    /// How many readings of each device are there. Throws where something else is there, too.
    static func read(_ fleet: Fleet, from topic: String, _ client: KafkaClient) async throws -> [Int64] {
        let consumer = try await client.makeConsumer(topic: topic, from: .earliest, until: .end)
        var replay = FleetReplay(of: fleet)
        var progress = Progress("Checking what is there")
        let done = try await run(consumer, &replay, &progress)
        progress.finish()
        if let problem = replay.firstProblem {
            throw Failure(
                "topic \(topic) holds other records than this fleet's (\(replay.problemCount.grouped) of "
                    + "\(done.records.grouped)): \(problem). Give another topic, or the fleet's own seed and devices")
        }
        return replay.history
    }

    /// Takes all records that the consumer brings.
    static func run(
        _ consumer: Consumer, _ replay: inout FleetReplay, _ progress: inout Progress
    ) async throws -> Throughput {
        var done = Throughput()
        while let batch = try await consumer.next() {
            try batch.forEachRecord { record in
                replay.take(key: record.key, value: record.value, timestamp: record.timestamp.milliseconds)
                done.add(record)
            }
            if progress.isDue { progress.update(done, fraction: nil) }
        }
        done.elapsed = progress.elapsed
        await consumer.close()
        return done
    }
}
