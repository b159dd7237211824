import EventLog
import Storage

/// The data directory of a broker that does not run.
enum DataDirectory {
    /// Opens it as the broker would, but only to be looked at: nothing is deleted or compacted while it is open.
    static func open(at path: String) throws -> EventLog {
        guard PosixFileSystem().exists(path + "/catalogue") else {
            throw Failure("\(path) is no data directory of a broker: give the one that 'martlet serve --data' has")
        }
        var options = EventLogOptions()
        options.logger = WarningLines.logger
        options.runsHousekeeping = false
        return try EventLog.open(at: path, options: options)
    }
}
