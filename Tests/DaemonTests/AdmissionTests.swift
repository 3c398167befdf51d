import APBus
import Testing

@testable import Daemon

@Suite struct `Admission to the control socket` {
  private var places: [Admission.Place] = []

  private mutating func add(_ user: UInt32, _ count: Int, isIdle: Bool = true) {
    for _ in 0..<count {
      places.append(
        Admission.Place(
          number: places.count, user: user, isGuest: user != 0, isIdle: isIdle,
          lastProgress: .boot + .seconds(places.count)))
    }
  }

  private func decide(_ user: UInt32) -> Admission {
    Admission.decide(user: user, isGuest: user != 0, places)
  }

  @Test mutating func `has eight places for a user, and an idle one makes room`() {
    add(1000, 7)
    #expect(decide(1000) == .admit)
    add(1000, 1)
    #expect(decide(1000) == .replace(0))
    #expect(decide(1001) == .admit)
    for index in places.indices { places[index].isIdle = index == 5 }
    #expect(decide(1000) == .replace(5))
    places[5].isIdle = false
    #expect(decide(1000) == .refuse)
    #expect(decide(1001) == .admit)
    #expect(decide(0) == .admit)
  }

  @Test mutating func `takes a place from who has many for who has none`() {
    for user in UInt32(1)...4 { add(user, 8, isIdle: user == 3) }
    #expect(places.count == Admission.guestLimit)
    #expect(decide(5) == .replace(16), "an idle one of user 3, the one that is idle longest")
    for index in places.indices { places[index].isIdle = false }
    #expect(decide(5) == .replace(0), "where all are busy, the one without progress for longest")
    #expect(decide(0) == .admit)
  }

  @Test mutating func `does not replace users who have one place each by one another`() {
    for user in UInt32(1)...32 { add(user, 1) }
    #expect(decide(33) == .refuse)
    #expect(decide(0) == .admit)
  }

  @Test mutating func `always lets root in, if need be in the place of another`() {
    add(0, 32, isIdle: false)
    for user in UInt32(1)...4 { add(user, 8, isIdle: user == 4) }
    #expect(places.count == Admission.limit)
    #expect(decide(0) == .replace(56))
    for index in places.indices { places[index].isIdle = false }
    #expect(decide(0) == .replace(32))
    places = []
    add(0, 64, isIdle: false)
    #expect(decide(0) == .replace(0))
    #expect(decide(1000) == .refuse)
  }
}
