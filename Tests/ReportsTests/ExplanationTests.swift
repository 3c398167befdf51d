import AdjunctProcessor
import Reports
import Testing

@Suite struct `An explanation` {
  @Test func `tells facts, each rule's verdict, the writes and what is in the way`() throws {
    let assessment = try Example.assessment(
      Example.rules + "\nAPQN==\"05.0004\", RESERVE=\"host\"\n")
    let explanation = Explanation(APQN(adapter: 5, domain: 4), in: assessment)
    #expect(
      explanation.text(style: .plain) == """
        05.0004  (adapter 5, domain 4 on the HMC)

          card   card05, CEX7C, hwtype 13, mode cca, bound to cex4card
          queue  on cex4queue, online
          wish   host, by 50-db.rules:3

        rules
          50-db.rules:1  overridden  by 50-db.rules:3, which is later
          50-db.rules:2  fails       ADAPTER=="2" does not hold: 5
          50-db.rules:3  decides     APQN=="05.0004", RESERVE="host"

        plan
          nothing to write (override, driver_override is in use, on 0a.0004)

        """)
  }

  @Test func `names what stands in the way`() throws {
    let explanation = Explanation(APQN(adapter: 2, domain: 4), in: try Example.assessment())
    #expect(
      explanation.text(style: .plain).hasSuffix(
        """

        in the way
          02.0004 is hardware type 9; vfio_ap takes type 10 (CEX4) and newer only

        """))
  }

  @Test func `of a queue that is not there tells what becomes of it`() throws {
    let assessment = try Example.assessment()
    let wished = Explanation(APQN(adapter: 2, domain: 9), in: assessment).text(style: .plain)
    #expect(wished.hasSuffix("  there is no such queue now; it is reserved when it comes\n"))
    let open = Explanation(APQN(adapter: 7, domain: 4), in: assessment).text(style: .plain)
    #expect(open.hasSuffix("  there is no such queue now; the rules are decided when it comes\n"))
    #expect(open.contains("  card   card07 is not there\n"))
  }

  @Test func `names the guest that holds the queue, in JSON too`() throws {
    let explanation = Explanation(APQN(adapter: 10, domain: 4), in: try Example.assessment())
    let uuid = "11111111-2222-3333-4444-555555555555"
    #expect(explanation.text(style: .plain).contains("  guest  mediated device \(uuid)\n"))
    #expect(explanation.json.documentText.contains("\n  \"mediatedDevice\": \"\(uuid)\",\n"))
  }
}
