import APBus

/// The permissions of attributes (SimulatedBus documentation, "The kernel's files").
enum AttributeMode {
  private static let commands: Set<String> = [
    "assign_adapter", "assign_control_domain", "assign_domain", "bind", "create", "drivers_probe",
    "remove", "unassign_adapter", "unassign_control_domain", "unassign_domain", "unbind",
  ]
  private static let settings: Set<String> = [
    "ap_config", "ap_domain", "apmask", "aqmask", "config_time", "driver_override",
    "drivers_autoprobe", "online", "poll_thread", "poll_timeout", "request_count", "scans",
  ]

  /// The permissions of an attribute. `hasLateAttributes` is the kernel's (`KernelBehavior`).
  static func mode(of path: SysfsPath, hasLateAttributes: Bool) -> UInt16 {
    if commands.contains(path.name) { return 0o200 }
    if settings.contains(path.name) { return 0o644 }
    switch (path.object, path.name) {
    case (.bus, "uevent"), (.driver, "uevent"): return 0o200
    case (_, "uevent"), (.card, "config"): return 0o644
    case (_, "reset") where hasLateAttributes: return 0o644
    default: return 0o444
    }
  }
}
