import APBus
import Agent
import Glibc
import HostSystem
import HostTestSupport
import Reservation
import TestSupport
import Testing

private let a = APQN(adapter: 5, domain: 4)
private let b = APQN(adapter: 6, domain: 0x47)

@Suite struct `The record of what is reserved` {
  private let tree: TemporaryTree
  private var directory: String { tree.path + "/state" }

  init() throws {
    tree = try TemporaryTree()
  }

  @Test func `is created with its directory, and keeps what is appended`() throws {
    let (file, empty, damage) = try OwnershipFile.open(directory: directory, boot: "b1")
    #expect(empty == Ownership())
    #expect(damage == nil)
    try file.append([.mechanism(.override), .queue(a, isOwned: true), .queue(b, isOwned: true)])
    try file.append([.queue(a, isOwned: false)])
    // As a killed process would leave it: nothing is closed.
    #expect(
      OwnershipFile.read(directory: directory, boot: "b1").ownership
        == Ownership(queues: [b], mechanism: .override))
    let (_, again, _) = try OwnershipFile.open(directory: directory, boot: "b1")
    #expect(again == Ownership(queues: [b], mechanism: .override))
    #expect(
      try tree.text("state/ownership")
        == "apreserve-ownership 1 boot=b1\nmechanism override\n+queue 06.0047\n")
  }

  @Test func `says nothing after another boot`() throws {
    let (file, _, _) = try OwnershipFile.open(directory: directory, boot: "b1")
    try file.append([.queue(a, isOwned: true)])
    #expect(OwnershipFile.read(directory: directory, boot: "b2").ownership == nil)
    #expect(try OwnershipFile.open(directory: directory, boot: "b2").ownership == Ownership())
  }

  @Test func `keeps what a person has changed over to beyond the boot, in a file of its own`()
    throws
  {
    let lasting = tree.path + "/lasting"
    func open(_ boot: String) throws -> (file: OwnershipFile, ownership: Ownership) {
      let record = try OwnershipFile.open(directory: directory, boot: boot, lasting: lasting)
      return (record.file, record.ownership)
    }
    let file = try open("b1").file
    try file.append([.mechanism(.mask)])
    #expect(throws: (any Error).self) { try tree.text("lasting/changeover") }
    try file.append([.mechanism(.override), .changeover(.override)])
    #expect(try tree.text("lasting/changeover") == "override\n")
    #expect(try open("b1").ownership == Ownership(mechanism: .override, changeover: .override))
    #expect(try open("b2").ownership == Ownership(changeover: .override))
    #expect(
      OwnershipFile.read(directory: tree.path + "/none", boot: "b3", lasting: lasting).ownership
        == Ownership(changeover: .override))
    // Another program's, or one that was not written to its end.
    for text in ["", "override", "fish\n", "override\n\n"] {
      try tree.file("lasting/changeover", text)
      #expect(try open("b3").ownership == Ownership())
    }
  }

  @Test func `is refused a changeover that would not outlast the boot`() throws {
    try tree.file("lasting", "not a directory")
    let record = try OwnershipFile.open(
      directory: directory, boot: "b1", lasting: tree.path + "/lasting")
    #expect(throws: OwnershipRecordError.self) {
      try record.file.append([.mechanism(.override), .changeover(.override)])
    }
    #expect(OwnershipFile.read(directory: directory, boot: "b1").ownership == Ownership())
  }

  @Test func `is renamed if it is damaged, and nothing is owned then`() throws {
    try tree.file("state/ownership", "apreserve-ownership 1 boot=b1\nfish 1\n")
    let (_, ownership, damage) = try OwnershipFile.open(directory: directory, boot: "b1")
    #expect(ownership == Ownership())
    #expect(damage?.contains("line 2 of the ownership record is invalid: \"fish 1\"") == true)
    #expect(try tree.text("state/ownership.damaged").hasSuffix("fish 1\n"))
  }

  @Test func `is put aside under a name that is free, however often`() throws {
    try tree.file("state/ownership.damaged", "the first\n")
    try tree.directory("state/ownership.damaged-2")
    var names: [String] = []
    for number in 0..<12 {
      try tree.file("state/ownership", "nonsense \(number)\n")
      let damage = try OwnershipFile.open(directory: directory, boot: "b1").damage
      names.append(
        String(try #require(damage?.split(separator: " ").first { $0.contains(".damaged") })))
    }
    #expect(names[0].hasSuffix("/ownership.damaged-3,"))
    #expect(names[7].hasSuffix("/ownership.damaged-10,"))
    #expect(names[11].hasSuffix("/ownership.damaged-10,"))
    #expect(try tree.text("state/ownership.damaged") == "the first\n")
    #expect(try tree.text("state/ownership.damaged-3") == "nonsense 0\n")
    #expect(try tree.text("state/ownership.damaged-10") == "nonsense 11\n")
  }

  @Test(arguments: ["link", "loop", "pipe", "directory", "full directory", "writable", "foreign"])
  func `is renamed if another program has created it`(form: String) throws {
    let path = directory + "/ownership"
    try tree.file("elsewhere", "apreserve-ownership 1 boot=b1\n+queue 05.0004\n")
    switch form {
    case "link": try tree.link("state/ownership", to: tree.path + "/elsewhere")
    case "loop": try tree.link("state/ownership", to: "ownership")
    case "pipe": try tree.pipe("state/ownership")
    case "directory": try tree.directory("state/ownership")
    case "full directory": try tree.file("state/ownership/file", "")
    case "writable":
      try tree.file("state/ownership", "apreserve-ownership 1 boot=b1\n", mode: 0o666)
    default:
      try tree.file("state/ownership", "apreserve-ownership 1 boot=b1\n+queue 05.0004\n")
      guard chown(path, 65534, 65534) == 0 else { return }
    }
    // A reader, which changes nothing, does not count it either.
    if geteuid() == 0 {
      try tree.file("lasting/changeover", "mask\n")
      let read = OwnershipFile.read(
        directory: directory, boot: "b1", lasting: tree.path + "/lasting")
      #expect(read.damage != nil)
      // What a person has changed over to is in another file.
      #expect(read.ownership == Ownership(changeover: .mask))
    }
    let (file, ownership, damage) = try OwnershipFile.open(directory: directory, boot: "b1")
    #expect(ownership == Ownership())
    #expect(damage?.contains("it is kept as \(path).damaged, and nothing counts") == true)
    var status = stat()
    #expect(lstat(path + ".damaged", &status) == 0)
    try file.append([.queue(a, isOwned: true)])
    #expect(
      OwnershipFile.read(directory: directory, boot: "b1").ownership == Ownership(queues: [a]))
    #expect(try tree.text("elsewhere").hasSuffix("+queue 05.0004\n"))
  }

  @Test func `is rewritten when it has grown long`() throws {
    let (file, _, _) = try OwnershipFile.open(directory: directory, boot: "b1")
    for _ in 0..<6000 {
      try file.append([.queue(a, isOwned: true)])
      try file.append([.queue(a, isOwned: false)])
    }
    try file.append([.queue(b, isOwned: true)])
    let lines = try tree.text("state/ownership").split(separator: "\n")
    #expect(lines.count < 4100)
    #expect(
      OwnershipFile.read(directory: directory, boot: "b1").ownership == Ownership(queues: [b]))
  }

  @Test func `that cannot be written is an error that names it`() throws {
    try tree.file("blocked", "")
    #expect(throws: FileError.self) {
      try OwnershipFile.open(directory: tree.path + "/blocked", boot: "b1")
    }
  }

  @Test func `is not written through a link at the path of the new file`() throws {
    try tree.file("elsewhere", "precious\n")
    try tree.link("state/ownership.new", to: tree.path + "/elsewhere")
    _ = try OwnershipFile.open(directory: directory, boot: "b1")
    #expect(try tree.text("elsewhere") == "precious\n")
    #expect(try tree.text("state/ownership") == "apreserve-ownership 1 boot=b1\n")
  }
}
