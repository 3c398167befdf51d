package import APBus

/// What another tool's configuration does at the next boot against the rules, or against the mechanism in
/// use: harmless today, and a guest or a disk lost after the reboot.
package struct NextBootConflict: Equatable, Sendable {
  /// Whose configuration it is, and so how it is removed.
  package enum Tool: Equatable, Sendable {
    /// `ap.apmask=` or `ap.aqmask=` on the kernel command line.
    case kernelCommandLine
    /// The udev rule of chzdev.
    case chzdev
    /// Files of driverctl, one a queue.
    case driverctl
  }

  /// What it does.
  package enum Effect: Equatable, Sendable {
    /// Takes queues from the host that these rules keep for it.
    case takes([APQN], rules: [String])
    /// Binds a queue to another driver than `vfio_ap`, for which this rule reserves it.
    case binds(APQN, driver: String, rule: String)
    /// Sets masks, while queues are reserved by overrides.
    case setsMasks
    /// Sets overrides, while queues are reserved by masks.
    case setsOverrides
  }

  /// The tool.
  package var tool: Tool
  /// The files, or what else has the configuration.
  package var sources: [String]
  /// What it does.
  package var effect: Effect

  /// A conflict.
  package init(_ tool: Tool, _ sources: [String], _ effect: Effect) {
    self.tool = tool
    self.sources = sources
    self.effect = effect
  }

  /// The queues that it names.
  package var apqns: [APQN] {
    switch effect {
    case .takes(let apqns, rules: _): apqns
    case .binds(let apqn, driver: _, rule: _): [apqn]
    case .setsMasks, .setsOverrides: []
    }
  }

  /// What removes it, and acts on the next boot only: `driverctl unset-override` would move the queue now.
  private var remedy: String {
    switch tool {
    case .kernelCommandLine:
      "remove ap.apmask= and ap.aqmask= from the kernel parameters in the boot loader's configuration, and "
        + "run zipl"
    case .chzdev: "run chzdev --type ap --persistent --remove-all"
    case .driverctl: "run rm \(sources.joined(separator: " "))"
    }
  }
}

extension NextBootConflict: CustomStringConvertible {
  /// One sentence: who does what, against what, and what removes it.
  package var description: String {
    let source = sources.shortList(of: 3)
    let verb = sources.count == 1 ? "sets" : "set"
    let text =
      switch effect {
      case .takes(let apqns, let rules):
        "\(source) takes \(apqns.shortList()) from the host at the next boot, against "
          + rules.shortList(of: 3)
      case .binds(let apqn, let driver, let rule):
        "\(source) binds \(apqn) to \(driver) at the next boot, against \(rule)"
      case .setsMasks:
        "\(source) \(verb) masks at the next boot, and then the kernel takes no driver_override, so that "
          + "what is reserved by override now is lost"
      case .setsOverrides:
        "\(source) \(verb) driver_override at the next boot, and then the kernel takes no masks, so that "
          + "what is reserved by masks now is lost"
      }
    return "\(text); \(remedy)"
  }
}
