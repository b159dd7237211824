import ArgumentParser
import Storage

/// Where a topic is read from, or written to, by a command that takes a broker or a directory.
struct PlaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A data directory that no broker has open, in place of a broker.", valueName: "directory"),
        completion: .directory)
    var data: String?

    func validate() throws {
        if data?.isEmpty == true { throw ValidationError("--data is empty") }
    }

    /// Throws where that is no data directory.
    static func check(_ path: String) throws {
        guard PosixFileSystem().exists(path + "/catalogue") else {
            throw Failure("\(path) is no data directory of a broker: give the one that 'martlet serve --data' has")
        }
    }
}
