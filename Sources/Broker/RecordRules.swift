internal import EventLog
internal import KafkaProtocol

/// What a topic asks of a producer's records: times near enough to now, and keys where it is compacted. Rules and codes
/// are Kafka's.
///
/// Records that are not compressed are walked on arrival anyway, so each is looked at. An lz4 batch is opened where only
/// its records can tell. Of a batch in another codec the header is believed; without keys it is taken, and compaction
/// keeps it whole.
struct RecordRules {
    /// What timestamps may be, in milliseconds, both ends included.
    private let earliest: Int64
    private let latest: Int64
    private let needsKeys: Bool
    /// False: records get the time of the append, whatever they say.
    private let readsTimestamps: Bool
    private let keyBytesMax: Int
    private let headersMax: Int
    private let headerBytesMax: Int

    /// So many records of a batch are named that are at fault: an answer must not grow with what a client sends.
    static let faultsMax = 1000

    init(_ settings: AppendSettings, now: Timestamp, _ limits: Limits) {
        keyBytesMax = limits.keyBytes
        headersMax = limits.recordHeaders
        headerBytesMax = limits.recordHeaderBytes
        needsKeys = settings.isCompacted
        readsTimestamps = settings.timestampType == .createTime
        guard readsTimestamps else {
            (earliest, latest) = (.min, .max)
            return
        }
        // Past the end of 64 bits, and where the setting is as large as can be, there is no bound.
        let (first, underflow) = now.milliseconds.subtractingReportingOverflow(settings.timestampBeforeMilliseconds)
        let (last, overflow) = now.milliseconds.addingReportingOverflow(settings.timestampAfterMilliseconds)
        earliest = underflow || settings.timestampBeforeMilliseconds == .max ? .min : first
        latest = overflow || settings.timestampAfterMilliseconds == .max ? .max : last
    }

    /// Looks at what the walk has not seen, and throws where the batch is not to be taken.
    /// - Parameter survey: of the records, where they are not compressed; of all that was opened, afterwards.
    func check(
        _ batch: RecordBatchView, _ survey: inout RecordSurvey, _ window: inout RecordWindow
    ) throws(Refusal) {
        switch batch.header.compression {
        case .some(.none):
            if survey.faultCount == 0 { return }
        case .lz4:
            // From 1970 on: only what lies before can be too old.
            if !needsKeys, earliest <= 0, accepts(batch.header) { return }
        default:
            if accepts(batch.header) { return }
            throw Refusal(
                .invalidTimestamp,
                "the batch has timestamps from \(batch.header.baseTimestamp) to \(batch.header.maxTimestamp): \(bounds)"
            )
        }
        survey = RecordSurvey(collectsFaults: true)
        do throws(BatchError) {
            try window.scan(batch) { record in
                survey.add(record, self)
                return true
            }
        } catch {
            throw Refusal(.corruptBatch(error))
        }
        if survey.faultCount > 0 { throw refusal(survey) }
    }

    /// The latest timestamp that the batch is to say, where it says another: segments are kept, and found, by that.
    func correction(_ header: RecordBatchHeader, _ survey: RecordSurvey) -> Timestamp? {
        readsTimestamps && survey.count > 0 && survey.latest != header.maxTimestamp ? survey.latest : nil
    }

    @inline(__always)
    fileprivate func accepts(_ record: RecordOutline) -> Bool {
        accepts(record.timestamp) && (record.keyByteCount != nil || !needsKeys)
            && (record.keyByteCount ?? 0) <= keyBytesMax && record.headerCount <= headersMax
            && record.headerByteCount <= headerBytesMax
    }

    @inline(__always)
    private func accepts(_ timestamp: Timestamp) -> Bool {
        earliest <= timestamp.milliseconds && timestamp.milliseconds <= latest || timestamp == .none
    }

    /// By its first and its latest time.
    private func accepts(_ header: RecordBatchHeader) -> Bool {
        accepts(header.baseTimestamp) && accepts(header.maxTimestamp)
    }

    // MARK: Refusing

    fileprivate func fault(of record: RecordOutline, at index: Int) -> RecordFault {
        // The key first, as Kafka does.
        guard record.keyByteCount != nil || !needsKeys else {
            return RecordFault(
                code: .invalidRecord, index: index,
                message: "record \(index) has no key: a compacted topic keeps the last record of each key")
        }
        guard record.keyByteCount ?? 0 <= keyBytesMax else {
            return RecordFault(
                code: .invalidRecord, index: index,
                message:
                    "record \(index) has a key of \(record.keyByteCount ?? 0) bytes, over "
                    + "record.key.max.bytes=\(keyBytesMax)")
        }
        guard record.headerCount <= headersMax else {
            return RecordFault(
                code: .invalidRecord, index: index,
                message: "record \(index) has \(record.headerCount) headers, over record.headers.max=\(headersMax)")
        }
        guard record.headerByteCount <= headerBytesMax else {
            return RecordFault(
                code: .invalidRecord, index: index,
                message:
                    "record \(index) has \(record.headerByteCount) bytes of headers, over "
                    + "record.headers.max.bytes=\(headerBytesMax)")
        }
        return RecordFault(
            code: .invalidTimestamp, index: index, message: "record \(index) has timestamp \(record.timestamp)")
    }

    private func refusal(_ survey: RecordSurvey) -> Refusal {
        let isOfTime = survey.faults.contains { $0.code == .invalidTimestamp }
        let advice = isOfTime ? bounds : needsKeys ? keyAdvice : "send smaller records, or raise the limit"
        let rest = survey.faultCount == 1 ? "" : ", and \(survey.faultCount - 1) more records are wrong"
        return Refusal(
            isOfTime ? .invalidTimestamp : .invalidRecord,
            "the batch is refused: \(survey.faults.first?.message ?? "")\(rest): \(advice)", survey.faults)
    }

    private var keyAdvice: String { "give each record a key, or the topic another cleanup.policy" }

    private var bounds: String {
        let span = earliest <= 0 ? "up to \(latest)" : "from \(earliest) to \(latest)"
        return "the topic takes timestamps \(span): set the producer's clock right, or alter the topic's "
            + "message.timestamp.before.max.ms and message.timestamp.after.max.ms"
    }
}

/// A record that keeps its batch from being taken, by its place in that.
struct RecordFault {
    let code: ErrorCode
    let index: Int
    let message: String
}

/// What is known of a batch's records when they have been walked.
struct RecordSurvey {
    private(set) var count = 0
    private(set) var faultCount = 0
    /// The first of them, where that is asked for.
    private(set) var faults: [RecordFault] = []
    /// The latest of the records' timestamps; `none`: no record has one.
    private(set) var latest = Timestamp.none
    private let collectsFaults: Bool

    init(collectsFaults: Bool = false) { self.collectsFaults = collectsFaults }

    @inline(__always)
    mutating func add(_ record: RecordOutline, _ rules: RecordRules) {
        if record.timestamp > latest { latest = record.timestamp }
        if !rules.accepts(record) { addFault(record, rules) }
        count += 1
    }

    private mutating func addFault(_ record: RecordOutline, _ rules: RecordRules) {
        faultCount += 1
        if collectsFaults, faults.count < RecordRules.faultsMax { faults.append(rules.fault(of: record, at: count)) }
    }
}
