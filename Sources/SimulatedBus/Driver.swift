public import APBus

/// A driver registered with the AP bus: what `vfio_ap` and the host's drivers pass to `ap_bus`.
protocol Driver: AnyObject {
  /// Its name on the bus.
  var name: String { get }
  /// The module that brought it; nil for one that is only known from an inventory.
  var module: SimulatedBus.Module? { get }
  /// The DEFAULT flag: whether it is the host's (`AP_DRIVER_FLAG_DEFAULT`).
  var isDefault: Bool { get }
  /// Whether its id table names the device: card or queue, and type (`ap_bus_match` in ap_bus.c).
  func matches(_ device: Device) -> Bool
  /// Takes the device, or throws the reason why not.
  func probe(_ device: Device) throws(Errno)
  /// Gives the device up. A driver cannot refuse.
  func remove(_ device: Device)
}

/// The host's driver of cards, `cex4card`.
final class HostCardDriver: Driver {
  let name: String
  let module: SimulatedBus.Module?
  var isDefault: Bool { true }
  private let hardwareTypes: ClosedRange<UInt8>

  /// A driver of cards of these types.
  init(name: String, module: SimulatedBus.Module?, hardwareTypes: ClosedRange<UInt8>) {
    self.name = name
    self.module = module
    self.hardwareTypes = hardwareTypes
  }

  func matches(_ device: Device) -> Bool {
    device is CardDevice && hardwareTypes.contains(device.hardwareType.rawValue)
  }

  func probe(_ device: Device) throws(Errno) {
    (device as? CardDevice)?.hostCard = HostCard()
  }

  func remove(_ device: Device) {
    (device as? CardDevice)?.hostCard = nil
  }
}

/// The host's driver of queues, `cex4queue`.
final class HostQueueDriver: Driver {
  let name: String
  let module: SimulatedBus.Module?
  var isDefault: Bool { true }
  private let hardwareTypes: ClosedRange<UInt8>

  /// A driver of queues of these types.
  init(name: String, module: SimulatedBus.Module?, hardwareTypes: ClosedRange<UInt8>) {
    self.name = name
    self.module = module
    self.hardwareTypes = hardwareTypes
  }

  func matches(_ device: Device) -> Bool {
    device is QueueDevice && hardwareTypes.contains(device.hardwareType.rawValue)
  }

  /// Takes the queue. A new binding is always online (`zcrypt_cex4_queue_probe`). The kernel would
  /// follow a null pointer where the card has no driver (SimulatedBus documentation, "Matching"); here
  /// that queue is refused.
  func probe(_ device: Device) throws(Errno) {
    guard let queue = device as? QueueDevice, queue.card.driver != nil else {
      throw .noSuchDevice
    }
    queue.hostCard = queue.card.hostCard
    queue.isSwitchedOn = true
    queue.isInitialised = true
    queue.isReset = true
    queue.traffic.resume()
  }

  /// Gives the queue up: its requests are flushed (`ap_flush_queue`).
  func remove(_ device: Device) {
    guard let queue = device as? QueueDevice else { return }
    queue.hostCard = nil
    queue.isSwitchedOn = false
    queue.traffic.flush()
  }
}

/// `vfio_ap`: takes queues of type 10 and newer and stores their APQNs in its matrix device.
final class PassthroughDriver: Driver {
  var name: String { DriverName.vfioAP }
  var module: SimulatedBus.Module? { .vfioAP }
  var isDefault: Bool { false }
  /// The device that the module created on initialisation.
  let matrix: MatrixDevice

  /// The driver that stores its queues in `matrix`.
  init(matrix: MatrixDevice) {
    self.matrix = matrix
  }

  func matches(_ device: Device) -> Bool {
    device is QueueDevice && device.hardwareType.isReservable
  }

  func probe(_ device: Device) throws(Errno) {
    guard let queue = device as? QueueDevice else { throw .noSuchDevice }
    matrix.take(queue.apqn)
  }

  func remove(_ device: Device) {
    guard let queue = device as? QueueDevice else { return }
    matrix.release(queue.apqn)
  }
}

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
  ///
  /// - Parameters:
  ///   - function: The function that was called.
  ///   - driver: The driver's name.
  ///   - device: The card or queue.
  ///   - refusal: Why a probe was refused; nil for success.
  public init(
    _ function: Function, driver: String, device: BusObject, refusal: Errno? = nil
  ) {
    self.function = function
    self.driver = driver
    self.device = device
    self.refusal = refusal
  }
}
