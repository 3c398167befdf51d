package import APBus
package import JSONText

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

  /// One line, such as `kvm1 (LPAR LP1), Linux 6.12.41, as scanned by the daemon 3 s ago`.
  package func line(style: TextStyle) -> String {
    let lpar = host.lpar.map { "LPAR \($0.printable)" }
    let name = host.name.map { $0.printable + (lpar.map { " (\($0))" } ?? "") } ?? lpar
    let parts = [name, kernel.map { "Linux \($0.printable)" }, origin].compactMap(\.self)
    return style.paint(parts.isEmpty ? "this host" : parts.joined(separator: ", "), in: .faint)
  }

  private var origin: String? {
    switch source {
    case .daemon(let age): "as scanned by the daemon \(age.largestUnit) ago"
    case .system: nil
    case .tree(let path): "from \(path.printable)"
    case .file(let name, nil): "from \(name.printable)"
    case .file(let name, let age?): "from \(name.printable), \(age.largestUnit) old"
    }
  }

  package var json: JSONValue {
    JSONObject.make {
      $0.set("host", text: host.name)
      $0.set("lpar", text: host.lpar)
      $0.set("kernel", text: kernel)
      switch source {
      case .daemon(let age):
        $0.set("source", text: "daemon")
        $0.set("age", number: max(0, age.components.seconds))
      case .system: $0.set("source", text: "system")
      case .tree(let path):
        $0.set("source", text: "tree")
        $0.set("path", text: path)
      case .file(let path, let age):
        $0.set("source", text: "file")
        $0.set("path", text: path)
        $0.set("age", number: age.map { max(0, $0.components.seconds) })
      }
    }
  }
}
