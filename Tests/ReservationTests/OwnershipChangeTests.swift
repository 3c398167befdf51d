import APBus
import Reservation
import ReservationRules
import Testing

private let apqn = APQN(adapter: 1, domain: 4)
private let other = APQN(adapter: 2, domain: 5)

@Suite struct `What is owned` {
  private let machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)

  @Test func `grows by the bits that a write clears, of either mask`() {
    var ownership = Ownership()
    #expect(
      ownership.change(by: .setAdapterMask(APMask([3]).complement), on: machine.inventory)
        == .adapters([3]))
    #expect(
      ownership.change(by: .setDomainMask(APMask([7]).complement), on: machine.inventory)
        == .domains([7]))
    ownership = Ownership(adapters: [3], domains: [7])
    #expect(
      ownership.change(by: .setAdapterMask(APMask([3, 4]).complement), on: machine.inventory)
        == .adapters([3, 4]))
    #expect(
      ownership.change(by: .setDomainMask(APMask([7, 8]).complement), on: machine.inventory)
        == .domains([7, 8]))
    // What is cleared already is not owned by that, and what is set again is noted later.
    var cleared = machine
    cleared.clear(adapters: [9], domains: [9])
    #expect(
      ownership.change(by: .setAdapterMask(APMask([3, 9]).complement), on: cleared.inventory) == nil
    )
    #expect(
      ownership.change(by: .setDomainMask(APMask([7, 9]).complement), on: cleared.inventory) == nil)
    #expect(ownership.change(by: .setAdapterMask(.all), on: cleared.inventory) == nil)
  }

  @Test func `is not a queue that is bound for its masks, nor one bound to another driver`() throws
  {
    var machine = machine
    machine.inventory.bus.masks?.adapters.remove(1)
    // Outside the host's pool the masks reserve it.
    #expect(Ownership().change(by: .unbind(apqn, from: "cex4queue"), on: machine.inventory) == nil)
    #expect(
      Ownership().change(by: .unbind(other, from: "cex4queue"), on: machine.inventory)
        == .queue(other, isOwned: true))
    #expect(Ownership().change(by: .bind(other, to: "cex4queue"), on: machine.inventory) == nil)
    #expect(
      Ownership().change(by: .bind(other, to: "vfio_ap"), on: machine.inventory)
        == .queue(other, isOwned: true))
    #expect(
      Ownership().change(by: .setOverride(other, driver: "cex4queue"), on: machine.inventory) == nil
    )
    #expect(
      Ownership(queues: [other]).change(
        by: .unbind(other, from: "cex4queue"), on: machine.inventory)
        == nil)
  }

  @Test func `covers a queue outside the host's pool where every bit that keeps it out is owned`() {
    // adapters cleared, domains cleared, which of them are owned, whether that covers 01.0004
    let table: [(APMask, APMask, Ownership, Bool)] = [
      ([1], [], Ownership(adapters: [1]), true), ([1], [], Ownership(adapters: [2]), false),
      ([1], [], Ownership(domains: [4]), false), ([], [4], Ownership(domains: [4]), true),
      ([], [4], Ownership(domains: [5]), false), ([], [4], Ownership(adapters: [1]), false),
      ([1], [4], Ownership(adapters: [1]), false), ([1], [4], Ownership(domains: [4]), false),
      ([1], [4], Ownership(adapters: [1], domains: [4]), true),
      // Once masks keep it out, that a write to it alone was recorded says nothing.
      ([1], [], Ownership(queues: [apqn]), false), ([], [], Ownership(queues: [apqn]), true),
      ([], [], Ownership(adapters: [1], domains: [4]), false),
      ([2], [5], Ownership(queues: [apqn]), true),
    ]
    for (adapters, domains, ownership, covers) in table {
      var bus = machine.inventory.bus
      bus.masks = MaskPair(adapters: adapters.complement, domains: domains.complement)
      #expect(ownership.covers(apqn, under: bus) == covers, "\(adapters) \(domains) \(ownership)")
    }
    // Without masks it is a matter of each queue.
    let bus = Machine(adapters: [1], mechanism: .bind).inventory.bus
    #expect(Ownership(queues: [apqn]).covers(apqn, under: bus))
    #expect(!Ownership(queues: [other], adapters: [1], domains: [4]).covers(apqn, under: bus))
  }

  @Test func `is taken back change by change`() {
    let before = Ownership(
      queues: [apqn], adapters: [1], domains: [4], offline: [apqn], mechanism: .mask)
    let changes: [OwnershipChange] = [
      .adapters([1, 2]), .domains([4, 5]), .queue(other, isOwned: true),
      .queue(apqn, isOwned: false),
      .offline(other, isOwned: true), .offline(apqn, isOwned: false),
    ]
    for change in changes {
      var ownership = before
      ownership.apply(change)
      #expect(ownership != before)
      if let undone = before.undoing(change) { ownership.apply(undone) }
      #expect(ownership == before, "\(change)")
    }
    // That queues were here, and what was chosen, is no less true for a write that failed.
    #expect(before.undoing(.mechanism(.override)) == nil)
    #expect(before.undoing(.seen(adapter: 1, domains: [4], isReservable: true)) == nil)
  }

  @Test func `is not what was removed, given back or switched on again`() throws {
    var machine = machine
    let gone = APQN(adapter: 9, domain: 9)
    try machine.change("01.0004") { $0.isOnline = false }
    try machine.change("02.0005") { $0.isOnline = true }
    var ownership = Ownership(offline: [gone, apqn, other])
    #expect(
      ownership.changes(against: machine.inventory) == [
        .offline(other, isOwned: false), .offline(gone, isOwned: false),
      ])
    // A queue that has left the host is not switched off there any more.
    try machine.set("01.0004", driver: DriverName.vfioAP)
    #expect(ownership.changes(against: machine.inventory).contains(.offline(apqn, isOwned: false)))
    // Unbound it is still on its way, and with the host an override marks it.
    ownership = Ownership(queues: [apqn, other, gone])
    #expect(
      ownership.changes(against: machine.inventory) == [
        .queue(other, isOwned: false), .queue(gone, isOwned: false),
      ])
    try machine.set("01.0004", driver: nil)
    try machine.set("02.0005", driver: DriverName.cex4queue, driverOverride: DriverName.vfioAP)
    #expect(ownership.changes(against: machine.inventory) == [.queue(gone, isOwned: false)])
    try machine.set("02.0005", driver: DriverName.cex4queue, driverOverride: "theirs")
    #expect(ownership.changes(against: machine.inventory).first == .queue(other, isOwned: false))
  }

  @Test func `is not a bit that is set again`() {
    var machine = machine
    machine.clear(adapters: [1], domains: [4])
    let ownership = Ownership(adapters: [1, 2], domains: [4, 5])
    #expect(ownership.changes(against: machine.inventory) == [.adapters([1]), .domains([4])])
    #expect(Ownership(adapters: [1], domains: [4]).changes(against: machine.inventory) == [])
  }
}

@Suite struct `Queues that have been present` {
  private var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)

  @Test func `are remembered card by card`() {
    #expect(
      Ownership().newlySeen(on: machine.inventory) == [
        .seen(adapter: 1, domains: [4, 5], isReservable: true),
        .seen(adapter: 2, domains: [4, 5], isReservable: true),
      ])
    // Only what is new is said, together with what was here before.
    var seen = APQNSet()
    seen[1] = [4, 5]
    seen[2] = [7]
    #expect(
      Ownership(seen: seen).newlySeen(on: machine.inventory) == [
        .seen(adapter: 2, domains: [4, 5, 7], isReservable: true)
      ])
    let bind = Machine(adapters: [1], domains: [4], mechanism: .bind)
    #expect(
      Ownership().newlySeen(on: bind.inventory) == [
        .seen(adapter: 1, domains: [4], isReservable: true)
      ])
  }

  @Test func `change their hardware`() throws {
    var machine = machine
    var ownership = Ownership()
    for change in ownership.newlySeen(on: machine.inventory) { ownership.apply(change) }
    try machine.change(card: 2) { $0.hardwareType = HardwareType(rawValue: 9) }
    #expect(
      ownership.newlySeen(on: machine.inventory) == [
        .seen(adapter: 2, domains: [4, 5], isReservable: false)
      ])
    // A card without any queue is nothing that has been here.
    var empty = self.machine
    empty.plug(7, type: 9, domains: [])
    #expect(ownership.newlySeen(on: empty.inventory) == [])
  }

  @Test func `are forgotten where this system is not configured for them any more`() {
    var seen = APQNSet()
    seen[1] = [4, 5]
    seen[2] = [4]
    seen[3] = [4]
    let ownership = Ownership(seen: seen, olderAdapters: [1])
    var bus = machine.inventory.bus
    #expect(ownership.noLongerConfigured(on: bus) == [])
    bus.configuredAdapters = [1, 2]
    #expect(ownership.noLongerConfigured(on: bus) == [])
    bus.configuredDomains = [4, 6]
    #expect(
      ownership.noLongerConfigured(on: bus) == [
        .seen(adapter: 1, domains: [4], isReservable: false),
        .seen(adapter: 3, domains: [], isReservable: true),
      ])
  }
}

@Suite struct `Queues that rules have requested` {
  @Test func `are forgotten when rules want them no more, present or not`() throws {
    let machine = Machine(adapters: [1], domains: [4, 5], mechanism: .mask)
    let (rules, diagnostics) = RuleSet.parse(files: [
      RuleFile(path: "test.rules", text: #"APQN=="01.0005|06.0004", RESERVE="vfio_ap""#)
    ])
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    let decisions = DecisionTable(
      rules: rules, inventory: machine.inventory, host: HostIdentity())
    var ownership = Ownership()
    ownership.requested[1] = [4, 7]
    ownership.requested[6] = [4, 5]
    #expect(
      ownership.newlyRequested(on: machine.inventory, by: decisions) == [
        .requested(adapter: 1, domains: [5]), .requested(adapter: 6, domains: [4]),
      ])
  }
}

@Suite struct `The text of the record` {
  @Test func `has everything in order, whatever the order in memory`() throws {
    let queues = (0..<8 as Range<UInt8>).map { APQN(adapter: $0, domain: 4) }
    var seen = APQNSet()
    seen[1] = [4]
    seen[2] = [4]
    let ownership = Ownership(
      queues: Set(queues), offline: Set(queues), seen: seen, olderAdapters: [2], requested: seen,
      reserved: APQNSet([APQN(adapter: 1, domain: 4)]))
    let lines = OwnershipText.text(ownership, boot: "b").split(separator: "\n").map(String.init)
    #expect(
      lines == ["apreserve-ownership 1 boot=b"] + queues.map { "+queue \($0)" }
        + queues.map { "+offline \($0)" }
        + [
          "seen card01=\(APMask([4]))", "seen-older card02=\(APMask([4]))",
          "requested card01=\(APMask([4]))", "requested card02=\(APMask([4]))",
          "reserved card01=\(APMask([4]))",
        ])
    #expect(
      try OwnershipText.read(Array((lines.joined(separator: "\n") + "\n").utf8), boot: "b")
        == ownership)
  }

  @Test func `says what a person has changed over to, and what is on its way`() throws {
    let ownership = Ownership(
      changeover: .override, passing: APQNSet([APQN(adapter: 1, domain: 4)]))
    let text = OwnershipText.text(ownership, boot: "b")
    #expect(
      text
        == "apreserve-ownership 1 boot=b\nchangeover override\npassing card01=\(APMask([4]))\n")
    #expect(try OwnershipText.read(Array(text.utf8), boot: "b") == ownership)
  }

  @Test func `says whether vfio_ap was loaded`() throws {
    let text = OwnershipText.text(Ownership(lacksVfioAP: true), boot: "b")
    #expect(text == "apreserve-ownership 1 boot=b\nvfio_ap absent\n")
    #expect(try OwnershipText.read(Array(text.utf8), boot: "b")?.lacksVfioAP == true)
    let later = text + OwnershipText.text([.vfioAP(isLoaded: true)])
    #expect(try OwnershipText.read(Array(later.utf8), boot: "b") == Ownership())
  }

  @Test(arguments: [
    "seen card01", "seen card01=", "seen =\(APMask([4]))", "seen card01==\(APMask([4]))",
    "seen card01=\(APMask([4]))=", "seen 01=\(APMask([4]))", "seen-older card01=0x1",
    "vfio_ap", "vfio_ap ", "vfio_ap here", "domains 0x1", "changeover fish", "changeover ",
    "passing 01=0x1", "+offline 05.004", "-offline x", "-queue",
    " +queue 05.0004", "+queue  05.0004",
  ])
  func `is damaged by an invalid line`(line: String) {
    let text = "apreserve-ownership 1 boot=b\n+queue 05.0004\n\(line)\n"
    let error = #expect(throws: OwnershipText.Damage.self) {
      try OwnershipText.read(Array(text.utf8), boot: "b")
    }
    #expect(error?.line == 3)
    #expect(error?.text == line)
  }
}
