/// A virtual machine of libvirt that is given mediated devices of `vfio_ap`.
package struct VirtualMachine: Equatable, Sendable {
  package var name: String
  /// The UUIDs of the devices in its definition, which it is given at its next start.
  package var definedDevices: [String]
  /// The UUIDs of the devices that it has as it runs; nil if it does not run with any.
  package var liveDevices: [String]?

  /// The UUIDs of all its devices.
  package var mediatedDevices: [String] {
    definedDevices + (liveDevices ?? []).filter { !definedDevices.contains($0) }
  }

  /// A machine with the devices of its definition, and those that it has as it runs.
  package init(name: String, mediatedDevices: [String], live: [String]? = nil) {
    self.name = name
    definedDevices = mediatedDevices
    liveDevices = live
  }

  /// Where libvirt keeps definitions, and the state of machines that run.
  package static let definedDirectory = "/etc/libvirt/qemu"
  package static let liveDirectory = "/run/libvirt/qemu"
}

/// What one of libvirt's files says of a virtual machine: a definition, or the state of one that runs, in which
/// the definition is an element among others.
package struct DomainDescription: Equatable, Sendable {
  package var name: String
  /// The UUIDs of the devices of `vfio_ap` that it is given, in lower case.
  package var mediatedDevices: [String] = []
  /// What it needs of its host, if its metadata say so.
  package var needs: GuestNeeds?
  /// Why the metadata do not say it, a clause, if they should.
  package var needsProblem: String?

  /// Reads a file; nil if it describes no domain, such as a network or a snapshot.
  ///
  /// Read are the `<name>` of the `<domain>`, in each `<hostdev type='mdev' model='vfio-ap'>` the UUID of its source's
  /// address, and, if `readsNeeds`, in the `<metadata>` what the guest needs (`GuestNeeds`).
  package init?(xml bytes: [UInt8], readsNeeds: Bool = false) throws(XMLError) {
    var scanner = XMLScanner(bytes)
    var open: [XMLScanner.Element] = []
    var name: String?
    var uuids: [String] = []
    var isInDevice = false
    var reader: GuestNeeds.Reader?
    /// How many elements are open around the content of `needs`; nil outside of it.
    var needsDepth: Int?
    while let item = try scanner.next() {
      switch item {
      case .start(let element):
        let path = open.map(\.name)
        if element.name == "hostdev" {
          isInDevice =
            element["type"] == "mdev" && (element["model"] ?? "vfio-ap") == "vfio-ap"
        } else if isInDevice, element.name == "address", path.suffix(2) == ["hostdev", "source"],
          let uuid = element["uuid"]
        {
          uuids.append(uuid.lowercased())
        } else if needsDepth == open.count {
          reader?.take(element)
        } else if readsNeeds, reader == nil, path.suffix(2) == ["domain", "metadata"] {
          reader = GuestNeeds.Reader(element, in: open)
          if reader != nil { needsDepth = open.count + 1 }
        }
        open.append(element)
      case .text(let text):
        if name == nil, open.suffix(2).map(\.name) == ["domain", "name"] { name = text }
      case .end:
        if open.popLast()?.name == "hostdev" { isInDevice = false }
        if let depth = needsDepth, open.count < depth { needsDepth = nil }
      }
    }
    guard let name else { return nil }
    self.name = name
    mediatedDevices = uuids
    needs = reader?.result
    needsProblem = reader?.problem
  }
}
