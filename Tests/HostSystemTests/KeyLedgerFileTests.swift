import APBus
import Glibc
import HostSystem
import TestSupport
import Testing

private let time = WallTime(sinceEpoch: .seconds(1_800_000_000))

private func fact(_ domain: UInt8, _ pattern: String = "0x1") -> KeyFact {
  .register(
    KeyDomain("93AA0005", domain, .cca), KeyRegister(.aes, .current),
    KeyContent(.valid, KeyPattern(pattern)), read: time)
}

private func ledger(_ facts: [KeyFact]) -> KeyLedger {
  var ledger = KeyLedger()
  for fact in facts { ledger.apply(fact) }
  return ledger
}

@Suite struct `The file of master keys` {
  private final class Reports {
    var sentences: [String] = []
  }

  private let tree: TemporaryTree
  private let reports = Reports()
  private var directory: String { tree.path + "/state" }

  init() throws {
    tree = try TemporaryTree()
  }

  private func open() -> (file: KeyLedgerFile?, ledger: KeyLedger) {
    KeyLedgerFile.open(in: directory) { [reports] in reports.sentences.append($0) }
  }

  @Test func `is created with the first fact, for everybody to read, and keeps all`() throws {
    let old = umask(0o077)
    let (file, empty) = open()
    #expect(empty.isEmpty)
    #expect(access(directory, F_OK) != 0)
    try #require(file).append([fact(4)])
    umask(old)
    try #require(file).append([fact(5), fact(4, "0x2")])
    var status = stat()
    #expect(stat(directory + "/keys", &status) == 0 && status.st_mode & 0o7777 == 0o644)
    #expect(
      try tree.text("state/keys") == """
        apreserve-keys 1
        key 93AA0005 0004 cca AES CUR valid 0x1 2027-01-15T08:00:00Z
        key 93AA0005 0005 cca AES CUR valid 0x1 2027-01-15T08:00:00Z
        key 93AA0005 0004 cca AES CUR valid 0x2 2027-01-15T08:00:00Z

        """)
    // As a killed process would leave it: nothing is closed.
    let whole = ledger([fact(4), fact(5), fact(4, "0x2")])
    #expect(KeyLedgerFile.read(in: directory).ledger == whole)
    let (next, again) = open()
    #expect(again == whole)
    try #require(next).append([fact(6)])
    #expect(
      KeyLedgerFile.read(in: directory).ledger
        == ledger([fact(4), fact(5), fact(4, "0x2"), fact(6)]))
    #expect(reports.sentences == [])
  }

  @Test func `is rewritten when it has grown long`() throws {
    let file = try #require(open().file)
    for number in 0..<12_000 { file.append([fact(4, number % 2 == 0 ? "0x1" : "0x2")]) }
    #expect(try tree.text("state/keys").split(separator: "\n").count < 10_000)
    #expect(KeyLedgerFile.read(in: directory).ledger == ledger([fact(4), fact(4, "0x2")]))
  }

  @Test func `loses only what is damaged, says so, and is mended`() throws {
    try tree.file(
      "state/keys", "apreserve-keys 1\n\0\0\0\n" + KeyLedgerText.text([fact(4)]) + "key 93A")
    let (file, kept) = open()
    #expect(kept == ledger([fact(4)]))
    #expect(
      reports.sentences == [
        "\(directory)/keys: 1 line cannot be read, the first is line 2, and the rest is used; it is kept as "
          + "\(directory)/keys.damaged"
      ])
    #expect(try tree.text("state/keys") == "apreserve-keys 1\n" + KeyLedgerText.text([fact(4)]))
    #expect(try tree.text("state/keys.damaged").hasSuffix("key 93A"))
    try #require(file).append([fact(5)])
    #expect(KeyLedgerFile.read(in: directory).problem == nil)
  }

  @Test(arguments: ["directory", "link", "of others"])
  func `is renamed if it cannot be apreserve's`(kind: String) throws {
    try tree.directory("state")
    switch kind {
    case "directory": try tree.directory("state/keys")
    case "link": symlink("/etc/hostname", directory + "/keys")
    default:
      try tree.file("state/keys", KeyLedgerText.text([fact(4)]))
      try #require(geteuid() == 0, "only root does not trust other users' files")
      chmod(directory + "/keys", 0o666)
    }
    let (file, kept) = open()
    #expect(kept.isEmpty)
    #expect(reports.sentences.count == 1)
    try #require(file).append([fact(5)])
    #expect(KeyLedgerFile.read(in: directory).ledger == ledger([fact(5)]))
    #expect(access("/etc/hostname", F_OK) == 0)
  }

  @Test func `is done without where it cannot be written, which is said once`() throws {
    let file = try #require(open().file)
    try tree.file("state", "not a directory\n")
    for domain in UInt8(0)...3 { file.append([fact(domain)]) }
    #expect(reports.sentences.count == 1)
    #expect(reports.sentences.first?.hasPrefix("master keys are not remembered: ") == true)
    // What could not be written is written with the next fact that can be.
    tree.remove("state")
    file.append([fact(4)])
    #expect(KeyLedgerFile.read(in: directory).ledger.domains.count == 5)
  }
}
