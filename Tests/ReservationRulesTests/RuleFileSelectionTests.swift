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

  @Test(arguments: [RuleDirectoryListing.Kind.danglingLink, .directory, .other])
  func `reports what is no file, which hides nothing`(kind: RuleDirectoryListing.Kind) {
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
}
