import AdjunctProcessor
import Glibc
import HostSystem
import Reports
import ReservationRules
import Sysfs
import Uevents

/// Waits for events of the AP bus and prints each with the decision on its queue.
struct EventWatch {
  let monitor: UdevMonitor
  let rules: RuleSet
  let host: HostIdentity
  let style: TextStyle
  private let time = HostTime()

  init(monitor: UdevMonitor, rules: RuleSet, host: HostIdentity, style: TextStyle) {
    self.monitor = monitor
    self.rules = rules
    self.host = host
    self.style = style
  }

  /// Runs until nobody reads the output any more.
  func run(recordingTo path: String?) throws {
    let recording = try path.map { try Recording($0) }
    try recording?.append(MonitorText.introduction)
    var isRead = true
    while isRead {
      try wait()
      var events: [Uevent] = []
      let outcome = try monitor.drain { events.append($0) }
      let relevant = events.filter { BusObject(path: $0.devicePath) != nil }
      for event in relevant {
        let time = time.now
        try recording?.append(MonitorText.record(event, at: time))
        let line = EventLine(event, decision: decision(on: event)).text(at: time, style: style)
        isRead = try Terminal.print(line) && isRead
      }
      if outcome == .overrun {
        Terminal.say("events were lost: they came faster than they were read")
      }
    }
  }

  /// What the rules decide for the queue of an event, from its card as it is now.
  private func decision(on event: Uevent) -> Decision? {
    guard case .queue(let apqn) = BusObject(path: event.devicePath) else { return nil }
    var inventory = Inventory.empty
    if let sysfs = try? HostSysfs(),
      let card = try? InventoryReader(sysfs: sysfs).readCard(apqn.adapter)
    {
      inventory.setCard(card, adapter: apqn.adapter)
    }
    return DecisionTable(rules: rules, inventory: inventory, host: host).decision(for: apqn)
  }

  private func wait() throws {
    var request = pollfd(fd: monitor.descriptor, events: Int16(POLLIN), revents: 0)
    while poll(&request, 1, -1) < 0 {
      guard errno == EINTR else {
        throw FileError("the kernel's uevents", .failed("waiting for", Errno(rawValue: errno)))
      }
    }
  }
}

/// A file to which events are added as they come.
private final class Recording {
  private let file: Int32
  private let path: String

  init(_ path: String) throws {
    self.path = path
    file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard file >= 0 else {
      throw FileError(path, .failed("opening", Errno(rawValue: errno)))
    }
  }

  deinit {
    if file >= 0 { close(file) }
  }

  func append(_ text: String) throws {
    let number = Terminal.write(text, to: file)
    guard number == 0 else { throw FileError(path, .failed("writing", Errno(rawValue: number))) }
  }
}
