import APBus
import Reservation
import Testing

private let a = APQN(adapter: 5, domain: 4)
private let b = APQN(adapter: 6, domain: 0x47)

@Suite struct `The record of what is owned` {
  private let whole = Ownership(
    queues: [a, b], adapters: [1, 255], domains: [0], offline: [b], mechanism: .override)

  @Test func `reads back as it was written`() throws {
    let text = OwnershipText.text(whole, boot: "b1")
    #expect(
      text == """
        apreserve-ownership 1 boot=b1
        mechanism override
        adapters \(APMask([1, 255]))
        domains \(APMask([0]))
        +queue 05.0004
        +queue 06.0047
        +offline 06.0047

        """)
    #expect(try OwnershipText.read(Array(text.utf8), boot: "b1") == whole)
  }

  @Test func `grows by lines that add and take`() throws {
    let text =
      OwnershipText.text(whole, boot: "")
      + OwnershipText.text([
        .queue(a, isOwned: false), .offline(b, isOwned: false), .adapters([]), .mechanism(.mask),
      ])
    #expect(
      try OwnershipText.read(Array(text.utf8), boot: "")
        == Ownership(queues: [b], domains: [0], mechanism: .mask))
  }

  @Test func `of another boot says nothing`() throws {
    #expect(
      try OwnershipText.read(Array(OwnershipText.text(whole, boot: "b1").utf8), boot: "b2") == nil)
  }

  @Test func `cut off at any byte says what its whole lines say`() throws {
    let bytes = Array(OwnershipText.text(whole, boot: "b1").utf8)
    let firstLine = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? 0
    var sizes: Set<Int> = []
    for end in 0...bytes.count {
      // It is whole before it gets its name, so that the first line is never cut.
      guard end > firstLine else {
        #expect(throws: OwnershipText.Damage.self) {
          try OwnershipText.read(Array(bytes[..<end]), boot: "b1")
        }
        continue
      }
      let cut = try OwnershipText.read(Array(bytes[..<end]), boot: "b1")
      #expect(cut?.queues.isSubset(of: whole.queues) != false)
      sizes.insert(cut?.queues.count ?? -1)
    }
    #expect(sizes == [0, 1, 2])
  }

  @Test(arguments: [
    ("fish\n", 1), ("apreserve-ownership 2 boot=b\n", 1),
    ("apreserve-ownership 1 boot=b\n\n", 2), ("apreserve-ownership 1 boot=b\nqueue 05.0004\n", 2),
    ("apreserve-ownership 1 boot=b\n+queue 05.0004 x\n", 2),
    ("apreserve-ownership 1 boot=b\n+queue 05.004\n", 2),
    ("apreserve-ownership 1 boot=b\nadapters 0x1\n", 2),
    ("apreserve-ownership 1 boot=b\nmechanism magic\n", 2),
    ("apreserve-ownership 1 boot=b\n+queue 05.0004\n\u{0}\n", 3),
  ])
  func `that is invalid is damaged, and says where`(text: String, line: Int) {
    #expect {
      try OwnershipText.read(Array(text.utf8), boot: "b")
    } throws: { error in
      (error as? OwnershipText.Damage)?.line == line
    }
  }

  @Test func `has what a step is about to reserve, once`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4], mechanism: .override)
    try machine.set("02.0004", driver: DriverName.vfioAP)
    let (host, guest) = (APQN(adapter: 1, domain: 4), APQN(adapter: 2, domain: 4))
    var ownership = Ownership()
    func change(_ step: Step) -> OwnershipChange? {
      ownership.change(by: step, on: machine.inventory)
    }
    #expect(change(.setOverride(host, driver: "vfio_ap")) == .queue(host, isOwned: true))
    #expect(change(.unbind(host, from: "cex4queue")) == .queue(host, isOwned: true))
    #expect(change(.setOnline(host, false)) == .offline(host, isOwned: true))
    #expect(change(.setAdapterMask(APMask([3]).complement)) == .adapters([3]))
    // A queue that is on vfio_ap already belongs to another process; steps back and steps that only read
    // make nothing owned.
    #expect(change(.setOverride(guest, driver: "vfio_ap")) == nil)
    #expect(change(.setOverride(host, driver: nil)) == nil)
    #expect(change(.unbind(guest, from: "vfio_ap")) == nil)
    #expect(change(.setOnline(host, true)) == nil)
    #expect(change(.probe(host)) == nil)
    ownership = Ownership(queues: [host], adapters: [3], offline: [host])
    #expect(change(.setOverride(host, driver: "vfio_ap")) == nil)
    #expect(change(.setAdapterMask(APMask([3]).complement)) == nil)
    #expect(change(.setOnline(host, false)) == nil)
  }

  @Test func `has masks where bits of one of them are owned at least`() {
    #expect(
      Ownership(adapters: [1], domains: [4]).masks
        == MaskPair(adapters: APMask([1]).complement, domains: APMask([4]).complement))
    #expect(
      Ownership(adapters: [1]).masks == MaskPair(adapters: APMask([1]).complement, domains: .all))
    #expect(
      Ownership(domains: [4]).masks == MaskPair(adapters: .all, domains: APMask([4]).complement))
    #expect(Ownership(queues: [a]).masks == nil)
  }

  @Test func `loses what is not reserved or switched off any more`() throws {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .mask)
    machine.clear(adapters: [1])
    try machine.change("02.0005") { $0.isOnline = false }
    let (host, off) = (APQN(adapter: 2, domain: 4), APQN(adapter: 2, domain: 5))
    let ownership = Ownership(
      queues: [host, APQN(adapter: 1, domain: 4), APQN(adapter: 9, domain: 9)], adapters: [1, 2],
      domains: [4], offline: [host, off])
    #expect(
      ownership.changes(against: machine.inventory) == [
        .adapters([1]), .domains([]), .queue(host, isOwned: false),
        .queue(APQN(adapter: 9, domain: 9), isOwned: false), .offline(host, isOwned: false),
      ])
  }
}
