import HostSystem
import Reservation

/// Notices when definitions of guests have changed: of mediated devices, and of virtual machines that use them.
///
/// libvirt writes the state of a running machine often, and hardly ever is it about a mediated device, so that
/// everything is read and compared before the agent is to hear of it.
final class GuestWatch {
  private let reader: HostConfigurationReader
  private let onChange: () -> Void
  private var watches: [FileWatch] = []
  private var known: HostConfiguration

  /// Watches the definitions below `root`.
  init(
    _ loop: EventLoop, root: String, onChange: @escaping () -> Void
  ) throws(EventLoopError) {
    reader = HostConfigurationReader(root: root)
    self.onChange = onChange
    known = HostConfiguration()
    let directories = HostConfigurationReader.guestDirectories(root: root)
    for suffix in Set(directories.map(\.suffix)).sorted() {
      watches.append(
        try FileWatch(
          loop, directories: directories.filter { $0.suffix == suffix }.map(\.path),
          suffix: suffix
        ) { [unowned self] in readAgain() })
    }
    known = reader.readGuests()
  }

  /// What cannot be watched, each a sentence.
  var problems: [String] {
    watches.flatMap(\.problems).map {
      "\($0); changes of definitions there are noticed only by the next scan of everything"
    }
  }

  /// Takes in what has been written already, without waiting for more.
  func refresh() { readAgain() }

  private func readAgain() {
    let now = reader.readGuests()
    guard now != known else { return }
    known = now
    onChange()
  }
}
