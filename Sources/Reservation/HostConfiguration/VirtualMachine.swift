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

  /// Reads a file; nil if it describes no domain, such as a network or a snapshot.
  ///
  /// Read are the `<name>` of the `<domain>`, and in each `<hostdev type='mdev' model='vfio-ap'>` the UUID of
  /// its source's address.
  package init?(xml bytes: [UInt8]) throws(XMLError) {
    var scanner = XMLScanner(bytes)
    var path: [String] = []
    var name: String?
    var uuids: [String] = []
    var isInDevice = false
    while let item = try scanner.next() {
      switch item {
      case .start(let element):
        path.append(element.name)
        if element.name == "hostdev" {
          isInDevice =
            element["type"] == "mdev" && (element["model"] ?? "vfio-ap") == "vfio-ap"
        } else if isInDevice, path.suffix(3) == ["hostdev", "source", "address"],
          let uuid = element["uuid"]
        {
          uuids.append(uuid.lowercased())
        }
      case .text(let text):
        if name == nil, path.suffix(2) == ["domain", "name"] { name = text }
      case .end:
        if path.popLast() == "hostdev" { isInDevice = false }
      }
    }
    guard let name else { return nil }
    self.name = name
    mediatedDevices = uuids
  }
}
