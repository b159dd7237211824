import ArgumentParser

struct GroupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "group",
        abstract: "Shows how far consumer groups are, and moves them.",
        discussion: """
            What moves a group prints its plan first and does it with --execute, all of it or nothing. All commands work on \
            a broker that runs, and with --data on the directory of one that does not.

            EXAMPLES
              martlet group list
              martlet group describe analytics
              martlet group lag analytics --watch
              martlet group reset analytics --to -2h --execute
              martlet group undo analytics --execute
              martlet group history analytics --changes-only
              martlet group snapshot analytics > analytics.csv
            """,
        subcommands: [
            GroupList.self, GroupDescribe.self, GroupLag.self, GroupReset.self, GroupHistory.self, GroupUndo.self,
            GroupSnapshot.self, GroupRestore.self, GroupDiff.self, GroupCopy.self, GroupDelete.self,
            GroupDeleteOffsets.self,
        ])
}
