package import APBus

/// What a name in the tree stands for.
package enum SysfsNode: Equatable, Sendable {
  /// A directory of an object, or one that holds such.
  case directory
  /// A link, with its target relative to where the link is, as the kernel writes it.
  case link(String)
  /// A file, with its permissions.
  case attribute(SysfsPath, mode: UInt16)
  /// The file by which a person makes something happen to the machine: it takes steps of scenarios.
  case control

  /// What `stat` tells as a file's size: attributes have a page, whatever they read; links and
  /// directories have none (fs/kernfs/inode.c, fs/sysfs/file.c).
  package var size: Int {
    switch self {
    case .attribute: 4096
    case .directory, .link, .control: 0
    }
  }
}
