import APBus
import Uevents

extension SimulatedBus {
  /// Sends an event of any object, keys in the kernel's order: the sender's own, DEVTYPE, DRIVER, the
  /// bus's keys (SimulatedBus documentation, "Messages"). An event that nobody listens to is only counted.
  func send(_ action: Uevent.Action, _ object: BusObject, _ extras: Uevent.Property...) {
    send(action, object, extras)
  }

  /// The same with any number of the sender's own keys.
  func send(_ action: Uevent.Action, _ object: BusObject, _ extras: [Uevent.Property]) {
    send(action, object.path, subsystem: Self.subsystem(of: object)) {
      extras + self.properties(of: object, for: action)
    }
  }

  /// Sends an event of a place that is no AP object, such as the matrix device's bus.
  func send(_ action: Uevent.Action, path: String, subsystem: String) {
    send(action, path, subsystem: subsystem) { [] }
  }

  /// Sends an event of the root device; only of kernels that have such events.
  func sendRoot(_ extras: Uevent.Property...) {
    guard behavior.hasBusEvents else { return }
    send(.change, BusObject.root.path, subsystem: "ap") { extras }
  }

  /// Sends a change of a card or queue; only of kernels that have such events.
  func sendChange(_ device: Device, _ key: String, _ isOn: Bool) {
    guard behavior.hasBusEvents else { return }
    send(.change, device.object, Uevent.Property(key, isOn ? "1" : "0"))
  }

  private func send(
    _ action: Uevent.Action, _ path: @autoclosure () -> String, subsystem: String,
    properties: () -> [Uevent.Property]
  ) {
    sequenceNumber += 1
    guard let onUevent else { return }
    onUevent(
      Uevent(
        action, path(), subsystem: subsystem, properties: properties(),
        sequenceNumber: sequenceNumber))
  }

  private static func subsystem(of object: BusObject) -> String {
    switch object {
    case .bus: "bus"
    case .driver: "drivers"
    case .matrix: "matrix"
    case .mediatedDevice: "mdev"
    case .module: "module"
    case .root, .card, .queue, .matrixRoot, .mediatedDeviceType: "ap"
    }
  }

  /// What an event of the object tells of it, and its `uevent` file too.
  func properties(of object: BusObject, for action: Uevent.Action) -> [Uevent.Property] {
    switch object {
    case .card(let adapter):
      guard let card = card(adapter) else { return [] }
      return properties(of: card, mode: card.card.mode, type: "ap_card", for: action)
    case .queue(let apqn):
      guard let queue = queue(apqn) else { return [] }
      return properties(of: queue, mode: queue.card.card.mode, type: "ap_queue", for: action)
    case .matrix:
      return matrix?.isBound == true ? [.init("DRIVER", DriverName.vfioAP)] : []
    case .mediatedDevice(let uuid):
      guard matrix?.mediatedDevices[uuid]?.isBound == true else { return [] }
      return [.init("DRIVER", "vfio_ap_mdev")]
    case .bus, .driver, .root, .matrixRoot, .mediatedDeviceType, .module: return []
    }
  }

  private func properties(
    of device: Device, mode: QueueMode?, type: String, for action: Uevent.Action
  ) -> [Uevent.Property] {
    var properties = [Uevent.Property("DEVTYPE", type)]
    if let driver = device.driver { properties.append(.init("DRIVER", driver.name)) }
    if device is CardDevice || !behavior.hasMode {
      properties.append(
        .init("DEV_TYPE", Hex.text(device.hardwareType.rawValue, digits: 4, uppercase: true)))
      // The driver core takes MODALIAS out of unbind events (`kobject_uevent_env`).
      if action != .unbind { properties.append(.init("MODALIAS", modalias(of: device))) }
    }
    if behavior.hasMode, let mode { properties.append(.init("MODE", mode.rawValue)) }
    return properties
  }

  /// `ap:t0D`.
  func modalias(of device: Device) -> String {
    "ap:t" + Hex.text(device.hardwareType.rawValue, digits: 2, uppercase: true)
  }
}
