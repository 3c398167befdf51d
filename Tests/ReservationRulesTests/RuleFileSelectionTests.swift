import ReservationRules
import Testing

@Suite struct `The selection of rule files` {
  private typealias Kind = RuleDirectoryListing.Kind

  private func directory(_ path: String, _ entries: [(String, Kind)]) -> RuleDirectoryListing {
    RuleDirectoryListing(path: path, entries: entries.map { .init(name: $0.0, kind: $0.1) })
  }

  @Test func `orders by name, byte by byte, whatever the directory`() {
    let selection = RuleFileSelection([
      directory("/etc", [("90-b.rules", .file), ("10-z.rules", .file)]),
      directory("/usr/", [("50-a.rules", .file), ("9-a.rules", .file), ("A.rules", .file)]),
    ])
    #expect(
      selection.paths == [
        "/etc/10-z.rules", "/usr/50-a.rules", "/usr/9-a.rules", "/etc/90-b.rules", "/usr/A.rules",
      ])
  }

  @Test func `takes a name from the first directory that has it`() {
    let selection = RuleFileSelection([
      directory("/etc", [("a.rules", .file)]), directory("/run", [("a.rules", .file)]),
      directory("/usr", [("a.rules", .emptyFile)]),
    ])
    #expect(selection.paths == ["/etc/a.rules"])
    #expect(
      selection.replaced.map { "\($0.path) by \($0.by) \($0.isMasked)" } == [
        "/run/a.rules by /etc/a.rules false", "/usr/a.rules by /etc/a.rules false",
      ])
  }

  @Test(arguments: [RuleDirectoryListing.Kind.emptyFile, .linkToNull])
  func `leaves out a name that is masked`(kind: RuleDirectoryListing.Kind) {
    let selection = RuleFileSelection([
      directory("/etc", [("a.rules", kind)]),
      directory("/usr", [("a.rules", .file), ("b.rules", .file)]),
    ])
    #expect(selection.paths == ["/usr/b.rules"])
    #expect(
      selection.replaced.map { "\($0.path) by \($0.by) \($0.isMasked)" } == [
        "/usr/a.rules by /etc/a.rules true"
      ])
  }

  @Test func `reads a link to nothing, which is an error and does not lose rules silently`() {
    let selection = RuleFileSelection([
      directory("/etc", [("a.rules", .danglingLink)]), directory("/usr", [("a.rules", .file)]),
    ])
    #expect(selection.paths == ["/etc/a.rules"])
    #expect(selection.skipped.isEmpty)
  }

  @Test(arguments: [RuleDirectoryListing.Kind.directory, .other])
  func `reports what is not a file, which masks nothing`(kind: RuleDirectoryListing.Kind) {
    let selection = RuleFileSelection([
      directory("/etc", [("a.rules", kind)]), directory("/usr", [("a.rules", .file)]),
    ])
    #expect(selection.paths == ["/usr/a.rules"])
    #expect(
      selection.skipped.map(\.path) == ["/etc/a.rules"] && selection.skipped.map(\.kind) == [kind])
  }

  @Test func `passes over other names and hidden files`() {
    let selection = RuleFileSelection([
      directory("/etc", [("README", .file), ("a.rules~", .file), (".a.rules", .file)])
    ])
    #expect(selection.paths == [])
    #expect(selection.skipped.isEmpty)
  }

  @Test func `knows the directories of an installed system, the administrator's first`() {
    #expect(
      RuleFileSelection.directories == [
        "/etc/apreserve/rules.d", "/run/apreserve/rules.d", "/usr/local/lib/apreserve/rules.d",
        "/usr/lib/apreserve/rules.d",
      ])
  }

  @Test func `warns of files that are not read although their names suggest it`() {
    let selection = RuleFileSelection([
      directory(
        "/etc",
        [
          ("a.rules", .file), ("b.rules", .linkToNull), ("c.rules", .directory),
          ("e.rule", .file), ("f.RULES", .file), ("g.rules.txt", .file),
          ("h.rules~", .file), ("i.rpmsave", .file), ("j.rules", .other), ("README", .file),
        ]),
      directory("/usr", [("a.rules", .file), ("b.rules", .file)]),
    ])
    #expect(
      selection.diagnostics.map(\.description) == [
        "/usr/a.rules:1:1: warning: the file is not read: /etc/a.rules has the same name and "
          + "takes precedence [replaced-file]",
        "/usr/b.rules:1:1: warning: the file is not read: /etc/b.rules masks it [masked-file]",
        "/etc/c.rules:1:1: warning: this is not read: it is a directory [skipped-file]",
        "/etc/e.rule:1:1: warning: this is not read: its name does not end in .rules [skipped-file]",
        "/etc/f.RULES:1:1: warning: this is not read: its name does not end in .rules [skipped-file]",
        "/etc/g.rules.txt:1:1: warning: this is not read: its name does not end in .rules "
          + "[skipped-file]",
        "/etc/j.rules:1:1: warning: this is not read: it is not a regular file [skipped-file]",
      ])
  }

  @Test func `ranks all files by name, the stronger directory's first`() {
    let selection = RuleFileSelection([
      directory("/etc", [("50-b.rules", .file), ("9.rules", .file)]),
      directory("/usr", [("10-a.rules", .file), ("50-b.rules", .file)]),
    ])
    let ranked = selection.ranks.sorted { $0.value < $1.value }.map(\.key)
    #expect(ranked == ["/usr/10-a.rules", "/etc/50-b.rules", "/usr/50-b.rules", "/etc/9.rules"])
  }
}
