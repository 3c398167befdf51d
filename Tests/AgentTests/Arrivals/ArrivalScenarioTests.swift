import APBus
import Agent
import Reservation
import SimulatedBus
import Testing

/// Arrivals and departures that administrators see, played by themselves.
@Suite struct `What rules lock to the host` {
  typealias Kernel = ArrivalCase.Kernel

  private static let lockedAdapter = [
    #"DOMAIN=="0x10", RESERVE="vfio_ap""#, #"ADAPTER=="5", RESERVE:="host", NAME="dm-crypt""#,
  ]
  /// As in the README.
  private static let headline = [
    #"HWTYPE=="13-", DOMAIN=="4|0x47", RESERVE="vfio_ap", NAME="db guests""#,
    #"ADAPTER=="0xa", RESERVE:="host", NAME="dm-crypt""#,
  ]

  private func run(
    _ kernel: Kernel, adapters: [UInt8], domains: [UInt8] = [4, 0x10, 0x47],
    modules: [SimulatedBus.Module] = [.zcryptCex4, .vfioAP], rules: [String]
  ) throws -> ArrivalRun {
    try ArrivalRun(
      ArrivalCase(
        kernel: kernel, domains: domains,
        adapters: adapters.map { ArrivalCase.Adapter(number: $0) },
        modules: modules, rules: rules.map { ArrivalCase.RuleLine($0) }, steps: []))
  }

  /// Nothing was wrong at any moment, and these queues and no others are on `vfio_ap`.
  private func expect(
    _ run: ArrivalRun, reserves names: [String], _ when: Comment,
    at location: SourceLocation = #_sourceLocation
  ) throws {
    #expect(run.violations == [], when, sourceLocation: location)
    let reserved = try InventoryReader(sysfs: run.bus).read().queues.filter { $0.owner == .vfioAP }
    #expect(reserved.map(\.apqn.description) == names, when, sourceLocation: location)
  }

  @Test(arguments: Kernel.allCases)
  func `is the host's when its adapter was away for a second`(kernel: Kernel) throws {
    let run = try run(kernel, adapters: [5, 6, 0xa], rules: Self.lockedAdapter)
    let reserved = kernel.hasOnlyMasks ? [] : ["06.0010", "0a.0010"]
    try expect(run, reserves: reserved, "at the start")
    let refused = run.agent.status.plan?.refusals.map(\.apqn.description)
    #expect(refused == (kernel.hasOnlyMasks ? ["06.0010", "0a.0010"] : []))
    try run.play(.unplug(5))
    try expect(run, reserves: reserved, "while it is away")
    try run.play(.reload(isExplicit: true))
    try expect(run, reserves: reserved, "after a reload")
    try run.play(.restart)
    try expect(run, reserves: reserved, "after a restart")
    try run.play(.plug(ArrivalCase.Adapter(number: 5)))
    try expect(run, reserves: reserved, "when it is back")
    #expect(run.bus.driver(of: APQN(adapter: 5, domain: 0x10)) == DriverName.cex4queue)
  }

  @Test(arguments: Kernel.allCases)
  func `is the host's when its adapter is added late`(kernel: Kernel) throws {
    let run = try run(kernel, adapters: [6, 0xa], rules: Self.lockedAdapter)
    let reserved = kernel.hasOnlyMasks ? [] : ["06.0010", "0a.0010"]
    try expect(run, reserves: reserved, "at the start")
    try run.play(.plug(ArrivalCase.Adapter(number: 5)))
    try expect(run, reserves: reserved, "when it has come")
  }

  @Test(arguments: Kernel.allCases)
  func `is the host's when its domain is added late`(kernel: Kernel) throws {
    let run = try run(
      kernel, adapters: [5, 6], domains: [4, 0x10],
      rules: [#"ADAPTER=="5", RESERVE="vfio_ap""#, #"DOMAIN=="0x47", RESERVE:="host""#])
    let reserved = kernel.hasOnlyMasks ? [] : ["05.0004", "05.0010"]
    try expect(run, reserves: reserved, "at the start")
    try run.play(.addDomain(0x47))
    try expect(run, reserves: reserved, "when it has come")
    try run.play(.removeDomain(0x47))
    try run.play(.addDomain(0x47))
    try expect(run, reserves: reserved, "when it has come again")
  }

  @Test(arguments: Kernel.allCases)
  func `is the host's by the README's rules, whenever the adapter is added`(kernel: Kernel) throws {
    let run = try run(kernel, adapters: [5, 6], rules: Self.headline)
    let reserved =
      kernel.hasOnlyMasks ? [] : ["05.0004", "05.0047", "06.0004", "06.0047"]
    try expect(run, reserves: reserved, "at the start")
    try run.play(.plug(ArrivalCase.Adapter(number: 0xa)))
    try expect(run, reserves: reserved, "when it has come")
    try run.play(.configure(0xa, false))
    try run.play(.configure(0xa, true))
    try expect(run, reserves: reserved, "off and on")
    try run.play(.unplug(0xa))
    try run.play(.plug(ArrivalCase.Adapter(number: 0xa)))
    try expect(run, reserves: reserved, "away and back")
  }

  @Test(arguments: Kernel.allCases)
  func `is the host's when rules match its card only once it is present`(kernel: Kernel) throws {
    let run = try run(
      kernel, adapters: [5],
      rules: [
        #"DOMAIN=="0x10", RESERVE="vfio_ap""#, #"CARD{serialnr}=="S2", RESERVE:="host""#,
      ])
    let reserved = kernel.hasOnlyMasks ? [] : ["05.0010"]
    try expect(run, reserves: reserved, "at the start")
    try run.play(.plug(ArrivalCase.Adapter(number: 6, serial: "S2")))
    try expect(run, reserves: reserved, "when it has come")
  }

  @Test func `is given to the host on the kernel of 2018 although vfio_ap was loaded first`() throws
  {
    let run = try run(
      .bind2018, adapters: [5, 6], domains: [4, 0x10], modules: [.vfioAP, .zcryptCex4],
      rules: [
        #"ADAPTER=="5", RESERVE="vfio_ap""#, #"ADAPTER=="6", RESERVE:="host""#,
        #"ADAPTER=="0xa", DOMAIN=="4", RESERVE:="host""#,
      ])
    try expect(run, reserves: ["05.0004", "05.0010"], "at the start")
    try run.play(.plug(ArrivalCase.Adapter(number: 0xa)))
    // What no rule names is with whoever was first.
    try expect(run, reserves: ["05.0004", "05.0010", "0a.0010"], "when another one has come")
    #expect(run.agent.status.plan?.adopted == [APQN(adapter: 0xa, domain: 0x10)])
    #expect(
      run.history.contains {
        $0.apqn == APQN(adapter: 0xa, domain: 4) && $0.to == .host
      })
  }

  @Test func `stays with a guest that has it on the kernel of 2018`() throws {
    let run = try run(
      .bind2018, adapters: [5], domains: [4, 0x10], modules: [.vfioAP, .zcryptCex4],
      rules: [#"ADAPTER=="6", RESERVE:="host""#])
    try run.play(.assign(APQN(adapter: 5, domain: 4)))
    try run.play(.replaceRules([ArrivalCase.RuleLine(#"ADAPTER=="5", RESERVE:="host""#)]))
    try expect(run, reserves: ["05.0004"], "while a guest has it")
    try run.play(.removeMediatedDevice)
    try expect(run, reserves: [], "after the guest")
  }
}

/// Masks that were exact until something came that nobody has named.
@Suite struct `Masks that an arrival makes wrong` {
  typealias Kernel = ArrivalCase.Kernel

  private func run(_ kernel: Kernel) throws -> ArrivalRun {
    try ArrivalRun(
      ArrivalCase(
        kernel: kernel, domains: [4],
        adapters: [ArrivalCase.Adapter(number: 5), ArrivalCase.Adapter(number: 6)],
        rules: [ArrivalCase.RuleLine(#"DOMAIN=="4", ADAPTER=="5|6", RESERVE="vfio_ap""#)], steps: []
      ))
  }

  /// What comes in a row and what comes in a column: one of the two is taken by whichever masks.
  private func arrive(on run: ArrivalRun) throws {
    try run.play(.plug(ArrivalCase.Adapter(number: 0xa)))
    try run.play(.addDomain(0x10))
  }

  private func reserved(on run: ArrivalRun) throws -> [String] {
    try InventoryReader(sysfs: run.bus).read().queues.filter { $0.owner == .vfioAP }
      .map(\.apqn.description)
  }

  @Test func `give way to overrides where the kernel has them, and all is given back`() throws {
    let run = try run(.automatic72)
    #expect(run.agent.keptChoice?.mechanism == .mask)
    try arrive(on: run)
    #expect(run.violations == [])
    #expect(run.agent.keptChoice?.mechanism == .override)
    #expect(try reserved(on: run) == ["05.0004", "06.0004"])
  }

  @Test func `stay where a guest needs them, and what they took is reported`() throws {
    let run = try run(.automatic72)
    try run.play(.assign(APQN(adapter: 5, domain: 4)))
    try arrive(on: run)
    #expect(run.violations == [])
    #expect(run.agent.keptChoice?.mechanism == .mask)
    #expect(try reserved(on: run).starts(with: ["05.0004"]))
    #expect(run.bus.driver(of: APQN(adapter: 6, domain: 4)) == DriverName.vfioAP)
  }

  @Test(arguments: [Kernel.masks61, .masks72])
  func `report what vfio_ap gets of them when it is loaded`(kernel: Kernel) throws {
    let run = try ArrivalRun(
      ArrivalCase(
        kernel: kernel, domains: [4, 0x47],
        adapters: [ArrivalCase.Adapter(number: 0), ArrivalCase.Adapter(number: 5)],
        modules: [.zcryptCex4],
        rules: [ArrivalCase.RuleLine(#"ADAPTER!="6", RESERVE="vfio_ap""#)], steps: []))
    // What is not wanted any more lies in the row or the column of what still is.
    try run.play(.replaceRules([ArrivalCase.RuleLine(#"APQN=="05.0004", RESERVE="vfio_ap""#)]))
    try run.play(.load(.vfioAP))
    #expect(run.violations == [])
    let taken = try reserved(on: run).filter { $0 != "05.0004" }
    #expect(!taken.isEmpty)
    for name in taken {
      #expect(
        run.history.contains { "\($0.apqn)" == name && $0.to == .vfioAP }, "\(name)")
    }
    // Once is enough.
    let count = run.history.count
    try run.play(.reload(isExplicit: false))
    #expect(run.history.count == count)
  }

  @Test func `stay when rules are missing without a reload, whatever is added again`() throws {
    let run = try run(.automatic72)
    try #require(run.agent.keptChoice?.mechanism == .mask)
    try run.play(.replaceRules([]))
    try run.play(.replug(ArrivalCase.Adapter(number: 5)))
    #expect(try reserved(on: run) == ["05.0004", "06.0004"])
    #expect(run.violations == [])
    try run.play(.reload(isExplicit: true))
    #expect(try reserved(on: run) == [])
    #expect(run.violations == [])
  }

  /// Which card the host is to have cannot be read as long as it has no queue of it.
  @Test func `stay while others are undecidable, and what is added again is reported`() throws {
    let run = try ArrivalRun(
      ArrivalCase(
        kernel: .automatic72, domains: [0x47],
        adapters: [
          ArrivalCase.Adapter(number: 5, serial: "S2"),
          ArrivalCase.Adapter(number: 6, mode: .accelerator),
          ArrivalCase.Adapter(number: 0xa),
        ],
        rules: [ArrivalCase.RuleLine(#"HWTYPE=="13-", RESERVE="vfio_ap""#)], steps: []))
    try #require(run.agent.keptChoice?.mechanism == .mask)
    try run.play(
      .replaceRules([
        ArrivalCase.RuleLine(#"ADAPTER=="5|6", CARD{serialnr}=="S1", RESERVE:="host""#)
      ]))
    let queue = APQN(adapter: 0xa, domain: 0x47)
    #expect(run.agent.status.plan?.refusals.map(\.apqn).contains(queue) == true)
    let count = run.history.count
    try run.play(.replug(ArrivalCase.Adapter(number: 0xa)))
    #expect(run.history.dropFirst(count).map(\.apqn).contains(queue))
    #expect(run.violations == [])
  }

  /// What a guest has keeps masks from being set, and so the host from what comes beside it.
  @Test func `report what rules lock to the host and a guest's column takes`() throws {
    let run = try ArrivalRun(
      ArrivalCase(
        kernel: .masks72, domains: [4], adapters: [ArrivalCase.Adapter(number: 0xa)],
        rules: [ArrivalCase.RuleLine(#"DOMAIN=="4", RESERVE="vfio_ap""#)], steps: []))
    try run.play(.assign(APQN(adapter: 0xa, domain: 4)))
    try run.play(.replaceRules([ArrivalCase.RuleLine(#"ADAPTER!="0xa", RESERVE:="host""#)]))
    try run.play(.plug(ArrivalCase.Adapter(number: 0)))
    #expect(run.violations == [])
    #expect(
      run.history.contains {
        $0.apqn == APQN(adapter: 0, domain: 4) && $0.to == .vfioAP
      })
    try run.play(.removeMediatedDevice)
    #expect(try reserved(on: run) == [])
    #expect(run.violations == [])
  }

  @Test func `report what they took although nothing else is to do`() throws {
    let run = try run(.masks61)
    try arrive(on: run)
    #expect(run.violations == [])
    let taken = try reserved(on: run).filter { !["05.0004", "06.0004"].contains($0) }
    #expect(!taken.isEmpty)
    for name in taken {
      #expect(
        run.history.contains { "\($0.apqn)" == name && $0.to == .vfioAP }, "\(name)")
    }
  }
}

/// Queues whose override was set before any driver was there to take them.
@Suite struct `What is prepared for vfio_ap` {
  typealias Kernel = ArrivalCase.Kernel

  private let queue = APQN(adapter: 5, domain: 4)

  /// The kernel has overrides and no driver of queues, and rules want one adapter of two.
  private func prepared(_ kernel: Kernel = .overrides72) throws -> ArrivalRun {
    let run = try ArrivalRun(
      ArrivalCase(
        kernel: kernel, domains: [4],
        adapters: [ArrivalCase.Adapter(number: 5), ArrivalCase.Adapter(number: 6)], modules: [],
        rules: [ArrivalCase.RuleLine(#"ADAPTER=="5", RESERVE="vfio_ap""#)], steps: []))
    try #require(try driverOverride(on: run) == DriverName.vfioAP)
    return run
  }

  private func driverOverride(on run: ArrivalRun) throws -> String? {
    try InventoryReader(sysfs: run.bus).readQueue(queue)?.driverOverride
  }

  /// Another set of rules for the queue: for the host, locked or not, for another queue, or for no queue.
  private static let otherRules = [
    #"ADAPTER=="5", RESERVE:="host""#, #"ADAPTER=="5", RESERVE="host""#,
    #"ADAPTER=="5", RESERVE="unmanaged""#, #"ADAPTER=="6", RESERVE="vfio_ap""#,
  ]

  @Test(arguments: otherRules)
  func `is not taken when rules have changed before the driver is loaded`(rule: String) throws {
    let run = try prepared()
    try run.play(.replaceRules([ArrivalCase.RuleLine(rule)]))
    #expect(try driverOverride(on: run) == nil)
    try run.play(.load(.vfioAP))
    #expect(run.bus.driver(of: queue) == nil)
    try run.play(.load(.zcryptCex4))
    #expect(run.bus.driver(of: queue) == DriverName.cex4queue)
    #expect(run.violations == [])
  }

  @Test func `is prepared again when rules want it again`() throws {
    let run = try prepared()
    try run.play(.replaceRules([ArrivalCase.RuleLine(Self.otherRules[0])]))
    try run.play(.replaceRules([ArrivalCase.RuleLine(#"ADAPTER=="5", RESERVE="vfio_ap""#)]))
    #expect(try driverOverride(on: run) == DriverName.vfioAP)
    try run.play(.load(.vfioAP))
    #expect(run.bus.driver(of: queue) == DriverName.vfioAP)
    #expect(run.violations == [])
  }

  @Test func `stays prepared when rules are missing without a reload`() throws {
    let run = try prepared()
    try run.play(.replaceRules([]))
    try run.play(.load(.vfioAP))
    #expect(run.bus.driver(of: queue) == DriverName.vfioAP)
    #expect(run.violations == [])
    try run.play(.load(.zcryptCex4))
    try run.play(.reload(isExplicit: true))
    #expect(run.bus.driver(of: queue) == DriverName.cex4queue)
    #expect(run.violations == [])
  }

  @Test func `is not taken when rules are missing after a reload`() throws {
    let run = try prepared()
    try run.play(.replaceRules([]))
    try run.play(.reload(isExplicit: true))
    try run.play(.load(.vfioAP))
    #expect(run.bus.driver(of: queue) == nil)
    #expect(run.violations == [])
  }
}

/// Queues of hardware that `vfio_ap` does not take, in a row or column that masks clear.
@Suite struct `Older hardware beside what is reserved` {
  typealias Kernel = ArrivalCase.Kernel

  @Test(arguments: [
    #"ADAPTER=="0-0xff", RESERVE="host""#, #"HWTYPE=="13-", RESERVE:="host""#,
    #"ADAPTER=="5", RESERVE="unmanaged""#,
  ])
  func `does not keep others from the host when it has no driver`(rule: String) throws {
    let run = try ArrivalRun(
      ArrivalCase(
        kernel: .masks61, domains: [4, 0x10], adapters: [ArrivalCase.Adapter(number: 5)],
        rules: [ArrivalCase.RuleLine(#"DOMAIN=="4", RESERVE="vfio_ap""#)], steps: []))
    try run.play(.plug(ArrivalCase.Adapter(number: 6, type: 9)))
    try #require(run.bus.driver(of: APQN(adapter: 5, domain: 4)) == DriverName.vfioAP)
    try run.play(.replaceRules([ArrivalCase.RuleLine(rule)]))
    #expect(run.violations == [])
    #expect(run.bus.driver(of: APQN(adapter: 5, domain: 4)) == DriverName.cex4queue)
    #expect(run.agent.status.plan?.refusals.isEmpty == true)
  }
}

/// Bits of masks that another process clears.
@Suite struct `What another process has taken by masks` {
  typealias Kernel = ArrivalCase.Kernel

  /// The queue that kept a request from being fulfilled is not the host's any more, here or not.
  @Test(arguments: [Kernel.masks61, .masks72], [false, true])
  func `keeps no request from being fulfilled`(kernel: Kernel, isAbsent: Bool) throws {
    let run = try ArrivalRun(
      ArrivalCase(
        kernel: kernel, domains: [4, 0x10],
        adapters: [ArrivalCase.Adapter(number: 0), ArrivalCase.Adapter(number: 0xa)],
        rules: [
          ArrivalCase.RuleLine(#"ADAPTER=="0xa", DOMAIN=="0x10", RESERVE="vfio_ap""#),
          ArrivalCase.RuleLine(#"ADAPTER=="0xa", DOMAIN=="4", RESERVE:="host""#),
        ], steps: []))
    let request = APQN(adapter: 0xa, domain: 0x10)
    try #require(run.bus.driver(of: request) == DriverName.cex4queue)
    if isAbsent {
      try run.play(.unplugQueue(APQN(adapter: 0, domain: 0x10)))
      #expect(run.bus.driver(of: request) == DriverName.cex4queue)
    }
    try run.play(.clearAdapterBit(0))
    #expect(run.bus.driver(of: request) == DriverName.vfioAP)
    #expect(run.violations == [])
  }
}

/// A card that is another one when it comes back under the same number.
@Suite struct `A request that another card makes possible` {
  @Test func `is fulfilled as any other from then on`() throws {
    let run = try ArrivalRun(
      ArrivalCase(
        kernel: .masks61, domains: [4, 0x2f],
        adapters: [
          ArrivalCase.Adapter(number: 6, serial: "S2"), ArrivalCase.Adapter(number: 0xa, type: 9),
        ],
        rules: [
          ArrivalCase.RuleLine(#"CARD{serialnr}=="S1", RESERVE="vfio_ap""#),
          ArrivalCase.RuleLine(#"DOMAIN=="0x2f", RESERVE="vfio_ap""#),
        ], steps: []))
    let request = APQN(adapter: 6, domain: 0x2f)
    try #require(run.bus.driver(of: request) == DriverName.cex4queue)
    try run.play(.replug(ArrivalCase.Adapter(number: 6, serial: "S1")))
    #expect(run.bus.driver(of: request) == DriverName.vfioAP)
    try run.play(.removeDomain(4))
    try run.play(.plug(ArrivalCase.Adapter(number: 6, type: 11, serial: "S2")))
    #expect(run.bus.driver(of: request) == DriverName.vfioAP)
    #expect(run.violations == [])
  }
}
