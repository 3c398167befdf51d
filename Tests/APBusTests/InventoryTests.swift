import APBus
import Testing

@Suite struct `An inventory` {
  private let card = Card(
    adapter: 5, hardwareType: HardwareType(rawValue: 13), functions: QueueMode.cca.functions)
  private let queue = Queue(apqn: APQN(adapter: 5, domain: 4), driver: "cex4queue")

  @Test func `refuses two devices of one name and a queue without its card`() {
    #expect(throws: Inventory.Problem.duplicateCard(5)) {
      try Inventory(cards: [card, card])
    }
    #expect(throws: Inventory.Problem.duplicateQueue(queue.apqn)) {
      try Inventory(cards: [card], queues: [queue, queue])
    }
    #expect(throws: Inventory.Problem.queueWithoutCard(queue.apqn)) {
      try Inventory(queues: [queue])
    }
  }

  @Test func `finds devices by name and keeps them in order as they are added and removed`() throws
  {
    var inventory = try Inventory(cards: [card], queues: [queue])
    let other = Queue(apqn: APQN(adapter: 5, domain: 2))
    inventory.setQueue(other, apqn: other.apqn)
    #expect(inventory.queues.map(\.apqn.domain) == [2, 4])
    #expect(inventory.queue(queue.apqn)?.owner == .host)
    #expect(inventory.queue(other.apqn)?.owner == Owner.none)
    #expect(inventory.queue(APQN(adapter: 5, domain: 3)) == nil)
    inventory.setQueue(nil, apqn: other.apqn)
    #expect(inventory.queues == [queue])
    inventory.setCard(nil, adapter: 5)
    #expect(inventory.cards.isEmpty && inventory.queues.isEmpty)
  }
}

@Suite struct `A card` {
  @Test(
    arguments: [
      (UInt8(13), UInt32(0x9200_0000), "CEX7C"), (14, 0x8600_0000, "CEX8P"),
      (10, 0x6A00_0000, "CEX4A"), (8, 0x6A00_0000, "CEX3A"), (99, 0x1000_0000, nil),
      (13, 0, nil),
    ] as [(UInt8, UInt32, String?)])
  func `knows its type from hwtype and ap_functions`(
    hardwareType: UInt8, functions: UInt32, name: String?
  ) {
    let card = Card(
      adapter: 0, hardwareType: HardwareType(rawValue: hardwareType), functions: functions)
    #expect(card.typeName == name)
  }

  @Test func `below type 10 cannot be reserved`() {
    #expect(!HardwareType(rawValue: 9).isReservable)
    #expect(HardwareType(rawValue: 10).isReservable)
  }
}
