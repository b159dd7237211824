import ArgumentParser
import Foundation
import Yardstick

/// The server in C: what the network benchmark starts.
struct ServeYardstick: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve-yardstick", abstract: "Serves in C until it is killed.", shouldDisplay: false)

    enum Service: String, ExpressibleByArgument {
        case sink, store, compress, rounds, send

        fileprivate var yardstick: yardstick_service {
            switch self {
            case .sink: yardstick_sink
            case .store: yardstick_store
            case .compress: yardstick_compress_and_store
            case .rounds: yardstick_store_durably
            case .send: yardstick_send
            }
        }
    }

    @Argument var service: Service
    @Argument var answer: Int
    @Argument var directory: String

    func run() throws {
        yardstick_serve(directory, service.yardstick, answer)
        throw WireError.lost(errno)
    }
}
