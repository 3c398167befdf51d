import APBus
import Reservation
import Testing

private let alone = #"APQN=="01.0004", RESERVE="vfio_ap""#
private let row = #"ADAPTER=="1", RESERVE="vfio_ap""#

@Suite struct `The mechanism` {
  private var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
  private let restricting = ConfiguredMasks(
    adapters: APMask([1]).complement, domains: nil, source: "/etc/udev/rules.d/41-ap.rules")

  private func choice(
    _ machine: Machine, _ rules: String = alone, requested: Mechanism? = nil
  ) throws -> MechanismChoice {
    try MechanismChoice(requested: requested, planner: machine.planner(rules))
  }

  @Test func `is bind on a kernel without masks`() throws {
    let machine = Machine(adapters: [1], domains: [4], mechanism: .bind)
    #expect(try choice(machine).mechanism == .bind)
  }

  @Test func `is mask where masks express the rules exactly, else override`() throws {
    #expect(try choice(machine, row).mechanism == .mask)
    #expect(try choice(machine, alone).mechanism == .override)
  }

  @Test func `is mask on a kernel that has nothing else`() throws {
    #expect(try choice(Machine(mechanism: .mask)).mechanism == .mask)
  }

  @Test func `stays what it was chosen to be, unless masks are not exact any more and not needed`()
    throws
  {
    var machine = machine
    machine.ownership.mechanism = .mask
    #expect(try choice(machine, row).reason == "chosen before, in this boot")
    #expect(try choice(machine, alone).mechanism == .override)
    machine.clear(adapters: [2])
    #expect(try choice(machine, alone).mechanism == .mask)
    machine.ownership.adapters = [2]
    #expect(try choice(machine, alone).mechanism == .override)
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: "11111111-2222-3333-4444-555555555555", adapters: [2], domains: [])
    ]
    #expect(try choice(machine, alone).mechanism == .mask)
    machine = self.machine
    machine.ownership.mechanism = .override
    #expect(try choice(machine, row).mechanism == .override)
    // A record that this kernel cannot follow is no choice.
    machine.ownership.mechanism = .bind
    #expect(try choice(machine, row).mechanism == .mask)
  }

  @Test func `is what the live state shows to be in use`() throws {
    var masked = machine
    masked.clear(adapters: [2])
    #expect(try choice(masked, alone).mechanism == .mask)
    var overridden = machine
    try overridden.set("02.0005", driver: "vfio_ap", driverOverride: "vfio_ap")
    #expect(try choice(overridden, row).reason == "driver_override is in use, on 02.0005")
  }

  @Test func `is mask where the kernel's command line or chzdev will set masks`() throws {
    for path in [\HostConfiguration.bootMasks, \.persistentMasks] {
      var machine = machine
      machine.context.configuration[keyPath: path] = restricting
      let choice = try choice(machine, alone)
      #expect(choice.mechanism == .mask)
      #expect(choice.reason == "/etc/udev/rules.d/41-ap.rules sets masks")
      #expect(choice.advice?.contains("apreserve import") == true)
      machine.context.configuration[keyPath: path]?.adapters = .all
      #expect(try self.choice(machine, alone).mechanism == .override)
    }
  }

  @Test func `is override where driverctl will set one, if the kernel has it`() throws {
    var machine = machine
    machine.context.configuration.overrides = [
      ConfiguredOverride(
        apqn: APQN(adapter: 2, domain: 5), driver: "vfio_ap", source: "/etc/driverctl.d/ap-02.0005")
    ]
    let choice = try choice(machine, row)
    #expect(choice.mechanism == .override)
    #expect(choice.advice?.contains("driverctl -b ap unset-override 02.0005") == true)
    machine.inventory.bus.supportsOverride = false
    #expect(try self.choice(machine, row).mechanism == .mask)
  }

  @Test func `is not override while ap-check would refuse every mediated device`() throws {
    var machine = machine
    machine.context.configuration.callout = "/usr/lib/mdevctl/scripts.d/callouts/ap-check"
    let choice = try choice(machine, alone)
    #expect(choice.mechanism == .mask)
    #expect(choice.advice?.contains(Guard.callout.remedy) == true)
    #expect(try machine.planner(alone).plan(by: choice.mechanism).refusals.count == 1)
    machine.context.policy.forced = [.callout]
    #expect(try self.choice(machine, alone).mechanism == .override)
  }

  @Test func `asked for is used, or refused where the kernel does not have it`() throws {
    #expect(try choice(machine, row, requested: .override).mechanism == .override)
    #expect(throws: MechanismChoice.Unavailable.self) { try choice(machine, requested: .bind) }
  }

  @Test func `is known by the place that sets it, be it a file or an option`() throws {
    #expect(
      try MechanismChoice(
        requested: .mask, origin: "a.conf:3", planner: machine.planner(row)
      ).reason == "set by a.conf:3")
    let option = AppliedSetting(
      name: "Mechanism", value: "mask", origin: AppliedSetting.commandLineOrigin)
    #expect(
      try MechanismChoice(
        requested: .mask, origin: option.origin, planner: machine.planner(row)
      ).reason == "set on the command line")
    #expect(option.isSet && option.text == "Mechanism=mask")
    #expect(
      !AppliedSetting(name: "Mechanism", value: "auto", origin: AppliedSetting.defaultOrigin).isSet)
  }

  @Test func `is not changed over unasked: the refusal names the command`() throws {
    var masked = machine
    masked.clear(adapters: [2])
    let masks = try masked.plan(.override, alone).refusals.map(\.description)
    #expect(
      masks.first?.contains(
        "change over with \"apreserve changeover override\"") == true)
    var overridden = machine
    try overridden.set("02.0005", driver: "vfio_ap", driverOverride: "vfio_ap")
    let overrides = try overridden.plan(.mask, row).refusals.map(\.description)
    #expect(
      overrides.first?.contains("change over with \"apreserve changeover mask\"") == true)
  }
}
