/// What firmware a card runs, and by that what its queues can do.
public enum QueueMode: String, Hashable, Sendable, CaseIterable {
  /// Accelerator: clear keys only, holds no secrets.
  case accelerator = "accel"
  /// CCA coprocessor.
  case cca
  /// EP11 coprocessor.
  case ep11

  /// The mode that `ap_functions` of a card tells, tested in the kernel's order (`ap_uevent` in ap_bus.c).
  public init?(functions: UInt32) {
    if functions & 0x0800_0000 != 0 {
      self = .accelerator
    } else if functions & 0x1000_0000 != 0 {
      self = .cca
    } else if functions & 0x0400_0000 != 0 {
      self = .ep11
    } else {
      return nil
    }
  }

  /// The smallest `ap_functions` value that means this mode.
  public var functions: UInt32 {
    switch self {
    case .accelerator: 0x0800_0000
    case .cca: 0x1000_0000
    case .ep11: 0x0400_0000
    }
  }

  /// The last letter of a card's type, as in `CEX8C`: A, C or P.
  public var letter: String {
    switch self {
    case .accelerator: "A"
    case .cca: "C"
    case .ep11: "P"
    }
  }
}
