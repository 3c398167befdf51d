import APBus

/// The files of the matrix device and of mediated devices, a row each (SimulatedBus documentation,
/// "Mediated devices").
extension SimulatedBus {
  static let matrixAttributes: [Attribute<MatrixDevice>] = [
    Attribute(
      "features", on: \.hasMatrixFeatures, show: { _, _ in "guest_matrix hotplug ap_config\n" }),
    Attribute(
      "uevent", show: { bus, _ in bus.ueventText(.matrix) },
      store: { (bus, _, text) throws(Errno) in try bus.synthesize(text, of: .matrix) }),
  ]

  static let mediatedDeviceTypeAttributes: [Attribute<MatrixDevice>] = [
    Attribute(
      "available_instances",
      show: { _, matrix in .number(mediatedDeviceLimit - matrix.mediatedDevices.count) }),
    Attribute("device_api", show: { _, _ in "vfio-ap\n" }),
    Attribute("name", show: { _, _ in "VFIO AP Passthrough Device\n" }),
    Attribute(
      "create",
      store: { (bus, matrix, text) throws(Errno) in
        try bus.createMediatedDevice(text, in: matrix)
      }),
  ]

  static let mediatedDeviceAttributes: [Attribute<SimulatedMediatedDevice>] =
    [
      Attribute("matrix", show: { _, mediated in .matrix(mediated.device) }),
      Attribute(
        "guest_matrix", on: \.hasGuestMatrix,
        show: { _, mediated in .matrix(mediated.guestMatrix) }),
      Attribute(
        "control_domains",
        show: { _, mediated in
          mediated.device.controlDomains.reduce(into: "") { $0 += Hex.text($1, digits: 4) + "\n" }
        }),
      Attribute(
        "ap_config", on: \.hasMatrixConfiguration,
        show: { _, mediated in
          let device = mediated.device
          return "\(device.adapters),\(device.domains),\(device.controlDomains)\n"
        },
        store: { (bus, mediated, text) throws(Errno) in try bus.configure(mediated, text: text) }),
      Attribute(
        "remove",
        store: { (bus, mediated, text) throws(Errno) in
          try bus.remove(mediated, text: text)
        }),
      Attribute(
        "uevent", show: { bus, mediated in bus.ueventText(.mediatedDevice(mediated.device.uuid)) },
        store: { (bus, mediated, text) throws(Errno) in
          try bus.synthesize(text, of: .mediatedDevice(mediated.device.uuid))
        }),
    ]
    + assigning("adapter", to: \.adapters) + assigning("domain", to: \.domains)
    + assigning("control_domain", to: \.controlDomains)

  /// `assign_adapter` and `unassign_adapter`, or their like.
  private static func assigning(
    _ name: String, to axis: any WritableKeyPath<MediatedDevice, APMask> & Sendable
  ) -> [Attribute<SimulatedMediatedDevice>] {
    [
      Attribute(
        "assign_" + name,
        store: { (bus, mediated, text) throws(Errno) in try bus.assign(text, as: axis, to: mediated)
        }),
      Attribute(
        "unassign_" + name,
        store: { (bus, mediated, text) throws(Errno) in
          try bus.unassign(text, as: axis, from: mediated)
        }),
    ]
  }
}

/// The size of the buffer that a file's text is written to.
private let pageSize = 4096

extension String {
  /// The queues of a matrix, one a line. Where only one axis is assigned, its part of the names: `05.` or
  /// `.0004`. What does not fit into a page is cut off (`vfio_ap_mdev_matrix_show`).
  fileprivate static func matrix(_ device: MediatedDevice) -> String {
    if device.domains.isEmpty {
      return device.adapters.reduce(into: "") { $0 += Hex.text($1, digits: 2) + ".\n" }
    }
    if device.adapters.isEmpty {
      return device.domains.reduce(into: "") { $0 += "." + Hex.text($1, digits: 4) + "\n" }
    }
    var text = ""
    for adapter in device.adapters {
      for domain in device.domains { text += "\(APQN(adapter: adapter, domain: domain))\n" }
      guard text.utf8.count < pageSize else { break }
    }
    return String(text.prefix(pageSize - 1))
  }
}
