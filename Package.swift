// swift-tools-version: 6.2

import PackageDescription

// The Makefile sets this: a warning stops us, but not those who build with a newer compiler. It does not
// reach the packages that this one depends on.
let stopsAtWarnings = Context.environment["APRESERVE_WARNINGS"] == "error"

// `make fuzz` sets this: a program that libFuzzer drives, which needs its own way of building.
let hasFuzzer = Context.environment["APRESERVE_FUZZER"] != nil

let settings: [SwiftSetting] =
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

// Lower targets know nothing of higher ones: a target sees exactly the modules named in its row, so an
// import upward does not compile. The rows stand in that order.
let package = Package(
  name: "apreserve",
  products: [
    .executable(name: "apreserve", targets: ["apreserve"]),
    .executable(name: "apreserve-simfs", targets: ["apreserve-simfs"]),
    .library(
      name: "SimulatedBus",
      targets: ["SimulatedBus", "Scenarios", "Sysfs", "Uevents", "AdjunctProcessor"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "AdjunctProcessor", swiftSettings: settings),
    .target(name: "Uevents", swiftSettings: settings),
    .target(name: "Sysfs", dependencies: ["AdjunctProcessor"], swiftSettings: settings),
    .target(name: "JSONText", swiftSettings: settings),
    .target(
      name: "HostConfiguration", dependencies: ["AdjunctProcessor", "JSONText"],
      swiftSettings: settings),
    .target(name: "ReservationRules", dependencies: ["AdjunctProcessor"], swiftSettings: settings),
    .target(
      name: "Reservation",
      dependencies: ["AdjunctProcessor", "HostConfiguration", "ReservationRules"],
      swiftSettings: settings),
    .target(
      name: "Snapshots",
      dependencies: ["AdjunctProcessor", "JSONText", "HostConfiguration", "Reservation"],
      swiftSettings: settings),
    .target(
      name: "Configuration", dependencies: ["AdjunctProcessor", "ReservationRules", "Reservation"],
      swiftSettings: settings),
    .target(
      name: "SimulatedBus", dependencies: ["AdjunctProcessor", "Uevents", "Sysfs"],
      swiftSettings: settings),
    .target(
      name: "Scenarios", dependencies: ["AdjunctProcessor", "Uevents", "Sysfs", "SimulatedBus"],
      swiftSettings: settings),
    .target(
      name: "SysfsTree",
      dependencies: ["AdjunctProcessor", "Sysfs", "SimulatedBus"], swiftSettings: settings),
    .target(
      name: "Agent",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "HostConfiguration", "ReservationRules",
        "Reservation",
      ],
      swiftSettings: settings),
    .target(
      name: "Replay",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "HostConfiguration", "ReservationRules",
        "Reservation", "SimulatedBus", "Scenarios", "Agent",
      ],
      swiftSettings: settings),
    .target(
      name: "Reports",
      dependencies: [
        "AdjunctProcessor", "Uevents", "JSONText", "Sysfs", "HostConfiguration",
        "ReservationRules", "Reservation", "Configuration", "SimulatedBus", "Scenarios", "Agent",
        "Replay",
      ],
      swiftSettings: settings),
    .target(name: "CLinux", cSettings: cSettings),
    .systemLibrary(
      name: "CUdev", pkgConfig: "libudev", providers: [.apt(["libudev-dev"])]),
    .systemLibrary(
      name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    .target(
      name: "HostSystem",
      dependencies: [
        "AdjunctProcessor", "Uevents", "JSONText", "Sysfs", "HostConfiguration",
        "ReservationRules", "Reservation", "Configuration", "Agent", "CUdev", "CSystemd", "CLinux",
      ],
      swiftSettings: settings),
    .target(
      name: "Varlink", dependencies: ["JSONText"],
      resources: [
        .embedInCode("org.apreserve.varlink"), .embedInCode("org.varlink.service.varlink"),
      ], swiftSettings: settings),
    .target(
      name: "Daemon",
      dependencies: [
        "AdjunctProcessor", "Uevents", "JSONText", "Sysfs", "HostConfiguration",
        "ReservationRules", "Reservation", "Configuration", "Agent", "Reports", "HostSystem",
        "Varlink",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "apreserve",
      dependencies: [
        "AdjunctProcessor", "Uevents", "JSONText", "Sysfs", "HostConfiguration",
        "ReservationRules", "Reservation", "Configuration", "Snapshots", "SimulatedBus",
        "Scenarios", "Agent", "Replay", "Reports", "HostSystem", "Varlink", "Daemon", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    .target(name: "CUeventInjection", cSettings: cSettings),
    .systemLibrary(
      name: "CFuse", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
    .executableTarget(
      name: "apreserve-simfs",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "Snapshots", "SimulatedBus", "Scenarios",
        "SysfsTree", "HostSystem", "CFuse", "CUeventInjection", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "benchmarks",
      dependencies: ["AdjunctProcessor", "Sysfs", "ReservationRules", "SimulatedBus"],
      swiftSettings: settings),
    .executableTarget(
      name: "host-benchmarks",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "Configuration", "SimulatedBus", "HostSystem",
        "Varlink", "Daemon", "CUdev", "CUeventInjection",
      ],
      swiftSettings: settings),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
    .testTarget(
      name: "AdjunctProcessorTests", dependencies: ["AdjunctProcessor"],
      swiftSettings: settings),
    .testTarget(
      name: "UeventsTests", dependencies: ["Uevents", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "SysfsTests", dependencies: ["AdjunctProcessor", "Sysfs"],
      swiftSettings: settings),
    .testTarget(
      name: "HostConfigurationTests",
      dependencies: ["AdjunctProcessor", "JSONText", "HostConfiguration"],
      swiftSettings: settings),
    .testTarget(
      name: "SnapshotsTests",
      dependencies: [
        "AdjunctProcessor", "JSONText", "HostConfiguration", "Reservation", "Snapshots",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ReservationRulesTests",
      dependencies: [
        "AdjunctProcessor", "ReservationRules", "benchmarks", "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ReservationTests",
      dependencies: [
        "AdjunctProcessor", "HostConfiguration", "ReservationRules", "Reservation", "TestSupport",
      ],
      swiftSettings: settings),
    .target(
      name: "Walks",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "SimulatedBus", "Scenarios", "TestSupport",
      ],
      path: "Tests/Walks", swiftSettings: settings),
    .testTarget(
      name: "SimulatedBusTests",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "SimulatedBus", "Scenarios", "TestSupport", "Walks",
      ],
      exclude: ["README.md"], swiftSettings: settings),
    .testTarget(
      name: "ScenariosTests",
      dependencies: ["AdjunctProcessor", "Sysfs", "SimulatedBus", "Scenarios", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "SysfsTreeTests",
      dependencies: ["AdjunctProcessor", "Sysfs", "SimulatedBus", "SysfsTree"],
      swiftSettings: settings),
    .testTarget(
      name: "AgentTests",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "HostConfiguration", "ReservationRules",
        "Reservation", "SimulatedBus", "Agent", "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ReplayTests",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "ReservationRules", "Reservation", "SimulatedBus",
        "Agent", "Replay", "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ReportsTests",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "JSONText", "HostConfiguration",
        "ReservationRules", "Reservation", "SimulatedBus", "Agent", "Replay", "Reports",
        "TestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "KernelBedTests",
      dependencies: [
        "AdjunctProcessor", "Sysfs", "Snapshots", "ReservationRules", "Reservation",
        "SimulatedBus", "TestSupport",
      ],
      swiftSettings: settings),
    .target(
      name: "HostTestSupport", dependencies: ["Uevents", "HostSystem", "CUeventInjection"],
      path: "Tests/HostTestSupport", swiftSettings: settings),
    .testTarget(
      name: "HostSystemTests",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "HostConfiguration", "ReservationRules",
        "Reservation", "Agent", "HostSystem", "CUeventInjection", "TestSupport", "HostTestSupport",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "ConfigurationTests",
      dependencies: ["AdjunctProcessor", "Reservation", "Configuration", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "VarlinkTests", dependencies: ["JSONText", "Varlink"], swiftSettings: settings),
    .testTarget(
      name: "DaemonTests",
      dependencies: [
        "AdjunctProcessor", "Uevents", "JSONText", "Sysfs", "ReservationRules", "Reservation",
        "SimulatedBus", "Configuration", "Agent", "HostSystem", "Varlink", "Daemon",
        "CUeventInjection",
        "TestSupport", "HostTestSupport",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "crash-agent",
      dependencies: [
        "AdjunctProcessor", "Sysfs", "ReservationRules", "Reservation", "Agent", "HostSystem",
      ],
      path: "Tests/CrashAgent", swiftSettings: settings),
    .testTarget(
      name: "CrashTests",
      dependencies: [
        "AdjunctProcessor", "Sysfs", "SimulatedBus", "crash-agent", "TestSupport",
      ],
      swiftSettings: settings),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "JSONText", "HostConfiguration",
        "ReservationRules", "Reservation", "Snapshots", "Scenarios", "Replay", "SimulatedBus",
        "Configuration", "Varlink", "HostSystem", "CUeventInjection",
      ],
      path: "Tests/FuzzTargets", swiftSettings: settings),
    .executableTarget(
      name: "portability-check",
      dependencies: [
        "AdjunctProcessor", "Uevents", "Sysfs", "JSONText", "HostConfiguration",
        "ReservationRules", "Reservation", "Snapshots", "SimulatedBus", "Reports", "HostSystem",
        "Varlink", "FuzzTargets", "TestSupport", "Walks",
      ],
      path: "Tests/PortabilityCheck", swiftSettings: settings),
    .testTarget(
      name: "PortabilityTests",
      dependencies: ["portability-check", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "FuzzTests", dependencies: ["FuzzTargets", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "PackagingTests",
      dependencies: ["apreserve", "apreserve-simfs", "Configuration", "Daemon", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "apreserve", "apreserve-simfs", "JSONText", "Configuration", "HostSystem", "TestSupport",
        "HostTestSupport", "CUeventInjection", "Uevents",
      ],
      swiftSettings: settings),
  ]
    + (hasFuzzer
      ? [
        .executableTarget(
          name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Sources",
          swiftSettings: settings)
      ] : [])
)
