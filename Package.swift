// swift-tools-version: 6.2
import PackageDescription

// One set of settings for every target: the language as strict as it gets.
// `Lifetimes` is what `~Escapable` views over borrowed bytes need (RecordBatchView, RecordCursor).
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "martlet",
    products: [
        .library(name: "EventLog", targets: ["EventLog"]),
        .library(name: "KafkaClient", targets: ["KafkaClient"]),
        .executable(name: "martlet", targets: ["martlet"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Dependencies point only downward: a target may name only targets that stand above it in this list.
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .target(name: "CInstructions"),
        .target(name: "CSystemCalls"),
        .target(name: "RecordFormat", dependencies: ["CLZ4", "CInstructions"], swiftSettings: settings),
        .target(name: "Storage", dependencies: ["CSystemCalls"], swiftSettings: settings),
        .target(name: "EventLog", dependencies: ["RecordFormat", "Storage", logging], swiftSettings: settings),
        .target(name: "KafkaProtocol", dependencies: [nioCore], swiftSettings: settings),
        .target(name: "GroupCoordination", swiftSettings: settings),
        .target(
            name: "Broker",
            dependencies: ["EventLog", "KafkaProtocol", "GroupCoordination", "Storage", nioCore, nioPosix, logging],
            swiftSettings: settings),
        .target(
            name: "KafkaClient",
            dependencies: ["RecordFormat", "KafkaProtocol", nioCore, nioPosix, logging],
            swiftSettings: settings),
        .target(name: "Fleet", swiftSettings: settings),
        .target(
            name: "LoadGenerator",
            dependencies: ["CSystemCalls", "RecordFormat", "Storage", "KafkaProtocol", "Fleet", nioCore, histogram],
            swiftSettings: settings),
        .executableTarget(
            name: "martlet",
            dependencies: [
                "RecordFormat", "Storage", "EventLog", "Broker", "KafkaClient", "Fleet", "LoadGenerator",
                argumentParser, logging, lifecycle, signals,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "WriteTelemetry", dependencies: ["EventLog"], path: "Examples/WriteTelemetry", swiftSettings: settings
        ),
        // README's program, as it stands there: tools/check compares the two.
        .executableTarget(
            name: "TenLines", dependencies: ["EventLog"], path: "Examples/TenLines", swiftSettings: settings),
        // That of docs/GROUPS.md.
        .executableTarget(
            name: "GroupReplay", dependencies: ["EventLog"], path: "Examples/GroupReplay", swiftSettings: settings),
        // Those of docs/CLIENT.md.
        .executableTarget(
            name: "AnyCluster", dependencies: ["KafkaClient"], path: "Examples/AnyCluster", swiftSettings: settings),
        .executableTarget(
            name: "GroupMember", dependencies: ["KafkaClient"], path: "Examples/GroupMember", swiftSettings: settings),

        .target(
            name: "TestSupport",
            dependencies: ["RecordFormat", "Storage", logging],
            path: "Tests/TestSupport", swiftSettings: settings),
        // The engine on a simulated disk, by thousands of random lives: tools/simulate.
        .target(
            name: "Simulation",
            dependencies: ["EventLog", "RecordFormat", "Storage", "TestSupport", logging],
            path: "Tests/Simulation", swiftSettings: settings),
        .executableTarget(
            name: "simulate", dependencies: ["Simulation", "TestSupport"], path: "Tests/Simulate",
            swiftSettings: settings),
        .target(
            name: "BrokerTestSupport",
            dependencies: ["Broker", "EventLog", "TestSupport", logging],
            path: "Tests/BrokerTestSupport", swiftSettings: settings),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "RecordFormat", "Storage", "EventLog", "KafkaProtocol", "GroupCoordination", "TestSupport", nioCore,
                logging,
            ],
            path: "Tests/FuzzTargets", swiftSettings: settings),
        .testTarget(
            name: "RecordFormatTests", dependencies: ["RecordFormat", "CLZ4", "CInstructions", "TestSupport"],
            swiftSettings: settings),
        .testTarget(name: "StorageTests", dependencies: ["Storage", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "EventLogTests", dependencies: ["EventLog", "Storage", "TestSupport", "Simulation", logging],
            swiftSettings: settings),
        .testTarget(
            name: "KafkaProtocolTests", dependencies: ["KafkaProtocol", "TestSupport", nioCore],
            swiftSettings: settings),
        .testTarget(
            name: "GroupCoordinationTests", dependencies: ["GroupCoordination", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "FleetTests", dependencies: ["Fleet"], swiftSettings: settings),
        .testTarget(
            name: "LoadGeneratorTests", dependencies: ["LoadGenerator", "RecordFormat", "Fleet", nioCore],
            swiftSettings: settings),
        .testTarget(
            name: "BrokerTests",
            dependencies: [
                "Broker", "Storage", "EventLog", "KafkaProtocol", "CLZ4", "TestSupport", "BrokerTestSupport", nioCore,
                nioPosix, logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "KafkaClientTests",
            dependencies: [
                "KafkaClient", "KafkaProtocol", "Broker", "EventLog", "TestSupport", "BrokerTestSupport", nioCore,
                nioPosix, nioEmbedded, logging,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MartletTests",
            dependencies: [
                "martlet", "RecordFormat", "Storage", "EventLog", "Broker", "KafkaClient", "Fleet", "LoadGenerator",
                "TestSupport", "BrokerTestSupport", argumentParser, logging,
            ],
            swiftSettings: settings),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets"], swiftSettings: settings),
    ]
)

// libFuzzer has a main of its own, so that this links with `-sanitize=fuzzer` alone: see tools/fuzz.
if Context.environment["MARTLET_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz",
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}

// The micro benchmarks measure what other packages do not see, so they belong to this one; who uses the log does not fetch
// what they are made with. See tools/bench-micro.
if Context.environment["MARTLET_MICRO"] != nil {
    // Without traits: it would replace malloc, to count allocations.
    package.dependencies.append(.package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []))
    package.targets += [
        // As in Benchmarks/Package.swift.
        .target(
            name: "Yardstick", dependencies: ["CLZ4"], path: "Benchmarks/Sources/Yardstick",
            cSettings: [.unsafeFlags(["-O2"])]),
        .executableTarget(
            name: "martlet-micro",
            dependencies: [
                "RecordFormat", "EventLog", "KafkaProtocol", "Yardstick", nioCore,
                .product(name: "Benchmark", package: "benchmark"),
            ],
            path: "Benchmarks/Benchmarks/martlet-micro", swiftSettings: settings),
    ]
}
