import APBus
import Uevents

/// Matching, probing, binding and unbinding (SimulatedBus documentation, "Matching" and "Results of writes").
extension SimulatedBus {
  /// The device of a name written to `bind`, `unbind` or `drivers_probe`.
  func device(named text: String) -> Device? {
    let name = AttributeInput.name(text)
    let device: Device? =
      APQN(name).flatMap { queue($0) } ?? BusObject.adapter(ofCardName: name).flatMap { card($0) }
    return device.flatMap { $0.isRegistered ? $0 : nil }
  }

  /// Whether the bus lets the driver have the device: the gate before the driver's own probe, for
  /// queues only (`ap_device_probe` in ap_bus.c).
  private func gate(_ device: Device, to driver: any Driver) -> Bool {
    guard behavior.hasMasks, let queue = device as? QueueDevice else { return true }
    if let driverOverride = queue.driverOverride { return driverOverride == driver.name }
    return masks.isInHostPool(queue.apqn) == driver.isDefault
  }

  /// Offers a device to a driver that matches it.
  func probe(_ device: Device, by driver: any Driver) throws(Errno) {
    guard gate(device, to: driver) else { throw .noSuchDevice }
    hasSentCompletion = false
    device.driver = driver
    if device is QueueDevice { boundCount += 1 }
    do {
      try driver.probe(device)
    } catch {
      device.driver = nil
      if device is QueueDevice { boundCount -= 1 }
      call(.probe, of: driver, with: device, refusal: error)
      throw error
    }
    call(.probe, of: driver, with: device)
    bindNumber += 1
    device.bindNumber = bindNumber
    if behavior.completionEvents == .everyProbe { sendCompletion() }
    send(.bind, of: device.object)
  }

  /// Offers an unbound device to the drivers in the order of their registration; the first that
  /// takes it has it. A refusal is silent.
  func attach(_ device: Device) {
    for driver in drivers where driver.matches(device) {
      if (try? probe(device, by: driver)) != nil { return }
    }
  }

  /// Takes a device from its driver, if it has one.
  func detach(_ device: Device) {
    guard let driver = device.driver else { return }
    driver.remove(device)
    call(.remove, of: driver, with: device)
    device.driver = nil
    if let queue = device as? QueueDevice {
      boundCount -= 1
      queue.isInitialised = false
    }
    send(.unbind, of: device.object)
  }

  /// A write to `drivers/D/bind`.
  func bind(_ text: String, to driver: any Driver) throws(Errno) {
    guard let device = device(named: text), driver.matches(device) else { throw .noSuchDevice }
    guard device.driver == nil else { throw behavior.errorOfBoundDevice }
    try probe(device, by: driver)
  }

  /// A write to `drivers/D/unbind`. No queue is protected, not even one that a guest uses.
  func unbind(_ text: String, from driver: any Driver) throws(Errno) {
    guard let device = device(named: text), device.driver === driver else { throw .noSuchDevice }
    detach(device)
  }

  /// A write to `drivers_probe`: a success, whether or not a driver took the device.
  func rescan(_ text: String) throws(Errno) {
    guard let device = device(named: text) else { throw .noSuchDevice }
    if device.driver == nil { attach(device) }
  }

  private func call(
    _ function: DriverCallback.Function, of driver: any Driver, with device: Device,
    refusal: Errno? = nil
  ) {
    onCallback?(
      DriverCallback(function, driver: driver.name, device: device.object, refusal: refusal))
  }

  /// Puts a device on the bus, after all others.
  func enlist(_ device: Device) {
    registrationCount += 1
    device.registrationNumber = registrationCount
    registrations.append(device)
  }

  /// The devices on the bus in the order of their registration.
  func devices() -> [Device] {
    if departures > 0 {
      registrations.removeAll { !$0.isRegistered }
      departures = 0
    }
    return registrations
  }

  /// Reports that every queue is bound, if it is and a scan has been (SimulatedBus documentation,
  /// "Completion").
  func sendCompletion() {
    guard behavior.completionEvents != .never, scanCount > 0, boundCount == queueCount else {
      return
    }
    guard behavior.completionEvents != .endOfScan || !hasSentCompletion else { return }
    hasSentCompletion = true
    completionCount += 1
    sendRoot(.init("BINDINGS", "complete"), .init("COMPLETECOUNT", "\(completionCount)"))
  }
}
