import APBus
import Agent
import Reservation
import Testing

@testable import Daemon

@Suite struct `Those who wait until all is settled` {
  private final class Waiter: SettleWaiter {
    var isThere = true
    var isFinished = false

    func finish() { isFinished = true }
  }

  /// What the board says once that request has been dealt with.
  private func state(_ ticket: UInt64, isBusy: Bool = false) -> StatusBoard.State {
    var state = StatusBoard.State()
    state.isBusy = isBusy
    state.report.ticket = ticket
    state.report.status = Agent.Status(phase: .settled)
    return state
  }

  @Test func `continue when their request has been handled`() {
    var settles = PendingSettles()
    let waiters = [Waiter(), Waiter()]
    settles.add(waiters[0], ticket: 1, until: .settled)
    settles.add(waiters[1], ticket: 2, until: .settled)
    #expect(settles.take(state(2, isBusy: true), now: .boot).isEmpty)
    for waiter in settles.take(state(1), now: .boot) { waiter.finish() }
    #expect(waiters.map(\.isFinished) == [true, false])
    for waiter in settles.take(state(2), now: .boot) { waiter.finish() }
    #expect(waiters.map(\.isFinished) == [true, true])
    #expect(settles.count == 0)
  }

  @Test func `continue after the scan if they wait for no more, or when their time is over`() {
    var settles = PendingSettles()
    var unsettled = state(3)
    unsettled.report.status = Agent.Status(phase: .retrying)
    unsettled.report.status.drains = [APQN(adapter: 5, domain: 4): .boot]
    #expect(!unsettled.report.status.isSettled)
    let waiters = [Waiter(), Waiter(), Waiter()]
    let end = Instant.boot + .seconds(1)
    settles.add(waiters[0], ticket: 3, until: .settled)
    settles.add(waiters[1], ticket: 3, until: .scanned(deadline: end))
    settles.add(waiters[2], ticket: 4, until: .scanned(deadline: end + .seconds(1)))
    #expect(settles.nextDue == end)
    for waiter in settles.take(unsettled, now: .boot) { waiter.finish() }
    #expect(waiters.map(\.isFinished) == [false, true, false])
    // The agent is at work, and does not come to the scan.
    unsettled.isBusy = true
    #expect(settles.take(unsettled, now: end).isEmpty)
    for waiter in settles.take(unsettled, now: end + .seconds(1)) { waiter.finish() }
    #expect(waiters.map(\.isFinished) == [false, true, true])
    #expect(settles.nextDue == nil)
  }

  @Test func `continue when nothing can be done now if they wait for that`() {
    var settles = PendingSettles()
    var waiting = state(1)
    var plan = Plan(mechanism: .mask)
    plan.waiting = [Plan.Waiting(APQN(adapter: 5, domain: 4), driver: DriverName.vfioAP)]
    waiting.report.status.plan = plan
    let waiters = [Waiter(), Waiter()]
    settles.add(waiters[0], ticket: 1, until: .settled)
    settles.add(waiters[1], ticket: 1, until: .idle)
    var busy = waiting
    busy.isBusy = true
    #expect(settles.take(busy, now: .boot).isEmpty)
    var draining = waiting
    draining.report.status.drains = [APQN(adapter: 5, domain: 4): .boot]
    #expect(settles.take(draining, now: .boot).isEmpty)
    for waiter in settles.take(waiting, now: .boot) { waiter.finish() }
    #expect(waiters.map(\.isFinished) == [false, true])
  }

  @Test func `are forgotten when they have disconnected, since it may never settle`() {
    var settles = PendingSettles()
    for ticket in UInt64(0)..<1000 {
      let waiter = Waiter()
      settles.add(waiter, ticket: ticket, until: .settled)
      waiter.isThere = false
    }
    #expect(settles.count == 1)
  }
}
