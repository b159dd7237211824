import ArgumentParser
import KafkaClient

/// Which broker a command talks to.
struct ConnectionOptions: ParsableArguments {
    @Option(name: [.short, .long], help: ArgumentHelp("The broker, as HOST:PORT.", valueName: "address"))
    var broker = "127.0.0.1:9092"

    /// Connects, does the work, disconnects.
    func withClient<R>(_ body: (KafkaClient) async throws -> R) async throws -> R {
        var options = KafkaClientOptions()
        options.logger = WarningLines.logger
        let client = try await KafkaClient.connect(to: broker, options: options)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }
}

struct OutputOptions: ParsableArguments {
    @Flag(help: "Prints JSON instead of a table.")
    var json = false
}
