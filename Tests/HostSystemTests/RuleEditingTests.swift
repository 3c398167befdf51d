import Glibc
import HostSystem
import ReservationRules
import TestSupport
import Testing

@Suite struct `Editing a rule file` {
  private static let rule = "ADAPTER==\"9\", RESERVE=\"host\""
  private let tree: TemporaryTree
  private var etc: String { tree.path + "/etc" }
  private var usr: String { tree.path + "/usr" }

  init() throws {
    tree = try TemporaryTree(["etc/50.rules": "# text\n", "usr/60.rules": "# text\n"])
  }

  /// Adds the rule to a file; the path of the file.
  @discardableResult private func add(
    to name: String, owner: UInt32? = nil
  ) throws -> String {
    let editing = try RuleEditing(
      name, directories: [etc, usr], owner: owner, mayCreate: true)
    var edit = RuleFileEdit(editing.file)
    try edit.add(Self.rule)
    let host = try editing.rules(with: edit.file)
    try #require(host.diagnostics.isEmpty, "\(host.diagnostics)")
    #expect(host.rules.rules.map(\.text) == [Self.rule])
    try editing.save(edit.file)
    #expect(
      HostRules(directories: [etc, usr], owner: owner).rules.rules == host.rules.rules)
    return edit.file.path
  }

  private func status(_ name: String) throws -> stat {
    var status = stat()
    guard lstat(tree.path + "/" + name, &status) == 0 else {
      throw TemporaryTree.Failure(call: "lstat", errno: errno)
    }
    return status
  }

  private func message(_ name: String, owner: UInt32? = nil) -> String {
    do {
      try add(to: name, owner: owner)
      return "no error"
    } catch {
      return "\(error)".replacing(tree.path, with: "")
    }
  }

  @Test func `finds it by its path, or by its name in the first directory`() throws {
    #expect(try add(to: usr + "/60.rules") == usr + "/60.rules")
    #expect(try tree.text("usr/60.rules") == "# text\n\(Self.rule)\n")
    try tree.file("usr/60.rules", "# text\n")
    #expect(try add(to: "50.rules") == etc + "/50.rules")
    #expect(message("60.rules").hasPrefix("/etc/60.rules would replace /usr/60.rules "))
  }

  @Test func `finds one that must exist by its name wherever it is in effect`() throws {
    func path(_ name: String) throws -> String {
      try RuleEditing(name, directories: [etc, usr], owner: nil, mayCreate: false).file.path
    }
    #expect(try path("60.rules") == usr + "/60.rules")
    #expect(try path("50.rules") == etc + "/50.rules")
    #expect(throws: RuleEditingError.self) { try path("70.rules") }
    #expect(throws: RuleEditingError.self) { try path(usr + "/50.rules") }
  }

  @Test func `creates a new one in the directory with the highest priority`() throws {
    #expect(try add(to: "70.rules") == etc + "/70.rules")
    #expect(try status("etc/70.rules").st_mode & 0o777 == 0o644)
    #expect(!tree.has("etc/70.rules.new"))
  }

  @Test func `makes rules of an empty one, which masked its name`() throws {
    try tree.file("etc/60.rules")
    #expect(try add(to: "60.rules") == etc + "/60.rules")
  }

  @Test func `keeps its mode, its user and its group`() throws {
    try tree.mode("etc/50.rules", 0o640)
    let user: UInt32 = geteuid() == 0 ? 4711 : geteuid()
    let group: UInt32 = geteuid() == 0 ? 4712 : getegid()
    try #require(chown(etc + "/50.rules", user, group) == 0)
    try add(to: "50.rules")
    let status = try status("etc/50.rules")
    #expect(status.st_mode & 0o7777 == 0o640)
    #expect(status.st_uid == user && status.st_gid == group)
  }

  /// Without its access control list, others could read it, or those who may could not.
  @Test func `keeps its extended attributes, and the files of others beside it`() throws {
    let path = tree.path + "/etc/50.rules"
    try tree.file("etc/50.rules.new", "a person's\n")
    func python(_ expression: String) -> Bool {
      system("/usr/bin/python3 -c 'import os; \(expression)' 2>/dev/null") == 0
    }
    let isPossible = python("os.setxattr(\"\(path)\", \"user.note\", b\"mine\")")
    try add(to: "50.rules")
    #expect(try tree.text("etc/50.rules.new") == "a person's\n")
    // The file system may know none, and Python need not be there.
    guard isPossible else { return }
    #expect(python("assert os.getxattr(\"\(path)\", \"user.note\") == b\"mine\""))
  }

  @Test func `keeps a link, and changes what it leads to`() throws {
    try tree.file("away/50.rules", "# text\n")
    tree.remove("etc/50.rules")
    try tree.link("etc/50.rules", to: "../away/50.rules")
    try add(to: "50.rules")
    #expect(try status("etc/50.rules").st_mode & S_IFMT == S_IFLNK)
    #expect(try tree.text("away/50.rules") == "# text\n\(Self.rule)\n")
  }

  @Test func `follows no link to anything else than a regular file of the same user`() throws {
    try tree.link("etc/70.rules", to: "nowhere")
    #expect(message("70.rules") == "/etc/70.rules is a link to nothing; remove it first")
    try tree.link("etc/80.rules", to: "/dev/null")
    #expect(
      message("80.rules")
        == "/etc/80.rules is a link to /dev/null, which is not a regular file of the same user, and is not "
        + "changed")
    guard geteuid() == 0 else { return }
    try tree.file("away/90.rules", "# text\n")
    try #require(chown(tree.path + "/away/90.rules", 4711, 0) == 0)
    try tree.link("etc/90.rules", to: "../away/90.rules")
    #expect(message("90.rules").contains("which is not a regular file of the same user"))
    #expect(try tree.text("away/90.rules") == "# text\n")
  }

  @Test func `changes nothing that is not trusted`() throws {
    let owner = geteuid()
    try tree.mode("etc/50.rules", 0o664)
    #expect(message("50.rules", owner: owner).hasPrefix("/etc/50.rules: the file is not trusted: "))
    try tree.mode("etc/50.rules", 0o644)
    try tree.file("away/70.rules", "# text\n")
    try tree.link("etc/70.rules", to: "../away/70.rules")
    try tree.mode("away", 0o777)
    #expect(message("70.rules", owner: owner).hasPrefix("/away/ is not trusted: "))
    #expect(message("70.rules") == "no error")
  }

  /// The files of a directory that others can change are none that a daemon reads.
  @Test func `finds an error in a directory that is not trusted`() throws {
    try tree.mode("etc", 0o777)
    let editing = try RuleEditing(
      "70.rules", directories: [etc, usr], owner: geteuid(), mayCreate: true)
    let host = try editing.rules(with: RuleFile(path: etc + "/70.rules", text: Self.rule))
    #expect(host.diagnostics.map(\.code) == [.untrustedFile])
  }

  @Test func `replaces no other file by a new one, and adds nothing that is not read`() throws {
    #expect(
      message(etc + "/60.rules")
        == "/etc/60.rules would replace /usr/60.rules with all its rules; use another name, or copy "
        + "that file first")
    #expect(
      message(usr + "/50.rules")
        == "/usr/50.rules would not be read: /etc/50.rules has the same name and is stronger")
    try tree.file("usr/50.rules", "# text\n")
    #expect(
      message(usr + "/50.rules")
        == "/usr/50.rules is not read: /etc/50.rules has the same name and is stronger")
    try tree.link("etc/70.rules", to: "/dev/null")
    #expect(message(usr + "/70.rules").hasPrefix("/usr/70.rules would not be read: "))
  }

  @Test(arguments: [
    ("/elsewhere/50.rules", "/elsewhere/50.rules is in none of the directories of rules"),
    ("50.conf", "50.conf is no name of a rule file"),
    (".rules", ".rules is no name of a rule file"),
    ("/", "/ is no name of a rule file"),
  ])
  func `takes only rule files`(name: String, text: String) {
    #expect(message(name).hasPrefix(text), "\(message(name))")
  }

  @Test func `does not overwrite what another process has written meanwhile`() throws {
    let editing = try RuleEditing(
      "50.rules", directories: [etc, usr], owner: nil, mayCreate: true)
    var edit = RuleFileEdit(editing.file)
    try edit.add(Self.rule)
    try tree.file("etc/50.rules", "# other\n")
    #expect(throws: RuleEditingError.self) { try editing.save(edit.file) }
    #expect(try tree.text("etc/50.rules") == "# other\n")
  }

  @Test func `does not overwrite a file that another process has created meanwhile`() throws {
    let other = try RuleEditing(
      "new.rules", directories: [usr], owner: nil, mayCreate: true)
    try tree.file("usr/new.rules", "# other\n")
    #expect(throws: RuleEditingError.self) {
      try other.save(RuleFile(path: usr + "/new.rules", text: Self.rule))
    }
    #expect(try tree.text("usr/new.rules") == "# other\n")
  }
}
