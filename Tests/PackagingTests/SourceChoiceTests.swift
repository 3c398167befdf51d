import TestSupport
import Testing

@Suite struct `The sources of the SDK for s390x` {
  /// One version of a source package in an index.
  private struct Source {
    let version: String
    var tarballs = 1
  }

  /// What `apt-cache showsrc` prints about these versions.
  private func index(_ sources: [Source]) -> String {
    sources.map { source in
      let upstream = source.version.split(separator: "-")[0]
      let names = ["orig", "orig-more"].prefix(source.tarballs).map {
        "swiftlang_\(upstream).\($0).tar.xz"
      }
      let files = names + ["swiftlang_\(source.version).debian.tar.xz"]
      return """
        Package: swiftlang
        Version: \(source.version)
        Files:
        \(files.map { " md5-of-\($0) 1 \($0)" }.joined(separator: "\n"))
        Checksums-Sha256:
        \(files.map { " sha256-of-\($0) 1 \($0)" }.joined(separator: "\n"))
        Homepage: https://www.swift.org

        """
    }.joined(separator: "\n")
  }

  private func choose(_ wanted: String, from sources: [Source]) throws -> Shell.Result {
    let tree = try TemporaryTree(["index": index(sources)])
    let script = SourceFile.path("packaging/s390x/choose-source")
    return try Shell.run("'\(script)' \(wanted) <'\(tree.path)/index'")
  }

  private func expect(
    _ version: String, for wanted: String, from versions: [String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let upstream = version.split(separator: "-")[0]
    let tarball = "swiftlang_\(upstream).orig.tar.xz"
    for order in [versions, versions.reversed()] {
      let result = try choose(wanted, from: order.map { Source(version: $0) })
      #expect(
        result.output == "\(version) sha256-of-\(tarball) \(tarball)\n",
        sourceLocation: sourceLocation)
      #expect(result.status == 0, sourceLocation: sourceLocation)
    }
  }

  @Test func `are those of the version that was tried, if Debian has it`() throws {
    try expect("6.2.3-1", for: "6.2.3-1", from: ["6.2.4-1", "6.2.3-2", "6.2.3-1", "6.3.0-1"])
  }

  @Test func `are the same sources in a newer package, if it does not`() throws {
    try expect("6.2.3-2", for: "6.2.3-1", from: ["6.2.4-1", "6.2.3-2", "6.2.2-1"])
    try expect("6.2.3-10", for: "6.2.3-1", from: ["6.2.3-10", "6.2.3-9"])
  }

  @Test func `are otherwise the newest with that major and minor version`() throws {
    try expect("6.2.10-1", for: "6.2.3-1", from: ["6.2.9-1", "6.2.10-1", "6.3.0-1", "6.0.3-2"])
    try expect("6.2-1", for: "6.2.3-1", from: ["6.2-1", "6.20.1-1", "5.6.2-1"])
  }

  @Test func `are none of another minor version, and the versions are named`() throws {
    let result = try choose(
      "6.2.3-1", from: [Source(version: "6.0.3-2"), Source(version: "6.3.1-1")])
    #expect(result.output == "no version fits 6.2.3-1; there is: 6.3.1-1 6.0.3-2\n")
    #expect(result.status == 1)
  }

  @Test func `are one tarball, not several`() throws {
    let result = try choose(
      "6.2.3-1", from: [Source(version: "6.2.3-1", tarballs: 2), Source(version: "6.2.2-1")])
    #expect(result.output.hasPrefix("6.2.2-1 "))
    #expect(try choose("6.2.3-1", from: []).status == 1)
  }

  @Test func `are of the version that the README names`() throws {
    let script = try SourceFile.text("packaging/s390x/build-sdk")
    let pinned = try #require(script.firstMatch(of: /\npinned=(\S+)\n/)).1
    let tarball = try #require(script.firstMatch(of: /\npinned_tarball=(\S+)\n/)).1
    let readme = try SourceFile.text("packaging/s390x/README.md")
    #expect(readme.contains("https://snapshot.debian.org/package/swiftlang/\(pinned)/"))
    #expect(readme.contains("`\(tarball)`"))
    #expect(readme.contains("The version is \(pinned),"))
  }
}
