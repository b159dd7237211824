// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

// A package of its own, so that nobody who uses the log builds its benchmarks.
let package = Package(
    name: "martlet-benchmarks",
    dependencies: [
        .package(name: "martlet", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .systemLibrary(name: "CLZ4Yardstick", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CEpoll"),
        .target(name: "Yardstick", dependencies: ["CLZ4Yardstick"], cSettings: [.unsafeFlags(["-O2"])]),
        .executableTarget(
            name: "martlet-bench",
            dependencies: [
                "CEpoll", "Yardstick", .product(name: "EventLog", package: "martlet"),
                // The broker that is measured: built along, not linked.
                .product(name: "martlet", package: "martlet"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
    ]
)
