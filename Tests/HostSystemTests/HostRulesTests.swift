import Glibc
import HostSystem
import HostTestSupport
import ReservationRules
import Synchronization
import TestSupport
import Testing

@Suite struct `The rules of a host` {
  private let tree: TemporaryTree
  private var etc: String { tree.path + "/etc" }
  private var usr: String { tree.path + "/usr" }

  init() throws {
    tree = try TemporaryTree()
    try tree.directory("etc")
    try tree.directory("usr")
  }

  private func rules(owner: UInt32? = nil) -> HostRules {
    HostRules(directories: [etc, tree.path + "/run", usr], owner: owner)
  }

  private func file(_ path: String, _ reserve: String = "host", mode: mode_t = 0o644) throws {
    try tree.file(path, "APQN==\"*\", RESERVE=\"\(reserve)\"\n", mode: mode)
  }

  /// Diagnostics without the tree's own path.
  private func said(_ rules: HostRules) -> [String] {
    (rules.diagnostics + rules.selection.diagnostics).map {
      "\($0.location.file.dropFirst(tree.path.count)) \($0.code.rawValue)"
    }
  }

  @Test func `are read from all directories, sorted by the names of their files`() throws {
    try file("etc/90-z.rules")
    try file("usr/10-a.rules", "vfio_ap")
    try file("usr/9-a.rules", "unmanaged")
    let rules = rules()
    #expect(rules.rules.files == [usr + "/10-a.rules", usr + "/9-a.rules", etc + "/90-z.rules"])
    #expect(rules.rules.rules.map(\.reserve.value) == [.vfioAP, .unmanaged, .host])
    #expect(said(rules) == [])
  }

  @Test func `may be none at all`() throws {
    let rules = HostRules(directories: [tree.path + "/nowhere"], owner: nil)
    #expect(rules.rules.files == [] && rules.diagnostics == [])
  }

  @Test func `are read from the directory with the highest priority, and masked by empty files`()
    throws
  {
    try file("etc/a.rules", "vfio_ap")
    try file("usr/a.rules")
    try tree.file("etc/b.rules")
    try file("usr/b.rules")
    try tree.link("etc/c.rules", to: "/dev/null")
    try file("usr/c.rules")
    let rules = rules()
    #expect(rules.rules.files == [etc + "/a.rules"])
    #expect(
      said(rules) == [
        "/usr/a.rules replaced-file", "/usr/b.rules masked-file", "/usr/c.rules masked-file",
      ])
  }

  @Test func `are an error where a link leads nowhere, since rules may be missing`() throws {
    try file("elsewhere/x.rules")
    try tree.link("etc/d.rules", to: tree.path + "/elsewhere/x.rules")
    #expect(said(rules()) == [])
    tree.remove("elsewhere/x.rules")
    let rules = rules()
    #expect(
      rules.diagnostics.map(\.description) == [
        "\(etc)/d.rules:1:1: error: the file cannot be read: \(etc)/d.rules is a link to nothing; restore "
          + "what it leads to, or remove it [unreadable-file]"
      ])
  }

  @Test(arguments: ["linked/rules.d", "top/rules.d"])
  func `are an error where a directory is behind a link to nothing`(path: String) throws {
    try file("away/rules.d/x.rules")
    try tree.directory("linked")
    try tree.link("linked/rules.d", to: "../away/rules.d")
    try tree.link("top", to: "away")
    let directory = tree.path + "/" + path
    #expect(said(HostRules(directories: [directory])) == [])
    tree.remove("away/rules.d/x.rules")
    tree.remove("away/rules.d")
    if path.hasPrefix("top") { tree.remove("away") }
    #expect(said(HostRules(directories: [directory])) == ["/\(path) unreadable-file"])
    // One that is not there at all is none.
    #expect(said(HostRules(directories: [tree.path + "/none/rules.d"])) == [])
  }

  @Test func `are an error where others can change where a link leads`() throws {
    try file("shared/inner/x.rules")
    let target = tree.path + "/shared/inner/x.rules"
    try tree.link("etc/d.rules", to: target)
    try tree.link("linked", to: "shared/inner")
    func said(_ directories: [String]) -> [String] {
      HostRules(directories: directories, owner: geteuid()).diagnostics.map(\.message)
    }
    for directories in [[etc], [tree.path + "/linked"]] { #expect(said(directories) == []) }
    try tree.mode("shared", 0o777)
    let problem =
      "\(tree.path)/shared is not trusted: other users may write to it (mode 777); run \"chmod go-w "
      + "\(tree.path)/shared\""
    for directories in [[etc], [tree.path + "/linked"]] {
      #expect(said(directories) == [problem])
    }
    // What others may empty or replace does not vanish by that.
    try tree.file("shared/inner/x.rules", "")
    #expect(said([etc]) == [problem])
    tree.remove("shared/inner/x.rules")
    try tree.directory("shared/inner/x.rules")
    #expect(said([etc]) == [problem])
    tree.remove("shared/inner/x.rules")
    try file("shared/inner/x.rules")
    // Without a link, the directories above are the choice of who names the directory.
    #expect(said([tree.path + "/shared/inner"]) == [])
    // In a sticky directory others cannot replace what is not theirs.
    try tree.mode("shared", 0o1777)
    for directories in [[etc], [tree.path + "/linked"]] { #expect(said(directories) == []) }
    // A link that others can replace, on the way.
    try tree.directory("open")
    try tree.link("open/x.rules", to: target)
    tree.remove("etc/d.rules")
    try tree.link("etc/d.rules", to: "../open/x.rules")
    #expect(said([etc]) == [])
    try tree.mode("open", 0o777)
    #expect(said([etc]).count == 1)
  }

  @Test func `are not those of hidden files, directories and pipes`() throws {
    try file("etc/.a.rules")
    try tree.directory("etc/b.rules")
    try tree.pipe("etc/c.rules")
    try file("etc/f.rule")
    try file("usr/b.rules")
    let rules = rules()
    #expect(rules.rules.files == [usr + "/b.rules"])
    #expect(
      said(rules) == [
        "/etc/b.rules skipped-file", "/etc/c.rules skipped-file", "/etc/f.rule skipped-file",
      ])
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func `are an error where a file or a directory may not be read, beside all other errors`() throws
  {
    try file("etc/a.rules", mode: 0)
    try file("etc/b.rules", "hst")
    try tree.mode("usr", 0)
    defer { try? tree.mode("usr", 0o755) }
    let rules = rules()
    #expect(
      rules.diagnostics.map(\.description) == [
        "\(usr):1:1: error: the directory cannot be read: opening \(usr): EACCES (permission denied) "
          + "[unreadable-file]",
        "\(etc)/a.rules:1:1: error: the file cannot be read: opening \(etc)/a.rules: EACCES "
          + "(permission denied) [unreadable-file]",
        """
        \(etc)/b.rules:1:21: error: unknown value "hst" of RESERVE; write "vfio_ap", "host" or \
        "unmanaged" [unknown-value]
          APQN=="*", RESERVE="hst"
                              ^^^
          write: host
        """,
      ])
  }

  @Test func `are an error if other users may write to a file, beside all other errors`() throws {
    try file("etc/a.rules", mode: 0o664)
    try file("etc/b.rules")
    try file("etc/c.rules", "hst", mode: 0o646)
    #expect(said(rules()) == ["/etc/c.rules unknown-value"])
    let rules = rules(owner: geteuid())
    #expect(
      rules.diagnostics.map(\.description) == [
        "\(etc)/a.rules:1:1: error: the file is not trusted: other users may write to it (mode "
          + "664); run \"chmod go-w \(etc)/a.rules\" [untrusted-file]",
        "\(etc)/c.rules:1:1: error: the file is not trusted: other users may write to it (mode "
          + "646); run \"chmod go-w \(etc)/c.rules\" [untrusted-file]",
      ])
    #expect(rules.rules.rules.map(\.location.file) == [etc + "/b.rules"])
  }

  @Test
  func `are an error if other users may write to an empty file, which would mask another one`()
    throws
  {
    try tree.file("etc/a.rules", "", mode: 0o666)
    try file("usr/a.rules")
    #expect(said(rules()) == ["/usr/a.rules masked-file"])
    #expect(said(rules(owner: geteuid())).contains("/etc/a.rules untrusted-file"))
  }

  @Test func `are an error where all directories together have too many entries`() throws {
    for number in 0..<RuleSet.mostFiles { try tree.file("etc/\(number).rules") }
    #expect(said(rules()) == [])
    try tree.file("usr/1.rules")
    let rules = rules()
    #expect(
      rules.diagnostics.map(\.description) == [
        "\(usr):1:1: error: the directory has more than 0 entries, and all directories together may have "
          + "at most 4096; move other files elsewhere, and put several rules into one file [too-many-rules]"
      ])
  }

  @Test func `are an error where the files have too many bytes together`() throws {
    let text = String(repeating: "#" + String(repeating: "x", count: 1022) + "\n", count: 1024)
    for number in 10..<26 { try tree.file("etc/\(number).rules", text) }
    #expect(said(rules()) == [])
    try tree.file("usr/26.rules", "#\n")
    #expect(
      rules().diagnostics.map(\.description) == [
        "\(usr):1:1: error: the rule files together have more than 16777216 bytes, the most that are "
          + "read; 16 of 17 files were read, and \(usr)/26.rules was not [too-many-rules]"
      ])
  }

  @Test func `are an error if a file or a directory belongs to another user`() throws {
    try file("etc/a.rules")
    let rules = rules(owner: geteuid() + 1)
    #expect(said(rules) == ["/etc untrusted-file", "/usr untrusted-file"])
    #expect(rules.rules.files == [])
    let named = HostRules(paths: [etc + "/a.rules"], owner: geteuid() + 1)
    #expect(said(named) == ["/etc/a.rules untrusted-file"])
  }

  @Test func `are an error if other users may write to a directory`() throws {
    try file("etc/a.rules")
    try tree.mode("etc", 0o777)
    #expect(said(rules(owner: geteuid())) == ["/etc untrusted-file"])
  }

  @Test func `of named files and directories are read by name, each once`() throws {
    try file("etc/20.rules")
    try file("usr/10.rules")
    try file("usr/30.text")
    try tree.directory("usr/40.rules")
    let rules = HostRules(paths: [usr + "/30.text", etc, usr, etc + "/20.rules"])
    #expect(rules.rules.files == [usr + "/10.rules", etc + "/20.rules", usr + "/30.text"])
    #expect(said(rules) == ["/usr/40.rules skipped-file"])
  }

  @Test func `are an error where a file is too large or missing`() throws {
    try tree.file("etc/a.rules", String(repeating: "#\n", count: 600 * 1024))
    let rules = HostRules(paths: [etc, tree.path + "/nowhere"])
    #expect(said(rules) == ["/etc/a.rules file-too-large", "/nowhere unreadable-file"])
  }

  /// An empty file masks its name; one that has just been created is empty as well.
  @Test(arguments: ["", "APQN==\"*\", RESERVE=\"vfio_ap\"\n"])
  func `are an error where a file is open for writing, until it is closed`(text: String) throws {
    try file("usr/a.rules")
    try file("etc/b.rules")
    let writer = try tree.writer("etc/a.rules")
    try writer.write(text)
    let open = rules()
    #expect(
      open.diagnostics.map(\.description) == [
        "\(etc)/a.rules:1:1: error: \(etc)/a.rules is being written by another process; wait until that "
          + "process has closed it [incomplete-file]"
      ])
    #expect(open.rules.rules.map(\.location.file) == [etc + "/b.rules"])
    writer.close()
    #expect(rules().diagnostics.isEmpty)
  }

  /// What the kernel says, to whom, and whether the file is used then.
  @Test(
    .enabled(if: geteuid() == 0, "this is not root"),
    arguments: [(true, true), (true, false), (false, false), (false, true)])
  func `leave it to their reader where the kernel does not say whether a file is open`(
    isOwner: Bool, isOpen: Bool
  ) async {
    await #expect(processExitsWith: .success) { [isOwner, isOpen] in
      let tree = try TemporaryTree(["50.rules": "APQN==\"*\", RESERVE=\"host\"\n"])
      try tree.mode("", 0o755)
      let writer = isOpen ? try tree.writer("50.rules") : nil
      if !isOwner { try #require(seteuid(65534) == 0) }
      for isUnfinished in [false, true] {
        var answers: [Bool?] = []
        let sources = RuleSources(directories: [tree.path], owner: nil) { path, answer in
          #expect(path == tree.path + "/50.rules")
          answers.append(answer)
          return isUnfinished
        }
        #expect(Set(answers) == [isOwner ? isOpen : nil])
        #expect(sources.files.isEmpty == isUnfinished)
        #expect(sources.problems.map(\.code) == (isUnfinished ? [.incompleteFile] : []))
      }
      if !isOwner { try #require(seteuid(0) == 0) }
      writer?.close()
    }
  }

  /// Whoever opens a file for writing just when it is read sends this process a signal.
  @Test func `are read while others open their files for writing all the time`() async {
    await #expect(processExitsWith: .success) {
      let tree = try TemporaryTree(["50.rules": "APQN==\"*\", RESERVE=\"host\"\n"])
      let isDone = Atomic(false)
      let path = tree.path
      try WorkerThread.start {
        while !isDone.load(ordering: .relaxed) { (try? OpenFile(path + "/50.rules"))?.close() }
        isDone.store(false, ordering: .relaxed)
      }
      for _ in 0..<300 {
        let rules = HostRules(directories: [path], owner: nil)
        #expect(rules.diagnostics.allSatisfy { $0.code == .incompleteFile })
      }
      isDone.store(true, ordering: .relaxed)
      while isDone.load(ordering: .relaxed) { usleep(1000) }
    }
  }
}
