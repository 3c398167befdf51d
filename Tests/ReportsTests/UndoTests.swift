import APBus
@testable import Agent
import Reports
import Reservation
import ReservationRules
import TestSupport
import Testing

/// What `undo` requests of a history on a machine with queues 01.0004 to 01.0006.
@Suite struct `Undoing an operation` {
  private static let path = "/run/apreserve/rules.d/00-undo.rules"
  private static let time = WallTime(sinceEpoch: .seconds(1_800_000_000))

  private static func apqn(_ domain: UInt8) -> APQN { APQN(adapter: 1, domain: domain) }

  private static func move(
    _ domain: UInt8, _ from: Owner, _ to: Owner, at seconds: Int = 0, in operation: String? = "a",
    cause: OwnerChange.Cause? = .wanted, failure: String? = nil
  ) -> HistoryEntry {
    let time = WallTime(sinceEpoch: time.sinceEpoch + .seconds(seconds))
    return HistoryEntry(
      .moved(
        Agent.Move(
          time: time, apqn: apqn(domain), from: from, to: to, cause: cause, mechanism: .override,
          failure: failure, foreign: cause == nil ? .binding : nil)),
      at: time, operation: operation)
  }

  /// A machine with overrides, whose queues have these owners.
  private static func machine(_ owners: [UInt8: Owner]) throws -> Inventory {
    try Inventory(
      bus: BusState(
        masks: .all, scans: 1, bindingsCompleteCount: 1, supportsOverride: true,
        drivers: [DriverName.cex4card, DriverName.cex4queue, DriverName.vfioAP]),
      cards: [
        Card(
          adapter: 1, hardwareType: HardwareType(rawValue: 13), functions: 0x9200_0000,
          driver: DriverName.cex4card)
      ],
      queues: owners.map { domain, owner in
        let isReserved = owner == .vfioAP
        return Queue(
          apqn: apqn(domain),
          driver: isReserved ? DriverName.vfioAP : owner == .host ? DriverName.cex4queue : nil,
          driverOverride: isReserved ? DriverName.vfioAP : nil)
      })
  }

  private struct Row: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var entries: [HistoryEntry]
    var owners: [UInt8: Owner] = [4: .vfioAP, 5: .vfioAP, 6: .host]
    var time: WallTime?
    var queues: String?
    var goals: [UInt8: Reserve]
    var staying: [UInt8] = []
  }

  private static let rows = [
    Row(
      testDescription: "takes back what was done together",
      entries: [
        move(6, .host, .vfioAP, in: "z"), move(6, .vfioAP, .host, in: "y"),
        move(4, .host, .vfioAP), move(5, .host, .vfioAP, at: 1),
      ], goals: [4: .host, 5: .host]),
    Row(
      testDescription: "takes nothing back that was done before",
      entries: [move(4, .host, .vfioAP), move(5, .host, .vfioAP, in: "b")], goals: [5: .host]),
    Row(
      testDescription: "takes the operation of a time back",
      entries: [move(4, .host, .vfioAP), move(5, .host, .vfioAP, at: 7, in: "b")],
      time: time, goals: [4: .host]),
    Row(
      testDescription:
        "takes the last operation with a queue back, as far as it concerns the queue",
      entries: [
        move(4, .host, .vfioAP), move(5, .host, .vfioAP), move(6, .vfioAP, .host, in: "b"),
      ], queues: "01.0005", goals: [5: .host]),
    Row(
      testDescription: "reserves again what was given back",
      entries: [move(6, .vfioAP, .host, cause: .givenBack)], goals: [6: .vfioAP]),
    Row(
      testDescription: "leaves to nobody's rule what had no driver",
      entries: [move(4, .none, .vfioAP)], goals: [4: .unmanaged]),
    Row(
      testDescription: "counts the whole way of a queue",
      entries: [
        move(6, .host, .vfioAP), move(6, .vfioAP, .host), move(4, .host, .none),
        move(4, .none, .vfioAP),
      ], goals: [4: .host]),
    Row(
      testDescription: "leaves alone what other processes have done, and what has failed",
      entries: [
        move(4, .host, .vfioAP), move(5, .host, .vfioAP, in: nil, cause: nil),
        move(6, .host, .vfioAP, in: "b", failure: "no"),
      ], goals: [4: .host]),
    Row(
      testDescription: "leaves alone what is elsewhere by now",
      entries: [move(4, .host, .vfioAP), move(6, .host, .vfioAP), move(7, .host, .vfioAP)],
      goals: [4: .host], staying: [6, 7]),
    Row(
      testDescription: "takes moves of the same second together where none has a name",
      entries: [
        move(6, .vfioAP, .host, in: nil), move(4, .host, .vfioAP, at: 9, in: nil),
        move(5, .host, .vfioAP, at: 9, in: nil),
      ], goals: [4: .host, 5: .host]),
  ]

  @Test(arguments: rows)
  private func moves(_ row: Row) throws {
    let selection = Undo.Selection(
      time: row.time, queues: try row.queues.map { [try APQNPattern($0)] } ?? [])
    let undo = try Undo(selection, in: row.entries, on: Self.machine(row.owners))
    #expect(
      undo.goals
        == Dictionary(uniqueKeysWithValues: row.goals.map { (Self.apqn($0.key), $0.value) }))
    #expect(undo.staying.keys.map(\.domain).sorted() == row.staying)
  }

  @Test func `says that there is nothing to undo`() throws {
    for selection in [
      Undo.Selection(), Undo.Selection(time: Self.time),
      Undo.Selection(queues: [try APQNPattern("02.0004")]),
    ] {
      #expect(throws: UndoError.self) {
        try Undo(
          selection, in: [Self.move(4, .host, .vfioAP, at: 1, cause: nil)],
          on: Self.machine([4: .vfioAP]))
      }
    }
  }

  @Test func `takes no time at which several operations were done`() throws {
    let entries = [Self.move(4, .host, .vfioAP), Self.move(5, .host, .vfioAP, in: "b")]
    let machine = try Self.machine([4: .vfioAP, 5: .vfioAP])
    #expect(throws: UndoError.self) {
      try Undo(.init(time: Self.time), in: entries, on: machine)
    }
    let queues = [try APQNPattern("01.0004")]
    let undo = try Undo(.init(time: Self.time, queues: queues), in: entries, on: machine)
    #expect(undo.goals == [Self.apqn(4): .host])
  }

  private static func rules(
    _ files: KeyValuePairs<String, String>
  ) -> RuleSet {
    RuleSet.parse(
      files: files.map { RuleFile(path: "/etc/apreserve/rules.d/\($0)", text: $1) }
    ).0
  }

  private static let taken = [move(4, .host, .vfioAP), move(5, .host, .vfioAP)]

  private static func change(
    _ undo: Undo, _ file: String = "", in rules: RuleSet, on owners: [UInt8: Owner]
  ) throws -> (file: String?, rules: RuleSet) {
    let (file, set) = undo.change(
      RuleFile(path: path, text: file), in: rules, on: try machine(owners), host: HostIdentity())
    return (file.map { String(decoding: $0.bytes, as: UTF8.self) }, set)
  }

  private static func lines(_ file: String?) -> [String] {
    (file ?? "").split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
  }

  private static func names(_ rules: RuleSet) -> [String] {
    rules.rules.map { RuleFileSelection.baseName($0.location.file) }
  }

  @Test func `locks the queues before all other rules, and frees them by an undo of that`() throws {
    let base = Self.rules(["50.rules": "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"])
    let before: [UInt8: Owner] = [4: .vfioAP, 5: .vfioAP, 6: .vfioAP]
    let undo = try Undo(.init(), in: Self.taken, on: Self.machine(before))
    let (file, set) = try Self.change(undo, in: base, on: before)
    #expect(Self.lines(file) == ["APQN==\"01.0004-0005\", RESERVE:=\"host\""])
    #expect(Self.names(set) == ["00-undo.rules", "50.rules"])
    #expect(set.files == [Self.path, "/etc/apreserve/rules.d/50.rules"])

    let returned =
      Self.taken + [
        Self.move(4, .vfioAP, .host, at: 5, in: "b", cause: .givenBack),
        Self.move(5, .vfioAP, .host, at: 5, in: "b", cause: .givenBack),
      ]
    let owners: [UInt8: Owner] = [4: .host, 5: .host, 6: .vfioAP]
    let once = try Undo(
      .init(queues: [APQNPattern("01.0004")]), in: returned, on: Self.machine(owners))
    let (rest, other) = try Self.change(once, file ?? "", in: set, on: owners)
    #expect(Self.lines(rest) == ["APQN==\"01.0005\", RESERVE:=\"host\""])
    #expect(other.rules.count == 2)
    let both = try Undo(.init(), in: returned, on: Self.machine(owners))
    let (none, original) = try Self.change(both, file ?? "", in: set, on: owners)
    #expect(none == nil)
    #expect(original == base)
  }

  @Test func `leaves lines of people in its file as they are`() throws {
    let people = "# Ours.\nTYPE==\"CEX7C\", RESERVE:=\"host\", NAME=\"keys\"\n"
    let owners: [UInt8: Owner] = [4: .vfioAP, 5: .vfioAP]
    let undo = try Undo(.init(), in: Self.taken, on: Self.machine(owners))
    let (file, set) = try Self.change(undo, people, in: Self.rules([:]), on: owners)
    #expect(file?.hasSuffix("RESERVE:=\"host\"\n" + people) == true, "\(file ?? "")")
    #expect(set.rules.count == 2)
    let again = try Self.change(undo, file ?? "", in: set, on: owners)
    #expect(again.file == file)
  }

  @Test(arguments: ["00-first.rules", "10-keys.rules", "60-keys.rules"])
  func `never takes a queue that a rule locks to the host`(name: String) throws {
    let base = Self.rules([name: "APQN==\"01.0004\", RESERVE:=\"host\"\n"])
    let owners: [UInt8: Owner] = [4: .host, 5: .host]
    let machine = try Self.machine(owners)
    let returned = [
      Self.move(4, .vfioAP, .host, cause: .givenBack), Self.move(5, .vfioAP, .host),
    ]
    var undo = try Undo(.init(), in: returned, on: machine)
    let (_, set) = try Self.change(undo, in: base, on: owners)
    undo.leaveOut(
      notDoneBy: try Assessment(inventory: machine, rules: set),
      others: try Assessment(inventory: machine, rules: base))
    #expect(undo.goals == [Self.apqn(5): .vfioAP])
    #expect(
      undo.staying[Self.apqn(4)] == "01.0004 is locked to the host by \(name):1", "\(undo.staying)")
  }

  @Test func `leaves out what a lock of an earlier file keeps`() throws {
    let base = Self.rules(["00-first.rules": "APQN==\"01.0004\", RESERVE:=\"vfio_ap\"\n"])
    let owners: [UInt8: Owner] = [4: .vfioAP, 5: .vfioAP]
    let machine = try Self.machine(owners)
    var undo = try Undo(.init(), in: Self.taken, on: machine)
    let (_, set) = try Self.change(undo, in: base, on: owners)
    #expect(Self.names(set).first == "00-first.rules")
    let ownership = Ownership(queues: [Self.apqn(4), Self.apqn(5)])
    undo.leaveOut(
      notDoneBy: try Assessment(inventory: machine, rules: set, ownership: ownership),
      others: try Assessment(inventory: machine, rules: base, ownership: ownership))
    #expect(undo.goals == [Self.apqn(5): .host])
    #expect(undo.staying[Self.apqn(4)] == "01.0004 is locked by 00-first.rules:1")
  }

  @Test func `names what else it would change`() throws {
    let base = Self.rules(["50.rules": "APQN==\"01.0004\", RESERVE=\"vfio_ap\"\n"])
    let owners: [UInt8: Owner] = [4: .vfioAP, 5: .host]
    let machine = try Self.machine(owners)
    let ownership = Ownership(queues: [Self.apqn(4)])
    let undo = try Undo(
      .init(), in: [Self.move(4, .host, .vfioAP)], on: machine)
    let (_, set) = try Self.change(undo, in: base, on: owners)
    let before = try Assessment(inventory: machine, rules: base, ownership: ownership)
    #expect(
      undo.sideEffects(
        on: try Assessment(inventory: machine, rules: set, ownership: ownership), before: before)
        == [])
    let wider = Self.rules(["50.rules": "APQN==\"01.0005\", RESERVE=\"vfio_ap\"\n"])
    #expect(
      undo.sideEffects(
        on: try Assessment(inventory: machine, rules: wider, ownership: ownership), before: before)
        == ["01.0005 would be moved to vfio_ap as well"])
  }
}
