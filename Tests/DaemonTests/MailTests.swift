import APBus
import Agent
import Daemon
import ReservationRules
import Testing

@Suite struct `The agent's mail` {
  private func apqn(_ index: Int) -> APQN {
    APQN(adapter: UInt8(index >> 8), domain: UInt8(index & 255))
  }

  @Test func `has each place once, however often something happened there`() {
    var mail = Mail()
    for _ in 0..<1000 { mail.look(at: .queue(apqn(3))) }
    mail.look(at: .card(0))
    #expect(mail.reactions == [.queue(apqn(3)), .card(0)])
  }

  @Test func `has everything instead of single places once everything is to be looked at`() {
    var mail = Mail()
    mail.look(at: .card(1))
    mail.look(at: .everything)
    mail.look(at: .card(2))
    #expect(mail.reactions == [.everything])
  }

  @Test func `does not grow with the number of places`() {
    var mail = Mail()
    for index in 0..<65_536 {
      mail.look(at: .queue(apqn(index)))
      mail.note(departure: apqn(index))
      #expect(mail.reactions.count <= 4096)
    }
    #expect(mail.reactions == [.everything])
    #expect(mail.departures.count <= 4096)
  }

  @Test func `knows of the very set that somebody asked for that it is meant`() throws {
    var mail = Mail()
    mail.hold(RuleSet(), isExplicit: true)
    mail.hold(RuleSet(), isExplicit: false)
    #expect(mail.rules?.isExplicit == true)
  }

  /// A reload while the agent is busy, and then the rule file is removed: nobody asked for that.
  @Test func `does not take another set for one that somebody asked for`() throws {
    var mail = Mail()
    mail.hold(RuleSet(rules: [], files: ["x"]), isExplicit: true)
    mail.hold(RuleSet(), isExplicit: false)
    let rules = try #require(mail.rules)
    #expect(!rules.isExplicit)
    #expect(rules.rules == RuleSet())
  }

  @Test func `is taken whole, and once`() throws {
    let mailbox = try Mailbox()
    mailbox.post { $0.look(at: .card(7)) }
    let ticket = mailbox.postTicket()
    let mail = mailbox.wait(nil)
    #expect(mail.ticket == ticket)
    #expect(mail.reactions == [.everything])
    #expect(mailbox.wait(.zero).reactions.isEmpty)
    #expect(mailbox.postTicket() > ticket)
  }

  @Test func `can number a request without a look at everything`() throws {
    let mailbox = try Mailbox()
    let ticket = mailbox.postTicket(scansEverything: false)
    let mail = mailbox.wait(nil)
    #expect(mail.ticket == ticket && mail.reactions.isEmpty)
  }
}
