import CUdev
import Daemon
import HostSystem
import HostTestSupport
import Uevents

/// Taking events in, against libudev's bare receive loop: both listen at the same time, and each drains
/// what has arrived.
struct EventRateBenchmark {
  private static let rounds = 40
  private static let batch = 2000

  let injection: Injection

  func run() throws {
    guard let context = udev_new(), let bare = udev_monitor_new_from_netlink(context, "kernel"),
      udev_monitor_enable_receiving(bare) >= 0
    else { fatalError("libudev does not listen") }
    let loop = try EventLoop()
    let mailbox = try Mailbox()
    let intake = try EventIntake(loop, mailbox: mailbox, log: TextLog()) { fatalError($0) }
    var bareTimes: [UInt64] = []
    var intakeTimes: [UInt64] = []
    let messages = (0..<Self.batch).map { index in
      Injection.queue("05.00" + (index % 16 < 10 ? "0\(index % 16)" : "1\(index % 16 - 10)"))
    }
    for _ in 0..<Self.rounds {
      for message in messages { injection.inject(message) }
      var start = Clock.spent
      var count = 0
      while let device = udev_monitor_receive_device(bare) {
        udev_device_unref(device)
        count += 1
      }
      bareTimes.append(Clock.spent - start)
      precondition(count == Self.batch)
      start = Clock.spent
      intake.takeIn()
      intakeTimes.append(Clock.spent - start)
      _ = mailbox.wait(.zero)
    }
    precondition(intake.counts.events == UInt64(Self.rounds * Self.batch))
    let bareTime = Double(Clock.quantile(0.5, of: bareTimes)) / Double(Self.batch)
    let intakeTime = Double(Clock.quantile(0.5, of: intakeTimes)) / Double(Self.batch)
    print(
      """
      events     bare libudev        \(decimal(bareTime / 1000, digits: 2)) us an event
                 filter and intake   \(decimal(intakeTime / 1000, digits: 2)) us an event, \
      \(decimal(bareTime / intakeTime, digits: 2)) of the bare rate (goal: 0.9)
      """)
    udev_monitor_unref(bare)
    udev_unref(context)
  }
}

extension Injection {
  /// A message about a queue, as a kernel with masks sends it.
  static func queue(_ name: String, action: Uevent.Action = .change) -> [UInt8] {
    KernelMessage.encode(
      Uevent(
        action, "/devices/ap/card\(name.prefix(2))/\(name)", subsystem: "ap",
        properties: [
          .init("DEVTYPE", "ap_queue"), .init("DRIVER", "cex4queue"), .init("MODE", "cca"),
        ]
      ))
  }
}
