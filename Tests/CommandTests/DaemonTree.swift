import Glibc
import TestSupport
import Testing

/// A directory of plain files in sysfs's form, with one card and one queue on the host, and a daemon that
/// has nothing to do there.
struct DaemonTree {
  let bench: Workbench

  init() throws {
    let all = "0x" + String(repeating: "f", count: 64) + "\n"
    bench = try Workbench([
      "rules/50.rules": "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n",
      "tree/bus/ap/scans": "1\n", "tree/bus/ap/apmask": all, "tree/bus/ap/aqmask": all,
      "tree/bus/ap/drivers/cex4queue/bind": "", "tree/bus/ap/drivers/vfio_ap/bind": "",
      "tree/devices/ap/card01/hwtype": "13\n",
      "tree/devices/ap/card01/ap_functions": "0x92000000\n",
      "tree/devices/ap/card01/01.0004/online": "1\n",
    ])
    try bench.link("tree/bus/ap/devices/card01", to: "../../../devices/ap/card01")
    try bench.link("tree/bus/ap/devices/01.0004", to: "../../../devices/ap/card01/01.0004")
    try bench.link(
      "tree/devices/ap/card01/01.0004/driver", to: "../../../../bus/ap/drivers/cex4queue")
  }

  /// Gives the queue requests that never finish, and lets the rules request it.
  func neverAnswer() throws {
    for name in ["pendingq_count", "requestq_count"] {
      try bench.file("tree/devices/ap/card01/01.0004/\(name)", "1\n")
    }
    try bench.file("tree/bus/ap/drivers/cex4queue/unbind", "")
    try bench.file("rules/50.rules", "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n")
  }

  /// Whether the queue is switched on. Only the first digit counts: a plain file keeps the rest.
  var isOnline: Bool {
    get throws { try bench.text("tree/devices/ap/card01/01.0004/online").first == "1" }
  }

  static let words = "daemon --sysfs tree --rules rules --control c --state-dir state"

  /// Starts a daemon and waits until it can be asked.
  func start(_ more: String = "", environment: [String] = []) throws -> BackgroundProgram {
    let program = try BackgroundProgram(
      "\(Self.words) \(more)", in: bench, environment: environment)
    try wait { access(bench.path + "/c", F_OK) == 0 }
    return program
  }

  /// Waits until the condition holds. No time is asserted: the limit is for what never happens.
  func wait(until condition: () throws -> Bool) throws {
    let end = ContinuousClock.now + .seconds(180)
    repeat {
      if try condition() { return }
      usleep(1000)
    } while ContinuousClock.now < end
    Issue.record("the condition never held")
  }
}
