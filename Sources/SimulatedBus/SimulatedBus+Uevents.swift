import APBus
import Uevents

extension SimulatedBus {
  /// Sends an event of any object, keys in the kernel's order: the sender's own, DEVTYPE, DRIVER, the
  /// bus's keys (SimulatedBus documentation, "Messages"). An event without a listener is only counted.
  func send(_ action: Uevent.Action, of object: BusObject, _ extras: Uevent.Property...) {
    send(action, of: object, extras)
  }

  /// The same with any number of the sender's own keys.
  func send(_ action: Uevent.Action, of object: BusObject, _ extras: [Uevent.Property]) {
    send(action, at: object.path, subsystem: Self.subsystem(of: object)) {
      extras + self.properties(of: object, for: action)
    }
  }

  /// Sends an event of a place that is not an AP object, such as the matrix device's bus.
  func send(_ action: Uevent.Action, path: String, subsystem: String) {
    send(action, at: path, subsystem: subsystem) { [] }
  }

  /// Sends an event of the root device.
  func sendRoot(_ extras: Uevent.Property...) {
    send(.change, at: BusObject.root.path, subsystem: "ap") { extras }
  }

  /// Sends a change of a card or queue; only of kernels that have such events.
  func sendChange(of device: Device, key: String, isOn: Bool) {
    guard behavior.hasDeviceEvents else { return }
    send(.change, of: device.object, Uevent.Property(key, isOn ? "1" : "0"))
  }

  private func send(
    _ action: Uevent.Action, at path: @autoclosure () -> String, subsystem: String,
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

  /// The keys that an event of the object has, and its `uevent` file.
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
      return [.init("DRIVER", behavior.mediatedDriver)]
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

  /// What a `uevent` file reads: the variables that an event would have now.
  func ueventText(_ object: BusObject) -> String {
    properties(of: object, for: .change).reduce(into: "") { $0 += "\($1.key)=\($1.value)\n" }
  }

  /// A write to a `uevent` file sends a synthetic event.
  func synthesize(_ text: String, of object: BusObject) throws(Errno) {
    let request = try SyntheticEvent(text)
    // The root devices and the matrix device of 2018 are on no bus that would send their events, until the bus had
    // events of its own to send.
    if object == .matrixRoot || object == .matrix && !behavior.hasMatrixBus
      || object == .root && !behavior.hasScanCounters && behavior.hasMasks
    {
      return
    }
    send(request.action, of: object, request.properties)
  }
}

/// An event that is requested by a write to a `uevent` file: an action, optionally a UUID, and with it
/// arguments (`kobject_synth_uevent`).
struct SyntheticEvent {
  let action: Uevent.Action
  /// SYNTH_UUID, and SYNTH_ARG_ with each argument.
  let properties: [Uevent.Property]

  /// Parses what was written, as `kobject_action_args` in lib/kobject_uevent.c: one blank before each
  /// argument, keys and values of letters and digits only.
  init(_ text: String) throws(Errno) {
    let words = AttributeInput.name(text).split(separator: " ", omittingEmptySubsequences: false)
    guard let action = words.first.flatMap({ Uevent.Action(rawValue: String($0)) }) else {
      throw .invalidArgument
    }
    self.action = action
    guard words.count > 1 else {
      properties = [.init("SYNTH_UUID", "0")]
      return
    }
    guard BusObject.isUUID(words[1]) else { throw .invalidArgument }
    var properties = [Uevent.Property("SYNTH_UUID", String(words[1]))]
    for word in words.dropFirst(2) {
      let parts = word.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, parts.allSatisfy(Self.isWord) else { throw .invalidArgument }
      properties.append(.init("SYNTH_ARG_" + parts[0], String(parts[1])))
    }
    self.properties = properties
  }

  private static func isWord(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "a")...UInt8(ascii: "z"):
          true
        default: false
        }
      }
  }
}
