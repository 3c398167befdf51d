import APBus

/// The files of the matrix device and of mediated devices (SimulatedBus documentation, "Mediated devices").
extension SimulatedBus {
  /// The names in a mediated device's directory.
  func entries(of mediated: SimulatedMediatedDevice) -> [String] {
    guard !mediated.isLeaving else { return ["iommu_group", "vfio-dev"] }
    var names = [
      "assign_adapter", "assign_control_domain", "assign_domain", "control_domains", "driver",
      "iommu_group", "matrix", "mdev_type", "remove", "subsystem", "uevent", "unassign_adapter",
      "unassign_control_domain", "unassign_domain", "vfio-dev",
    ]
    if behavior.hasGuestMatrix { names.append("guest_matrix") }
    if behavior.hasLateAttributes { names.append("ap_config") }
    if behavior.hasPowerDirectories { names.append("power") }
    return names
  }

  /// The text of a file of the matrix device or of its type of mediated devices.
  func text(of path: SysfsPath, matrix: MatrixDevice) -> String? {
    switch (path.object, path.name) {
    case (.matrix, "uevent"), (.matrixRoot, "uevent"): ueventText(path.object)
    case (.matrix, "features") where behavior.hasLateAttributes:
      "guest_matrix hotplug ap_config migratable\n"
    case (.mediatedDeviceType, "available_instances"):
      AttributeText.number(Self.mediatedDeviceLimit - matrix.mediatedDevices.count)
    case (.mediatedDeviceType, "device_api"): "vfio-ap\n"
    case (.mediatedDeviceType, "name"): "VFIO AP Passthrough Device\n"
    default: nil
    }
  }

  /// The text of a mediated device's file.
  func text(
    of name: String, mediated: SimulatedMediatedDevice, in matrix: MatrixDevice
  ) -> String? {
    guard !mediated.isLeaving else { return nil }
    let device = mediated.device
    switch name {
    case "matrix":
      return AttributeText.matrix(adapters: device.adapters, domains: device.domains)
    case "guest_matrix" where behavior.hasGuestMatrix:
      let effective = effectiveMatrix(of: device, in: matrix)
      return AttributeText.matrix(adapters: effective.adapters, domains: effective.domains)
    case "control_domains": return AttributeText.domains(device.controlDomains)
    case "ap_config" where behavior.hasLateAttributes:
      return "\(device.adapters),\(device.domains),\(device.controlDomains)\n"
    case "uevent": return ueventText(.mediatedDevice(device.uuid))
    default: return nil
    }
  }

  /// Writes a mediated device's file; false for one that cannot be written.
  func store(
    _ text: String, to name: String, mediated uuid: String, in matrix: MatrixDevice
  ) throws(Errno) -> Bool {
    if name == "remove" {
      if !text.isEmpty { try removeMediatedDevice(text, uuid: uuid) }
      return true
    }
    if name == "ap_config", behavior.hasLateAttributes {
      if !text.isEmpty { try configure(text, uuid: uuid, in: matrix) }
      return true
    }
    let isUnassigning = name.hasPrefix("un")
    let axis: AssignmentAxis
    switch isUnassigning ? name.dropFirst(2) : name[...] {
    case "assign_adapter": axis = .adapter
    case "assign_domain": axis = .domain
    case "assign_control_domain": axis = .controlDomain
    default: return false
    }
    if !text.isEmpty {
      try assign(axis, text, isUnassigning: isUnassigning, uuid: uuid, in: matrix)
    }
    return true
  }

  /// The text of a module's file.
  func moduleText(of name: String, module: String) -> String? {
    switch name {
    case "initstate": "live\n"
    case "refcnt":
      AttributeText.number(
        module == Module.vfioAP.rawValue
          ? matrix?.mediatedDevices.values.count(where: \.hasGuest) ?? 0 : 0)
    default: nil
    }
  }
}
