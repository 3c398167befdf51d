import APBus

/// A device on the AP bus. It has identity: a device that is removed and added again is another one,
/// without the override of the first (SimulatedBus documentation, "Sequences").
class Device {
  /// Its place.
  let object: BusObject
  /// The type that drivers match on.
  let hardwareType: HardwareType
  /// The driver it is bound to, or is being probed by.
  var driver: (any Driver)?
  /// The place of its registration among all registrations.
  var registrationNumber: UInt64 = 0
  /// The place of its bind among all binds: a driver's devices are unbound last bound first.
  var bindNumber: UInt64 = 0
  /// False once its removal begins: its files and its link on the bus do not exist any more, its directory
  /// exists until its last event (SimulatedBus documentation, "Order").
  var isRegistered = true
  /// Whether the adapter was configured when last scanned.
  var isConfigured = true
  /// Whether the adapter was check-stopped when last scanned.
  var isCheckStopped = false
  /// What an administrator last wrote to `online`; a probe by the host's driver switches it on.
  var isSwitchedOn = false

  /// Whether a driver has it.
  var isBound: Bool { driver != nil }

  /// A device of that type, bound to nothing.
  init(_ object: BusObject, hardwareType: HardwareType) {
    self.object = object
    self.hardwareType = hardwareType
  }
}

/// The device of an adapter, `card05`.
final class CardDevice: Device {
  /// The adapter as it was when the device was made; another type or other functions make another
  /// device.
  var card: SimulatedCard
  /// Its queues, by domain.
  var queues = [QueueDevice?](repeating: nil, count: 256)
  /// The domains of its queues.
  var domains = APMask()
  /// Whether a scan has to look at each queue for a changed configuration.
  var queuesAreStale = false
  /// What the host's driver keeps of the card while it has it.
  var hostCard: HostCard?

  override var isSwitchedOn: Bool {
    get { hostCard?.isSwitchedOn == true }
    set { hostCard?.isSwitchedOn = newValue }
  }

  init(_ card: SimulatedCard) {
    self.card = card
    super.init(.card(card.adapter), hardwareType: card.hardwareType)
    isConfigured = card.isConfigured
    isCheckStopped = card.isCheckStopped
  }
}

/// What the host's driver keeps of a card (`struct zcrypt_card` in zcrypt_api.h). A queue belongs to the one that
/// the card had when the queue was bound: a card that is unbound and bound again has a new one, without queues.
final class HostCard {
  /// What an administrator last wrote to the card's `online`.
  var isSwitchedOn = true
}

/// The device of a queue, `05.0004`.
final class QueueDevice: Device {
  let apqn: APQN
  /// The device of its adapter, which outlives it.
  unowned let card: CardDevice
  /// `driver_override`; nil while none is set.
  var driverOverride: String?
  /// What the host's driver keeps of the card that the queue belongs to, while it has the queue.
  var hostCard: HostCard?
  /// Whether requests can be sent: the bus initialises a new queue that is usable, the host's driver every queue
  /// that it takes, and one that leaves its driver is not any more (`dev_state` in ap_queue.c).
  var isInitialised = false
  /// Whether the reset has ended that initialising begins with, which takes a driver.
  var isReset = false
  /// The host's requests.
  var traffic = QueueTraffic()

  /// The queue of that card in that domain.
  init(card: CardDevice, domain: UInt8) {
    apqn = APQN(adapter: card.card.adapter, domain: domain)
    self.card = card
    super.init(.queue(apqn), hardwareType: card.hardwareType)
    isConfigured = card.isConfigured
    isCheckStopped = card.isCheckStopped
  }

  /// Whether the host's driver has it.
  var isHostBound: Bool { driver?.isDefault == true }
}
