import Storage

/// What lies beside an export, and what may be there already.
struct ExportFiles {
    let path: String
    let form: TransferState.Form
    let topic: String
    let progressPath: String
    let manifestPath: String
    let fileSystem: any FileSystem

    init(_ form: TransferState.Form, _ path: String, topic: String, _ fileSystem: any FileSystem) {
        self.form = form
        self.path = path
        self.topic = topic
        self.fileSystem = fileSystem
        progressPath = TransferState.progressPath(form, path, topic: topic)
        manifestPath = TransferState.manifestPath(form, path, topic: topic)
    }

    /// nil: it is not whole.
    func manifest() throws -> TransferState? {
        if fileSystem.exists(progressPath) { return nil }
        return try TransferState.read(manifestPath, fileSystem).map(checked)
    }

    struct Begun {
        var state: TransferState
        /// True: an earlier run has begun it.
        var isResumed: Bool
    }

    /// What is to be done: what was begun, or what `make` says, which is on disk then.
    func start(resumes: Bool, _ make: () async throws -> TransferState) async throws -> Begun {
        if let begun = try begun(resumes: resumes) { return begun }
        return try await record(make())
    }

    func start(resumes: Bool, _ make: () throws -> TransferState) throws -> Begun {
        if let begun = try begun(resumes: resumes) { return begun }
        return try record(make())
    }

    private func begun(resumes: Bool) throws -> Begun? {
        let progress = try TransferState.read(progressPath, fileSystem)
        if resumes { return try progress.map { Begun(state: try checked($0), isResumed: true) } }
        if progress != nil {
            throw Failure("\(path) is begun: give --resume to go on with it, or remove it and \(progressPath)")
        }
        if fileSystem.exists(manifestPath) || form == .ndjson && fileSystem.exists(path) {
            throw Failure("\(path) is there already: give another name, or remove it first")
        }
        return nil
    }

    /// Before anything of the target is there: whoever finds that finds out what it is to be.
    private func record(_ state: TransferState) throws -> Begun {
        if form == .directory { try fileSystem.createDirectory(path) }
        try state.write(to: progressPath, fileSystem)
        return Begun(state: state, isResumed: false)
    }

    private func checked(_ state: TransferState) throws -> TransferState {
        guard state.topic == topic, state.form == form else {
            throw Failure("\(path) is an export of topic '\(state.topic)': give another name")
        }
        return state
    }
}
