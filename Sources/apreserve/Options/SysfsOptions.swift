import ArgumentParser

/// A machine that is written to: a sysfs, and the files that belong to it.
struct SysfsOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The machine whose sysfs is here.", valueName: "dir"), completion: .directory
  )
  var sysfs = "/sys"

  @Option(
    help: ArgumentHelp(
      "Where the host's other files are (/etc, /proc) when --sysfs is not /sys.", valueName: "dir"),
    completion: .directory)
  var root: String?

  /// Whether it is this host itself.
  var isThisHost: Bool { sysfs == "/sys" }

  /// The other files of the machine.
  var files: MachineFiles {
    MachineFiles(isThisHost: isThisHost, root: root ?? (isThisHost ? "/" : nil))
  }
}
