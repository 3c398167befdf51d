// swift-tools-version: 6.2

import PackageDescription

// A separate project: a small program for crypto queues, and its tests on the simulated bus. It
// sees of apreserve what the library product offers, no more. `make check-library` builds and runs it.
//
// Another project names the package by its address instead of a path, and the package as `apreserve`.
let package = Package(
  name: "queue-return",
  dependencies: [.package(name: "apreserve", path: "../..")],
  targets: [
    .target(
      name: "QueueReturn",
      dependencies: [.product(name: "SimulatedBus", package: "apreserve")]),
    .testTarget(name: "QueueReturnTests", dependencies: ["QueueReturn"]),
  ]
)
