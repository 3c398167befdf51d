package import APBus
import JSONText

/// Which machine a report is about, and where what it says comes from.
package struct MachineHeading: Equatable, Sendable {
  package var host: HostIdentity
  /// The release of its kernel, if it is known.
  package var kernel: String?
  package var source: Source

  package enum Source: Equatable, Sendable {
    /// The running daemon, which has scanned everything so long ago.
    case daemon(Duration)
    /// The files of the system itself, read now.
    case system
    /// Another tree than `/sys`, read now.
    case tree(String)
    /// A description or a capture of that name, as old as this, if it says when it was made.
    case file(String, age: Duration?)
  }

  package init(host: HostIdentity, kernel: String?, source: Source) {
    self.host = host
    self.kernel = kernel
    self.source = source
  }

  /// One line, such as `kvm1 (LPAR LP1), Linux 6.12.41, as scanned by the daemon 3 s ago`; more on a narrow terminal.
  ///
  /// With `saysUnknownAge`, it says so of a file that does not have the time at which it was made.
  package func line(style: TextStyle, saysUnknownAge: Bool = false) -> String {
    let lpar = host.lpar.map { "LPAR \($0.printable)" }
    let name = host.name.map { $0.printable + (lpar.map { " (\($0))" } ?? "") } ?? lpar
    var parts = [name, kernel.map { "Linux \($0.printable)" }, origin].compactMap(\.self)
    if saysUnknownAge, isOfUnknownAge { parts.append("of unknown age") }
    let text = parts.isEmpty ? "this host" : parts.joined(separator: ", ")
    return style.lines(text, after: "").map { style.paint($0, in: .faint) }
      .joined(separator: "\n")
  }

  /// Whether both are certainly the same host. Redacted names are equal for different hosts (`Snapshot.redacted`).
  package func isSameHost(as other: MachineHeading) -> Bool {
    host.name != nil && host == other.host && !isRedacted
  }

  private var isRedacted: Bool { host.name?.hasPrefix("REDACTED-") == true }

  /// The name of the host, or of the LPAR or the file where it has none.
  package var name: String {
    (isRedacted ? path : nil) ?? host.name ?? host.lpar.map { "LPAR \($0)" } ?? path
      ?? "this host"
  }

  /// The same with the LPAR, for people.
  var fullName: String {
    guard host.name != nil, !isRedacted, let lpar = host.lpar else { return name.printable }
    return "\(name.printable) (LPAR \(lpar.printable))"
  }

  /// The file that it is from; nil where it is not from one.
  package var path: String? { source.path }

  /// How old the file says it is.
  package var age: Duration? {
    if case .file(_, let age) = source { age } else { nil }
  }

  /// Whether it is from a file that does not say when it was made.
  var isOfUnknownAge: Bool {
    if case .file(_, nil) = source { true } else { false }
  }

  /// Whether its file is older than that, or claims to be from the future; false if its age is not known.
  func isStale(after age: Duration) -> Bool {
    self.age.map { $0 > age || $0.isOfFuture } ?? false
  }

  private var origin: String? {
    switch source {
    case .daemon(let age): "as scanned by the daemon \(age.largestUnit) ago"
    case .system: nil
    case .tree(let path): "from \(path.printable)"
    case .file(let name, nil): "from \(name.printable)"
    case .file(let name, let age?): "from \(name.printable), \(age.sinceWords)"
    }
  }

  static let layout = JSONLayout<MachineHeading>(
    "Machine", "The machine that a report is about, and where the report comes from."
  ) {
    $0.add("host", .text, "The name of the host.", \.host.name)
    $0.add("lpar", .text, "The name of the LPAR.", \.host.lpar)
    $0.add("kernel", .text, "The release of the kernel.", \.kernel)
    $0.add(
      "source", .word,
      "Who has read the machine: the running daemon, this program from the system itself or from another tree than /sys, or whoever has written a file.",
      \.source.kind)
    $0.add("path", .text, "The tree or the file.", \.source.path)
    $0.add(
      "age", .count,
      "How many seconds ago that was; 0 for a time in the future, and missing if a file does not say.",
      \.source.age)
  }
}

extension Duration {
  /// Whether an age says that one of two clocks is wrong: they may differ by some minutes.
  var isOfFuture: Bool { self < .seconds(-5 * 60) }

  /// The age of a file in words.
  var sinceWords: String {
    isOfFuture ? "from \((.zero - self).largestUnit) in the future" : "\(largestUnit) old"
  }
}

extension MachineHeading.Source {
  fileprivate enum Kind: String, CaseIterable {
    case daemon, system, tree, file
  }

  fileprivate var kind: Kind {
    switch self {
    case .daemon: .daemon
    case .system: .system
    case .tree: .tree
    case .file: .file
    }
  }

  var path: String? {
    switch self {
    case .daemon, .system: nil
    case .tree(let path), .file(let path, _): path
    }
  }

  fileprivate var age: Int64? {
    switch self {
    case .system, .tree: nil
    case .daemon(let age): max(0, age.components.seconds)
    case .file(_, let age): age.map { max(0, $0.components.seconds) }
    }
  }
}

/// A report and the heading of its machine, which the daemon's answers do not have.
package struct Headed<Report> {
  package var report: Report
  package var heading: MachineHeading?

  package init(_ report: Report, under heading: MachineHeading? = nil) {
    self.report = report
    self.heading = heading
  }
}

extension JSONLayout {
  /// The layout of a document about a machine.
  static func report<Report>(
    _ kind: String, _ description: String, _ define: (inout JSONLayout) -> Void
  ) -> JSONLayout where Subject == Headed<Report> {
    document(kind, description) {
      $0.add(
        "machine", .object(MachineHeading.layout),
        "The machine that this is about; not in the daemon's answers.", \.heading)
      define(&$0)
    }
  }
}
