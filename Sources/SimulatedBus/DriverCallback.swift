public import APBus

/// A call from the AP bus into a driver: the arrows `remove` and `probe` of the design of 2018.
public struct DriverCallback: Equatable, Sendable {
  /// Which of the driver's functions is called.
  public enum Function: String, Sendable {
    /// The bus offers the device to the driver.
    case probe
    /// The bus takes the device from the driver.
    case remove
  }

  /// The function that was called.
  public var function: Function
  /// The driver's name.
  public var driver: String
  /// The card or queue.
  public var device: BusObject
  /// Why a probe was refused; nil for one that succeeded, and for every remove.
  public var refusal: Errno?

  /// A call into a driver.
  public init(
    _ function: Function, driver: String, device: BusObject, refusal: Errno? = nil
  ) {
    self.function = function
    self.driver = driver
    self.device = device
    self.refusal = refusal
  }
}
