import APBus
import Replay
import Reservation
import ReservationRules
import Uevents

extension FuzzTarget {
  /// Kernel messages, as the socket delivers them.
  static let uevents = FuzzTarget("uevents") { bytes in
    do {
      let event = try KernelMessage.decode(bytes)
      try hold(KernelMessage.encode(event) == bytes, "\(event) is encoded otherwise")
      _ = BusObject(path: event.devicePath)
    } catch let error as KernelMessageError {
      try holdReadable("\(error)")
    }
  }

  /// Captures of every form.
  static let captures = FuzzTarget("captures") { bytes in
    let capture = Capture.read(bytes: bytes, name: "capture")
    try hold(capture.format != nil || capture.damage != nil, "neither a format nor a reason")
    if let damage = capture.damage { try holdReadable("\(damage)") }
    for note in capture.notes { try holdReadable(note) }
    let numbered = capture.events.filter { $0.sequenceNumber != nil }
    guard numbered.count == capture.events.count, !numbered.isEmpty else { return }
    let written = MonitorText.text(capture.entries)
    let again = Capture.read(bytes: Array(written.utf8), name: "written")
    try hold(again.damage == nil, "what was written is not read: \(again.damage.debugDescription)")
    let events = again.events
    try hold(events.count == numbered.count, "\(numbered.count) events became \(events.count)")
  }

  /// Captures as machines and as scripts, each with a full run of the agent.
  static let capturedMachines = FuzzTarget("captured-machines") { bytes in
    let capture = Capture.read(bytes: bytes, name: "capture")
    do {
      let machine = try CapturedMachine(capture)
      // A run takes time that grows with the machine; the rules speak of every queue.
      guard machine.inventory.queues.count < 64, capture.entries.count < 64 else { return }
      for foreign in [false, true] {
        let session = ReplaySession(
          try ReplayScript(capture, foreign: foreign), rules: Self.someRules)
        try session.run()
        _ = try session.inventory()
      }
    } catch let fault as CaptureFault {
      try holdReadable("\(fault)")
    } catch _ as MechanismChoice.Unavailable {
      return
    }
  }

  private static let someRules = RuleSet.parse(files: [
    RuleFile(
      path: "some.rules",
      text: """
        HWTYPE=="10-", ADAPTER!="0", RESERVE="vfio_ap", COLLATERAL="accept"
        DOMAIN=="4", RESERVE="vfio_ap"
        CARD{serialnr}=="A*", RESERVE="host"
        """)
  ]).0

  /// What a replay is to end with.
  static let expectations = FuzzTarget("expectations") { bytes in
    do {
      let expectation = try Expectation(bytes, file: "expect")
      for mismatch in expectation.mismatches(with: .empty, counts: [:]) {
        try holdReadable(mismatch)
      }
    } catch let fault as Expectation.SyntaxError {
      try holdReadable("\(fault)")
    }
  }
}
