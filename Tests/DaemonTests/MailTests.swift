import APBus
import Agent
@testable import Daemon
import ReservationRules
import Testing

@Suite struct `The agent's mail` {
  private func apqn(_ index: Int) -> APQN {
    APQN(adapter: UInt8(index >> 8), domain: UInt8(index & 255))
  }

  @Test func `has each place once, however often something happened there`() {
    var mail = Mail()
    for _ in 0..<1000 { mail.scan(.queue(apqn(3))) }
    mail.scan(.card(0))
    #expect(mail.scopes == [.queue(apqn(3)), .card(0)])
  }

  @Test func `has everything instead of single places once everything is to be scanned`() {
    var mail = Mail()
    mail.scan(.card(1))
    mail.scan(.everything)
    mail.scan(.card(2))
    #expect(mail.scopes == [.everything])
  }

  @Test func `does not grow with the number of places`() {
    var mail = Mail()
    for index in 0..<65_536 {
      mail.scan(.queue(apqn(index)))
      mail.noteDeparture(of: apqn(index))
      #expect(mail.scopes.count <= 4096)
    }
    #expect(mail.scopes == [.everything])
    #expect(mail.departures.count <= 4096)
  }

  @Test func `has the rules that a person has confirmed as confirmed`() throws {
    var mail = Mail()
    mail.hold(RuleSet(), isExplicit: true)
    mail.hold(RuleSet(), isExplicit: false)
    #expect(mail.rules?.isExplicit == true)
  }

  /// A reload while the agent is busy, and then the rule file is removed: nobody asked for that.
  @Test func `has other rules as not confirmed`() throws {
    var mail = Mail()
    mail.hold(RuleSet(rules: [], files: ["x"]), isExplicit: true)
    mail.hold(RuleSet(), isExplicit: false)
    let rules = try #require(mail.rules)
    #expect(!rules.isExplicit)
    #expect(rules.rules == RuleSet())
  }

  @Test func `is taken whole, and once`() throws {
    let mailbox = try Mailbox()
    mailbox.post { $0.scan(.card(7)) }
    let ticket = mailbox.postTicket()
    let mail = mailbox.wait(nil)
    #expect(mail.ticket == ticket)
    #expect(mail.scopes == [.everything])
    #expect(mailbox.wait(.zero).scopes.isEmpty)
    #expect(mailbox.postTicket() > ticket)
  }

  @Test func `can number a request without a scan of everything`() throws {
    let mailbox = try Mailbox()
    let ticket = mailbox.postTicket(scansEverything: false)
    let mail = mailbox.wait(nil)
    #expect(mail.ticket == ticket && mail.scopes.isEmpty)
  }
}
