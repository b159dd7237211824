import Testing

@testable import martlet

@Suite("Settings by which records go")
struct DeletingSettingsTests {
    @Test("a change of the broker that may delete of every topic is named, one that keeps all is not")
    func among() {
        let change = [
            "log.retention.ms": "1000", "log.retention.bytes": "-1", "log.record.ttl.headers": "false",
            "num.partitions": "3",
        ]
        #expect(DeletingSettings.among(change, reset: []) == ["log.retention.ms"])
        #expect(DeletingSettings.among(["num.partitions": "3"], reset: ["max.connections"]).isEmpty)
        #expect(
            DeletingSettings.among(["log.cleanup.policy": "compact"], reset: ["retention.total.bytes"])
                == ["log.cleanup.policy", "retention.total.bytes"])
    }
}
