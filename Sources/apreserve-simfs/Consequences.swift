import CFuse
import Glibc
import HostSystem
import Synchronization
import Uevents

/// What follows from changes of the bus.
struct Consequences {
  /// Names that the kernel may keep and must drop.
  var names: [NodeTable.Name] = []
  /// Events that are sent when that is done: who gets one finds what it tells of.
  var events: [Uevent] = []
  /// Answers that are given after that: who has changed something finds it changed.
  var answers: [() -> Void] = []

  var areNone: Bool { names.isEmpty && events.isEmpty && answers.isEmpty }
}

/// Sees to the consequences of changes, one change after the other.
struct Conclusion {
  private let files: SimulatedFileSystem
  private let dropper: NameDropper
  private let send: (Uevent) -> Void
  /// What is being seen to.
  private var current: Consequences?

  init(of files: SimulatedFileSystem, by dropper: NameDropper, send: @escaping (Uevent) -> Void) {
    self.files = files
    self.dropper = dropper
    self.send = send
  }

  /// Whether something waits for names to be dropped.
  var isUnderWay: Bool { current != nil }

  /// Goes on as far as is possible now.
  ///
  /// - Returns: Whether nothing is left.
  mutating func goOn() -> Bool {
    while true {
      if let current {
        guard !dropper.isBusy else { return false }
        for event in current.events { send(event) }
        for answer in current.answers { answer() }
      }
      let next = files.takeConsequences()
      current = next.areNone ? nil : next
      guard isUnderWay else { return true }
      if !next.names.isEmpty { dropper.drop(next.names) }
    }
  }
}

/// Has the kernel drop names that it keeps, on a thread of its own.
///
/// The kernel waits for programs that look for names in the same directory (`fuse_reverse_inval_entry` in
/// fs/fuse/dir.c), and these may wait for an answer of this one. So while names are dropped, every request must be
/// answered that may be made with a directory locked: all but reads and writes of files.
final class NameDropper: Sendable {
  private struct State {
    var names: [NodeTable.Name] = []
    var isBusy = false
  }

  private let state = Mutex(State())
  private let requests: Wakeup
  private let ends: Wakeup

  /// For the file system that is served through a descriptor.
  init(_ descriptor: Int32) throws(EventLoopError) {
    requests = try Wakeup()
    ends = try Wakeup()
    try WorkerThread.start { [self] in
      while true {
        requests.wait(nil)
        for name in state.withLock({ $0.names }) {
          // A name that is not kept need not be dropped, and none has to be of a tree that is unmounted.
          while apreserve_drop_name(descriptor, name.directory, name.text) == -ENOMEM {
            usleep(1000)
          }
        }
        state.withLock { state in
          state = State()
          ends.signal()
        }
      }
    }
  }

  /// Whether names are being dropped.
  var isBusy: Bool { state.withLock { $0.isBusy } }

  /// Readable once all names are dropped.
  var descriptor: Int32 { ends.descriptor }

  /// Begins to drop names.
  func drop(_ names: [NodeTable.Name]) {
    ends.acknowledge()
    state.withLock { $0 = State(names: names, isBusy: true) }
    requests.signal()
  }
}
