import APBus
import Reservation
import Testing

private let row = #"ADAPTER=="1", RESERVE="vfio_ap""#
private let lShape = #"ADAPTER=="1", RESERVE="vfio_ap""# + "\n" + #"DOMAIN=="5", RESERVE="vfio_ap""#
private let uuid = "11111111-2222-3333-4444-555555555555"
private let callout = "/usr/lib/mdevctl/scripts.d/callouts/ap-check"

extension Machine {
  /// Adapters 1 and 2, domains 4 and 5, on a kernel with masks and overrides.
  fileprivate static let plain = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)

  /// Adapter 1 reserved by a mask, of which apreserve has cleared the bit.
  fileprivate static var masked: Machine {
    var machine = plain
    machine.clear(adapters: [1])
    machine.ownership = Ownership(adapters: [1], mechanism: .mask)
    return machine
  }

  /// These queues reserved by overrides, which apreserve has set.
  fileprivate static func overridden(_ names: [String]) throws -> Machine {
    var machine = plain
    machine.ownership = Ownership(
      queues: Set(names.compactMap { APQN($0) }), mechanism: .override)
    for name in names {
      try machine.set(name, driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    }
    return machine
  }

  fileprivate mutating func addDevice(
    adapters: APMask, domains: APMask, uuid: String = uuid
  ) {
    inventory.mediatedDevices.append(
      MediatedDevice(uuid: uuid, adapters: adapters, domains: domains))
  }

  /// The plan of a changeover, as a person asks for it.
  fileprivate func changeover(to target: Mechanism, _ rules: String = row) throws -> Plan {
    var machine = self
    machine.context.changeover = target
    return try machine.plan(target, rules)
  }

  /// The machine after what a changeover puts on record, as one that was interrupted there leaves it.
  fileprivate func begun(_ target: Mechanism, _ rules: String = row) throws -> Machine {
    var machine = self
    for change in ownership.changes(
      toChangeOverTo: target, on: inventory, by: try decisions(rules))
    {
      machine.ownership.apply(change)
    }
    return machine
  }

  /// The mechanism that is chosen without anybody asking.
  fileprivate func choice(_ rules: String = row) throws -> MechanismChoice {
    try MechanismChoice(planner: planner(rules))
  }
}

extension Plan {
  /// The queues of refusals with the reasons in one word.
  fileprivate var reasons: [String] { refusals.map { "\($0.apqn) \($0.reason)" } }
}

@Suite struct `A changeover from masks to overrides` {
  @Test func `sets the masks back and takes queue by queue, and shows both`() throws {
    let plan = try Machine.masked.changeover(to: .override)
    #expect(!plan.refusesChangeover && plan.refusals.isEmpty && plan.leavesMasks)
    #expect(
      plan.writes == [
        "\(APMask.all) > /sys/bus/ap/apmask",
        "vfio_ap > /sys/devices/ap/card01/01.0004/driver_override",
        "01.0004 > /sys/bus/ap/drivers/cex4queue/unbind", "01.0004 > /sys/bus/ap/drivers_probe",
        "vfio_ap > /sys/devices/ap/card01/01.0005/driver_override",
        "01.0005 > /sys/bus/ap/drivers/cex4queue/unbind", "01.0005 > /sys/bus/ap/drivers_probe",
      ])
    #expect(
      plan.moves == [
        "01.0004 vfio_ap>host sideEffect", "01.0004 host>vfio_ap wanted",
        "01.0005 vfio_ap>host sideEffect", "01.0005 host>vfio_ap wanted",
      ])
    #expect(plan.warnings.contains(.leavesMasks))
  }

  @Test func `takes over the masks of another tool where rules decide about all that they reserve`()
    throws
  {
    var machine = Machine.masked
    machine.ownership.adapters = []
    #expect(try machine.changeover(to: .override) == Machine.masked.changeover(to: .override))
    // What rules keep for the host becomes the host's.
    let plan = try machine.changeover(
      to: .override,
      #"APQN=="01.0004", RESERVE="vfio_ap""# + "\n" + #"APQN=="01.0005", RESERVE="host""#)
    #expect(
      plan.moves == [
        "01.0004 vfio_ap>host sideEffect", "01.0004 host>vfio_ap wanted",
        "01.0005 vfio_ap>host givenBack",
      ])
  }

  @Test func `has nothing to write where nothing is reserved`() throws {
    let plan = try Machine.plain.changeover(to: .override, "")
    #expect(plan.isEmpty && !plan.refusesChangeover)
  }

  struct Obstacle: CustomTestStringConvertible {
    var testDescription: String
    var rules = row
    var change: @Sendable (inout Machine) throws -> Void
    /// What is refused, each with a part of the sentence.
    var refusals: [(String, String)]

    init(
      _ name: String, rules: String = row, refusing refusals: [(String, String)],
      _ change: @escaping @Sendable (inout Machine) throws -> Void
    ) {
      testDescription = name
      self.rules = rules
      self.refusals = refusals
      self.change = change
    }

    static let all = [
      Obstacle(
        "a mediated device has a queue",
        refusing: [("01.0004", #"mediated device \#(uuid) has its adapter or domain"#)]
      ) { $0.addDevice(adapters: [1], domains: [4]) },
      Obstacle(
        "a mediated device of a virtual machine has queues",
        refusing: [
          ("01.0004", #"run "virsh shutdown web1" and "mdevctl stop -u \#(uuid)", and try again"#),
          ("01.0005", "(virtual machine web1)"),
        ]
      ) {
        $0.addDevice(adapters: [1], domains: [4, 5])
        $0.context.configuration.virtualMachines = [
          VirtualMachine(name: "web1", mediatedDevices: [uuid])
        ]
      },
      Obstacle("a mediated device is about to get queues", refusing: [("01.0000", uuid)]) {
        $0.addDevice(adapters: [1], domains: [])
      },
      Obstacle("a queue says that it is assigned", refusing: [("01.0005", "mdevctl list")]) {
        try $0.change("01.0005") { $0.guestStatus = .assigned }
      },
      Obstacle(
        "another tool has reserved what no rule reserves",
        rules: #"APQN=="01.0004", RESERVE="vfio_ap""#,
        refusing: [("01.0005", #"write a rule for it, as "apreserve import" prints one"#)]
      ) { $0.ownership.adapters = [] },
      Obstacle(
        "a rule cannot be decided",
        rules: row + "\n" + #"APQN=="01.0004", CARD{serialnr}=="9*", RESERVE="host""#,
        refusing: [("01.0004", "apreserve explain 01.0004")]
      ) { _ in },
      Obstacle(
        "a device is defined with a queue that is absent",
        refusing: [("01.0009", "take it out of the definition")]
      ) {
        $0.context.configuration.definitions = [
          MediatedDeviceDefinition(
            device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4, 9]),
            startsAutomatically: false)
        ]
      },
      Obstacle(
        "ap-check is installed",
        refusing: [("01.0004", callout), ("01.0005", "Force=ap-check")]
      ) { $0.context.configuration.callout = callout },
      Obstacle(
        "a card has no driver", refusing: [("01.0004", "card01"), ("01.0005", "card01")]
      ) { try $0.change(card: 1) { $0.driver = nil } },
      Obstacle(
        "there are no rules, most likely by mistake", rules: "",
        refusing: [("01.0004", "there are no rules at all"), ("01.0005", "reload")]
      ) { $0.context.rulesAreMissing = true },
    ]
  }

  @Test(arguments: Obstacle.all)
  func `is refused as a whole, with every queue that blocks it, where`(obstacle: Obstacle)
    throws
  {
    var machine = Machine.masked
    try obstacle.change(&machine)
    let plan = try machine.changeover(to: .override, obstacle.rules)
    #expect(plan.refusesChangeover && plan.isEmpty)
    #expect(plan.refusals.map(\.apqn.description) == obstacle.refusals.map(\.0))
    for (refusal, (_, part)) in zip(plan.refusals, obstacle.refusals) {
      #expect(refusal.description.contains(part), "\(refusal)")
    }
  }

  @Test func `is not refused for what is refused already`() throws {
    var machine = Machine.masked
    machine.context.fought = [APQN(adapter: 2, domain: 4): 3]
    let plan = try machine.changeover(
      to: .override, row + "\n" + #"APQN=="02.0004", RESERVE="vfio_ap""#)
    #expect(!plan.refusesChangeover)
    #expect(plan.refusals.map(\.apqn.description) == ["02.0004"])
  }

  @Test func `names what sets masks at the next boot, and what removes that`() throws {
    var machine = Machine.masked
    machine.context.configuration.persistentMasks = ConfiguredMasks(
      adapters: APMask([1]).complement, domains: nil, source: "/etc/udev/rules.d/41-ap.rules")
    machine.context.configuration.bootMasks = ConfiguredMasks(
      adapters: APMask([1]).complement, domains: nil, source: "the kernel's command line")
    for isRefused in [false, true] {
      if isRefused { machine.addDevice(adapters: [1], domains: [4]) }
      let plan = try machine.changeover(to: .override)
      #expect(plan.refusesChangeover == isRefused)
      let warnings = plan.warnings.map(\.description)
      for part in ["chzdev --type ap --persistent --remove-all", "remove ap.apmask="] {
        #expect(warnings.contains { $0.contains(part) }, "\(part)")
      }
    }
  }

  /// The host has secure keys, and a queue that can serve them; nothing shows what those on vfio_ap could.
  @Test func `takes nothing from the host's keys by taking again what only passes through`() throws
  {
    var machine = Machine.masked
    machine.context.configuration.secureKeyUsers = [.cipherInUse]
    let keys = MasterKeyPattern(registers: ["AES CUR: valid 0x0123456789abcdef"])
    for name in ["02.0004", "02.0005"] {
      try machine.change(name) {
        $0.masterKeys = keys
        $0.isOnline = true
      }
    }
    #expect(try machine.changeover(to: .override).refusals.isEmpty)
    // Interrupted when all is with the host, whatever its keys are.
    machine = try machine.begun(.override)
    machine.inventory.bus.masks = .all
    for name in ["01.0004", "01.0005"] { try machine.set(name, driver: DriverName.cex4queue) }
    let plan = try machine.plan(.override, row)
    #expect(plan.refusals.isEmpty)
    #expect(plan.moves == ["01.0004 host>vfio_ap wanted", "01.0005 host>vfio_ap wanted"])
    machine.ownership.passing = APQNSet()
    #expect(try machine.plan(.override, row).refusals.count == 2)
  }

  @Test func `forgets what has passed through when an override has it, or no rule wants it`() throws
  {
    var machine = try Machine.masked.begun(.override)
    #expect(machine.ownership.passing[1] == [4, 5])
    let decisions = try machine.decisions(row)
    #expect(machine.ownership.noLongerPassing(on: machine.inventory, by: decisions) == [])
    machine.inventory.bus.masks = .all
    try machine.set("01.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    try machine.set("01.0005", driver: DriverName.cex4queue)
    #expect(
      machine.ownership.noLongerPassing(on: machine.inventory, by: decisions) == [
        .passing(adapter: 1, domains: [5])
      ])
    let none = try machine.decisions("")
    #expect(
      machine.ownership.noLongerPassing(on: machine.inventory, by: none) == [
        .passing(adapter: 1, domains: [])
      ])
  }
}

@Suite struct `A changeover from overrides to masks` {
  @Test func `clears the overrides and leaves every queue where it is, with its guest`() throws {
    var machine = try Machine.overridden(["01.0004", "01.0005"])
    machine.addDevice(adapters: [1], domains: [4, 5])
    let plan = try machine.changeover(to: .mask)
    #expect(!plan.refusesChangeover && plan.refusals.isEmpty)
    #expect(
      plan.writes == [
        "(an empty line) > /sys/devices/ap/card01/01.0004/driver_override",
        "(an empty line) > /sys/devices/ap/card01/01.0005/driver_override",
        "\(mask(without: [1])) > /sys/bus/ap/apmask",
      ])
    #expect(plan.moves == [])
    #expect(plan.operations.map(\.subject) == [.masks])
  }

  @Test func `takes what waits by the way`() throws {
    let plan = try Machine.overridden(["01.0004"]).changeover(to: .mask)
    #expect(plan.moves == ["01.0005 host>vfio_ap wanted"])
  }

  @Test func `writes first the mask that keeps what guests have, and shows what it does not keep`()
    throws
  {
    // Masks can only leave 02.0004 to the host.
    var machine = try Machine.overridden(["01.0004", "01.0005", "02.0005"])
    let shown = try machine.changeover(to: .mask, lShape)
    #expect(
      shown.writes.suffix(2) == [
        "\(mask(without: [1])) > /sys/bus/ap/apmask", "\(mask(without: [5])) > /sys/bus/ap/aqmask",
      ])
    #expect(shown.moves == ["02.0005 vfio_ap>host sideEffect", "02.0005 host>vfio_ap wanted"])
    machine.addDevice(adapters: [2], domains: [5])
    let other = try machine.changeover(to: .mask, lShape)
    #expect(
      other.writes.suffix(2) == [
        "\(mask(without: [5])) > /sys/bus/ap/aqmask", "\(mask(without: [1])) > /sys/bus/ap/apmask",
      ])
    #expect(other.moves == ["01.0004 vfio_ap>host sideEffect", "01.0004 host>vfio_ap wanted"])
  }

  @Test func `is refused where neither order of the masks keeps what guests have`() throws {
    var machine = try Machine.overridden(["01.0004", "01.0005", "02.0005"])
    machine.addDevice(adapters: [2], domains: [5])
    machine.addDevice(
      adapters: [1], domains: [4], uuid: "22222222-2222-3333-4444-555555555555")
    let plan = try machine.changeover(to: .mask, lShape)
    #expect(plan.refusesChangeover && plan.isEmpty)
    #expect(plan.refusals.count == 3)
    #expect(plan.refusals.first?.description.contains("mdevctl stop -u") == true)
  }

  @Test func `is refused where masks cannot reserve the same, with what could be taken instead`()
    throws
  {
    let plan = try Machine.overridden(["01.0004"])
      .changeover(to: .mask, #"APQN=="01.0004", RESERVE="vfio_ap""#)
    #expect(plan.refusesChangeover && plan.isEmpty)
    #expect(plan.refusals.map(\.apqn.description) == ["01.0004"])
    #expect(plan.refusals.first?.description.contains("01.0005") == true)
    #expect(!plan.alternatives.isEmpty)
  }

  @Test func `takes over the override of another tool on what rules reserve, and no other`() throws
  {
    var machine = try Machine.overridden(["01.0004", "01.0005"])
    machine.ownership = Ownership()
    let plan = try machine.changeover(to: .mask)
    #expect(!plan.refusesChangeover && plan.steps.count == 3)
    try machine.set("02.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    let other = try machine.changeover(to: .mask)
    #expect(other.refusals.map(\.reason) == [.changeover(.unreserved)])
    try machine.set("02.0004", driver: DriverName.cex4queue, driverOverride: "cex4queue")
    #expect(
      try machine.changeover(to: .mask).refusals.map(\.reason) == [
        .overriddenByOthers(driver: "cex4queue")
      ])
  }

  @Test func `gives back first what no rule reserves any more`() throws {
    let plan = try Machine.overridden(["01.0004", "01.0005", "02.0004"]).changeover(to: .mask)
    #expect(!plan.refusesChangeover)
    #expect(plan.operations.map(\.subject) == [.queue(APQN(adapter: 2, domain: 4)), .masks])
    #expect(plan.moves == ["02.0004 vfio_ap>host givenBack"])
    #expect(plan.writes.last == "\(mask(without: [1])) > /sys/bus/ap/apmask")
  }

  @Test func `names what sets overrides at the next boot, and what removes that`() throws {
    var machine = try Machine.overridden(["01.0004", "01.0005"])
    machine.context.configuration.overrides = [
      ConfiguredOverride(
        apqn: APQN(adapter: 1, domain: 4), driver: "vfio_ap", source: "/etc/driverctl.d/ap-01.0004")
    ]
    let warnings = try machine.changeover(to: .mask).warnings.map(\.description)
    #expect(warnings.contains { $0.contains("run rm /etc/driverctl.d/ap-01.0004") })
  }

  @Test func `prepares what vfio_ap will find when it is loaded`() throws {
    var machine = try Machine.overridden(["01.0004", "01.0005"])
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    for name in ["01.0004", "01.0005"] {
      try machine.set(name, driver: nil, driverOverride: DriverName.vfioAP)
    }
    let plan = try machine.changeover(to: .mask)
    #expect(plan.steps.count == 3 && plan.moves == [])
    #expect(plan.waiting.count == 2)
  }
}

@Suite struct `After a changeover, the mechanism` {
  @Test func `is the new one, whatever the rules are like`() throws {
    let overrides = try Machine.masked.begun(.override)
    #expect(try overrides.choice() == MechanismChoice(.override, because: "changed over to it"))
    let masks = try Machine.overridden(["01.0004", "01.0005"]).begun(.mask)
    #expect(try masks.choice().mechanism == .mask)
    // Masks that are not exact would be left otherwise.
    var inexact = Machine.plain
    inexact.ownership = Ownership(mechanism: .mask)
    let alone = #"APQN=="01.0004", RESERVE="vfio_ap""#
    #expect(try inexact.choice(alone).mechanism == .override)
    inexact.ownership.changeover = .mask
    #expect(try inexact.choice(alone).mechanism == .mask)
  }

  @Test func `is that at the next boot, too, where nothing else says otherwise`() throws {
    var machine = Machine.plain
    machine.ownership.changeover = .override
    #expect(try machine.choice().mechanism == .override)
    machine.context.configuration.persistentMasks = ConfiguredMasks(
      adapters: APMask([1]).complement, domains: nil, source: "/etc/udev/rules.d/41-ap.rules")
    #expect(try machine.choice().mechanism == .mask)
    var masked = Machine.plain
    masked.clear(adapters: [1])
    masked.ownership.changeover = .override
    #expect(try masked.choice().reason == "apmask or aqmask is in use")
    var old = Machine(adapters: [1], domains: [4], mechanism: .mask)
    old.ownership.changeover = .override
    #expect(try old.choice().mechanism == .mask)
  }

  @Test func `waits with masks while a device has what is left of them, and takes nothing from it`()
    throws
  {
    var machine = Machine.masked
    machine.clear(domains: [5])
    machine.ownership.domains = [5]
    machine = try machine.begun(.override, lShape)
    // Interrupted between the masks; then a guest was started.
    machine.inventory.bus.masks?.domains = .all
    try machine.set("02.0005", driver: DriverName.cex4queue)
    machine.ownership.domains = []
    #expect(try machine.choice(lShape).mechanism == .override)
    machine.addDevice(adapters: [1], domains: [4])
    let choice = try machine.choice(lShape)
    #expect(choice.mechanism == .mask)
    #expect(choice.reason.contains("must wait until no mediated device"))
    let plan = try machine.plan(choice.mechanism, lShape)
    #expect(plan.moves == ["02.0005 host>vfio_ap wanted"])
  }

  @Test func `goes on with masks from cleared overrides, or back to them`() throws {
    var machine = try Machine.overridden(["01.0004", "01.0005"]).begun(.mask)
    machine.addDevice(adapters: [1], domains: [4, 5])
    for name in ["01.0004", "01.0005"] {
      try machine.set(name, driver: DriverName.vfioAP)
      #expect(try machine.choice().mechanism == .mask)
      #expect(
        try machine.plan(.mask, row).writes.last
          == "\(mask(without: [1])) > /sys/bus/ap/apmask")
    }
    // No rule reserves any more what the device has.
    let alone = #"APQN=="01.0004", RESERVE="vfio_ap""#
    let choice = try machine.choice(alone)
    #expect(choice.mechanism == .override)
    #expect(choice.reason.contains("must wait until masks can take the place"))
    #expect(
      try machine.plan(.override, alone).writes.prefix(2) == [
        "vfio_ap > /sys/devices/ap/card01/01.0004/driver_override",
        "vfio_ap > /sys/devices/ap/card01/01.0005/driver_override",
      ])
  }

  @Test func `is refused where the kernel does not have it`() throws {
    var machine = Machine(adapters: [1], domains: [4], mechanism: .mask)
    machine.context.changeover = .override
    #expect(throws: MechanismChoice.Unavailable.self) {
      try MechanismChoice(planner: machine.planner(row))
    }
  }
}
