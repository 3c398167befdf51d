import APBus
import Reservation
import TestSupport
import Testing

@Suite struct `What is written` {
  /// The kernel takes "0x1" for a mask with one bit in its first digit, and "+5" for a change
  /// (SimulatedBus documentation, "Mask texts").
  @Test func `to a mask is never relative and never short, whatever its bits`() {
    var generator = SeededGenerator(seed: 64)
    let random = (0..<200).map { _ in
      let share = Int.random(in: 0...100, using: &generator)
      return APMask(
        (UInt8.min...UInt8.max).filter { _ in Int.random(in: 0..<100, using: &generator) < share })
    }
    for mask in [.all, [], [0], [255], [0, 255]] + random {
      for step in [Step.setAdapterMask(mask), .setDomainMask(mask)] {
        #expect(step.text.utf8.count == 66 && step.text.hasPrefix("0x"))
        #expect(step.text.dropFirst(2).allSatisfy { "0123456789abcdef".contains($0) })
        #expect(APMask(step.text) == mask)
      }
    }
  }

  @Test func `is of queues and the bus alone, never of a card`() {
    let apqn = APQN(adapter: 5, domain: 4)
    let steps: [Step] = [
      .setAdapterMask(.all), .setDomainMask(.all), .setOverride(apqn, driver: "vfio_ap"),
      .unbind(apqn, from: "cex4queue"), .bind(apqn, to: "vfio_ap"), .probe(apqn),
      .setOnline(apqn, false), .requireUnassigned(apqn), .awaitIdle(apqn),
    ]
    #expect(
      steps.compactMap { $0.path?.description } == [
        "/sys/bus/ap/apmask", "/sys/bus/ap/aqmask",
        "/sys/devices/ap/card05/05.0004/driver_override",
        "/sys/bus/ap/drivers/cex4queue/unbind", "/sys/bus/ap/drivers/vfio_ap/bind",
        "/sys/bus/ap/drivers_probe", "/sys/devices/ap/card05/05.0004/online",
      ])
    #expect(steps.filter(\.isMask) == [.setAdapterMask(.all), .setDomainMask(.all)])
    for step in steps where step.path?.name == "unbind" || step.path?.name == "bind" {
      #expect(step.text == "05.0004")
    }
  }
}
