// swift-tools-version: 6.2

import PackageDescription

// The Makefile sets this: a warning stops its builds, but not those of people with a newer compiler. It
// does not reach the packages that this one depends on.
let stopsAtWarnings = Context.environment["APRESERVE_WARNINGS"] == "error"

// `make fuzz` sets this: a program that libFuzzer drives, which needs its own way of building.
let hasFuzzer = Context.environment["APRESERVE_FUZZER"] != nil

let swiftSettings: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
  ] + (stopsAtWarnings ? [.treatAllWarnings(as: .error)] : [])

// Checked library calls need an optimising compiler. The stack protector is an option of the compiler,
// which a package that others depend on may not set; the Makefile sets it for the programs.
let cSettings: [CSetting] =
  [
    .enableWarning("all"), .enableWarning("extra"),
    .define("_FORTIFY_SOURCE", to: "2", .when(configuration: .release)),
  ]
  + (stopsAtWarnings ? [.treatAllWarnings(as: .error)] : [])

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

// A target sees exactly the modules that its row names, and every row names only rows above it, so an import
// upward does not compile. The rows of a group depend on the groups before it.
let cTargets: [Target] = [
  .target(name: "CLinux"),
  .target(name: "CUeventInjection"),
  .target(name: "CFuse"),
]
let systemLibraries: [Target] = [
  .systemLibrary(name: "CUdev", pkgConfig: "libudev", providers: [.apt(["libudev-dev"])]),
  .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
]
let pureTargets: [Target] = [
  .target(name: "APBus"),
  .target(name: "Uevents", dependencies: ["APBus"]),
  .target(name: "JSONText"),
  .target(name: "ReservationRules", dependencies: ["APBus"]),
  .target(name: "Reservation", dependencies: ["APBus", "JSONText", "ReservationRules"]),
  .target(
    name: "Snapshots", dependencies: ["APBus", "JSONText", "ReservationRules", "Reservation"]),
  .target(
    name: "Agent", dependencies: ["APBus", "Uevents", "ReservationRules", "Reservation"]),
  .target(
    name: "Reports",
    dependencies: ["APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "Agent"]),
  .target(name: "SimulatedBus", dependencies: ["APBus", "Uevents"]),
  .target(
    name: "Replay",
    dependencies: [
      "APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "Agent", "Reports",
      "SimulatedBus",
    ]),
]
let systemTargets: [Target] = [
  .target(
    name: "HostSystem",
    dependencies: [
      "APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "Agent", "CUdev",
      "CSystemd", "CLinux",
    ]),
  .target(
    name: "Daemon",
    dependencies: [
      "APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "Snapshots", "Agent",
      "Reports", "HostSystem",
    ],
    resources: [
      .embedInCode("Varlink/org.apreserve.varlink"),
      .embedInCode("Varlink/org.varlink.service.varlink"),
    ]),
]
let programs: [Target] = [
  .executableTarget(
    name: "apreserve",
    dependencies: [
      "APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "Snapshots", "Agent",
      "Reports", "SimulatedBus", "Replay", "HostSystem", "Daemon", "CLinux", argumentParser,
    ]),
  .executableTarget(
    name: "apreserve-simfs",
    dependencies: [
      "APBus", "Uevents", "Snapshots", "SimulatedBus", "HostSystem", "CFuse", "CUeventInjection",
      "CLinux", argumentParser,
    ]),
]

let testSupport: [Target] = [
  .target(name: "TestSupport", path: "Tests/TestSupport"),
  .target(
    name: "HostTestSupport", dependencies: ["Uevents", "CUeventInjection", "TestSupport"],
    path: "Tests/HostTestSupport"),
  .executableTarget(
    name: "benchmarks",
    dependencies: [
      "APBus", "ReservationRules", "Reservation", "Snapshots", "SimulatedBus", "TestSupport",
    ]),
  .executableTarget(
    name: "host-benchmarks",
    dependencies: [
      "APBus", "Uevents", "SimulatedBus", "HostSystem", "Daemon", "CUdev", "CUeventInjection",
      "TestSupport", "HostTestSupport",
    ]),
  .target(
    name: "Walks", dependencies: ["APBus", "Uevents", "SimulatedBus", "TestSupport"],
    path: "Tests/Walks"),
  .target(
    name: "FuzzTargets",
    dependencies: [
      "APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "Snapshots",
      "SimulatedBus", "Replay", "HostSystem", "Daemon", "CUeventInjection",
    ],
    path: "Tests/FuzzTargets"),
  .executableTarget(
    name: "portability-check",
    dependencies: [
      "APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "Snapshots", "Reports",
      "SimulatedBus", "HostSystem", "Daemon", "FuzzTargets", "TestSupport", "Walks",
    ],
    path: "Tests/PortabilityCheck"),
  .executableTarget(
    name: "crash-agent",
    dependencies: ["APBus", "ReservationRules", "Reservation", "Agent", "HostSystem"],
    path: "Tests/CrashAgent"),
]
let fuzzer: Target = .executableTarget(
  name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Sources")

let tests: [Target] = [
  .testTarget(name: "APBusTests", dependencies: ["APBus", "TestSupport"]),
  .testTarget(name: "UeventsTests", dependencies: ["Uevents", "TestSupport"]),
  .testTarget(
    name: "ReservationRulesTests",
    dependencies: ["APBus", "ReservationRules", "benchmarks", "TestSupport"]),
  .testTarget(
    name: "ReservationTests",
    dependencies: ["APBus", "JSONText", "ReservationRules", "Reservation", "TestSupport"]),
  .testTarget(
    name: "SnapshotsTests",
    dependencies: ["APBus", "JSONText", "ReservationRules", "Reservation", "Snapshots"]),
  .testTarget(
    name: "SimulatedBusTests",
    dependencies: ["APBus", "Uevents", "SimulatedBus", "TestSupport", "Walks"],
    exclude: ["README.md"]),
  .testTarget(
    name: "AgentTests",
    dependencies: [
      "APBus", "Uevents", "ReservationRules", "Reservation", "SimulatedBus", "Agent",
      "TestSupport",
    ]),
  .testTarget(
    name: "ReportsTests",
    dependencies: [
      "APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "SimulatedBus", "Agent",
      "Reports", "Replay", "TestSupport",
    ]),
  .testTarget(
    name: "ReplayTests",
    dependencies: [
      "APBus", "Uevents", "Snapshots", "ReservationRules", "Reservation", "SimulatedBus", "Agent",
      "Replay",
      "TestSupport",
    ]),
  .testTarget(
    name: "KernelBedTests",
    dependencies: [
      "APBus", "Snapshots", "ReservationRules", "Reservation", "SimulatedBus", "TestSupport",
    ]),
  .testTarget(
    name: "HostSystemTests",
    dependencies: [
      "APBus", "Uevents", "ReservationRules", "Reservation", "Agent", "HostSystem",
      "CUeventInjection", "TestSupport", "HostTestSupport",
    ]),
  .testTarget(
    name: "DaemonTests",
    dependencies: [
      "APBus", "Uevents", "JSONText", "ReservationRules", "Reservation", "Snapshots",
      "SimulatedBus", "Agent", "Reports", "HostSystem", "Daemon", "CUeventInjection",
      "TestSupport", "HostTestSupport",
    ]),
  .testTarget(
    name: "CrashTests",
    dependencies: ["APBus", "SimulatedBus", "Uevents", "crash-agent", "TestSupport"]),
  .testTarget(name: "PortabilityTests", dependencies: ["portability-check", "TestSupport"]),
  .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "TestSupport"]),
  .testTarget(
    name: "PackagingTests",
    dependencies: ["apreserve", "apreserve-simfs", "HostSystem", "Daemon", "TestSupport"]),
  .testTarget(
    name: "CommandTests",
    dependencies: [
      "apreserve", "apreserve-simfs", "APBus", "JSONText", "Reservation", "Reports", "HostSystem",
      "TestSupport", "HostTestSupport", "CUeventInjection", "Uevents",
    ]),
]

let swiftTargets =
  pureTargets + systemTargets + programs + testSupport + (hasFuzzer ? [fuzzer] : []) + tests
for target in swiftTargets { target.swiftSettings = swiftSettings }
for target in cTargets { target.cSettings = cSettings }

let package = Package(
  name: "apreserve",
  products: [
    .executable(name: "apreserve", targets: ["apreserve"]),
    .executable(name: "apreserve-simfs", targets: ["apreserve-simfs"]),
    .library(name: "SimulatedBus", targets: ["SimulatedBus", "Uevents", "APBus"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: cTargets + systemLibraries + swiftTargets
)
