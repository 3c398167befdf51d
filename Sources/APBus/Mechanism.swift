/// How queues are moved between drivers on a kernel.
public enum Mechanism: String, Hashable, Sendable, CaseIterable {
  /// Plain `unbind` and `bind`: the design of 2018, no masks on the bus.
  case bind
  /// `apmask` and `aqmask`, since Linux 4.20.
  case mask
  /// `driver_override` on each queue, since Linux 6.19.
  case override
}
