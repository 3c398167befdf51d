package import APBus
import HostSystem

/// A sysfs whose writes can be seen from other threads while they last: a queue that is reset can hold
/// its writer for seconds, or for ever.
package final class ObservedSysfs: Sysfs {
  private let sysfs: any Sysfs
  private let board: StatusBoard
  private let time = HostTime()

  /// Lets writes to `sysfs` be seen on `board`.
  package init(_ sysfs: any Sysfs, board: StatusBoard) {
    self.sysfs = sysfs
    self.board = board
  }

  package func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    let writing = WriteInProgress(path: path, text: text, since: time.now)
    board.note { $0.writing = writing }
    do throws(SysfsError) {
      try sysfs.write(text, to: path)
    } catch {
      board.note {
        $0.writing = nil
        $0.writes.refused += 1
      }
      throw error
    }
    board.note {
      $0.writing = nil
      $0.writes.done += 1
    }
  }

  package func read(_ path: SysfsPath) throws(SysfsError) -> String { try sysfs.read(path) }

  package func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try sysfs.readLink(path)
  }

  package func list(_ path: SysfsPath) throws(SysfsError) -> [String] { try sysfs.list(path) }
}
