import APBus
import SimulatedBus

/// The simulated bus at the architecture's full size: 256 adapters with 256 queues each.
struct BusBenchmark {
  /// Runs everything and prints a table; whether every queue was where it belongs.
  func run() -> Bool {
    let small = Process.peakKibibytes ?? 0
    var bus = SimulatedBus(behavior: .mask61)
    let build = Process.median(of: 3) { bus = Self.machine() }
    let idleScan = Process.median(of: 9) { bus.scan() }
    var isPlugged = true
    let queue = APQN(adapter: 255, domain: 255)
    let eventScan = Process.median(of: 9) {
      if isPlugged { bus.unplugQueue(queue) } else { bus.plugQueue(queue) }
      isPlugged.toggle()
    }
    if !isPlugged { bus.plugQueue(queue) }
    var isTaken = true
    let rows = Process.median(of: 3) {
      isTaken = Self.write("0x0", to: bus) && isTaken && bus.storedQueues.count == 65_536
      isTaken = Self.write("\(APMask.all)", to: bus) && isTaken && bus.storedQueues.isEmpty
    }
    let read = Process.median(of: 3) { _ = try? InventoryReader(sysfs: bus).read() }
    print("65,536 queues with both drivers; times are medians")
    print("built, scanned and bound   \(build / 1000) us")
    print("a scan that finds nothing  \(idleScan / 1000) us, the baseline")
    print(
      "a scan that finds a queue  \(eventScan / 1000) us, \(Self.ratio(of: eventScan, to: idleScan))"
    )
    print("all moved and moved back   \(rows / 1000) us")
    print("read as an inventory       \(read / 1000) us")
    print("peak memory \(Process.peakKibibytes ?? 0) KiB, before the first queue \(small) KiB")
    return isTaken
  }

  /// Both masks have a hole, so that both of the drivers have queues.
  private static func machine() -> SimulatedBus {
    let bus = SimulatedBus(behavior: .mask61, adapterMask: "0xf0", domainMask: "0x0f")
    for domain in UInt8.min...UInt8.max { bus.addDomain(domain, quietly: true) }
    for adapter in UInt8.min...UInt8.max {
      bus.plug(card: SimulatedCard(adapter: adapter), quietly: true)
    }
    bus.scan()
    SimulatedBus.Module.allCases.forEach(bus.loadModule)
    try? bus.write("\(APMask.all)", to: .bus("apmask"))
    try? bus.write("\(APMask.all)", to: .bus("aqmask"))
    return bus
  }

  private static func write(_ mask: String, to bus: SimulatedBus) -> Bool {
    (try? bus.write(mask, to: .bus("apmask"))) != nil
  }

  private static func ratio(of time: UInt64, to baseline: UInt64) -> String {
    let tenths = time * 10 / max(baseline, 1)
    return "\(tenths / 10).\(tenths % 10) times the baseline"
  }
}
