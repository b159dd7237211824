import Logging
import Testing

@testable import martlet

@Suite("Warnings")
struct WarningLinesTests {
    @Test("a warning of the client is one line: what it is, the error, and the rest")
    func line() {
        let line = WarningLines.line("no broker", ["error": "refused", "partitions": "3", "at": "a:1"])
        #expect(line == "martlet: no broker: refused (at a:1, partitions 3)")
        let bare = WarningLines.line("slow", [:])
        #expect(bare == "martlet: slow")
    }
}
