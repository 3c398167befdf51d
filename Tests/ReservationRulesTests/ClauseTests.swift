import APBus
import ReservationRules
import Testing

@Suite struct `A clause` {
  /// A clause, a queue, and whether the clause holds there; nil if that is unknown.
  static let rows: [(clause: String, queue: String, holds: Bool?)] = [
    (#"APQN=="05.0004""#, "05.0004", true), (#"APQN=="05.0004""#, "05.0005", false),
    (#"APQN=="05-07.0004-00ff""#, "06.00ff", true), (#"APQN=="05-07.0004-00ff""#, "08.00ff", false),
    (#"APQN=="*.0047""#, "ff.0047", true), (#"APQN=="05.*""#, "05.00ff", true),
    (#"APQN=="*.*""#, "00.0000", true), (#"APQN=="05.0004|0a.*""#, "0a.0001", true),
    (#"APQN==i"0A.00FF""#, "0a.00ff", true), (#"APQN!="05.0004|05.0005""#, "05.0005", false),
    (#"APQN!="05.0004|05.0005""#, "05.0006", true),
    (#"ADAPTER=="5""#, "05.0001", true), (#"ADAPTER=="0x0a-0xff""#, "0a.0001", true),
    (#"ADAPTER=="0xA""#, "0a.0001", true), (#"ADAPTER=="0x000a""#, "0a.0001", true),
    (#"ADAPTER=="0-4|0xff""#, "05.0001", false), (#"ADAPTER!="0-4|0xff""#, "05.0001", true),
    (#"DOMAIN=="4|0x47""#, "00.0047", true), (#"DOMAIN=="4|0x47""#, "00.0005", false),
    (#"DOMAIN=="9-0x10""#, "00.000f", true), (#"DOMAIN!="0-9""#, "00.000a", true),
    (#"HWTYPE=="13-""#, "00.0001", true), (#"HWTYPE=="14-""#, "00.0001", false),
    (#"HWTYPE=="11-13""#, "01.0001", false), (#"HWTYPE=="8|14""#, "02.0001", true),
    (#"HWTYPE=="255""#, "03.0001", false), (#"HWTYPE!="13""#, "01.0001", true),
    (#"HWTYPE=="0-""#, "04.0001", nil), (#"HWTYPE!="13""#, "04.0001", nil),
    (#"TYPE=="CEX7C""#, "00.0001", true), (#"TYPE=="CEX8*""#, "01.0001", true),
    (#"TYPE=="CEX[!78]?""#, "02.0001", true), (#"TYPE==i"cex7c""#, "00.0001", true),
    (#"TYPE!="CEX7C""#, "00.0001", false),
    (#"TYPE=="*""#, "03.0001", nil), (#"TYPE!="CEX7C""#, "03.0001", nil),
    (#"TYPE=="*""#, "04.0001", nil),
    (#"MODE=="cca""#, "00.0001", true), (#"MODE=="accel|ep11""#, "01.0001", true),
    (#"MODE==i"CCA""#, "00.0001", true), (#"MODE!="accel""#, "02.0001", false),
    (#"MODE=="cca""#, "03.0001", nil), (#"MODE!="cca""#, "04.0001", nil),
    (#"KERNEL=="05.0004""#, "05.0004", true), (#"KERNEL=="05.*""#, "05.00ff", true),
    (#"KERNEL=="?5.*[4-6]""#, "15.0006", true), (#"KERNEL=="?5.*[!4-6]""#, "15.0006", false),
    (#"KERNEL=="05.0004|*f""#, "77.001f", true), (#"KERNEL==i"0A.*""#, "0a.0000", true),
    (#"KERNEL!="05.*""#, "05.0001", false),
    (#"KERNEL=="********""#, "05.0004", true), (#"KERNEL=="???????""#, "05.0004", true),
    (#"CARD{serialnr}=="93AABE*""#, "00.0001", true),
    (#"CARD{serialnr}==i"93aabe1q""#, "00.0001", true),
    (#"CARD{serialnr}=="*Q|x""#, "00.0001", true), (#"CARD{serialnr}!="93*""#, "00.0001", false),
    (#"CARD{serialnr}=="*""#, "01.0001", nil), (#"CARD{serialnr}!="93*""#, "01.0001", nil),
    (#"CARD{serialnr}=="*""#, "05.0001", nil), (#"CARD{FW_version}=="""#, "00.0001", true),
    (#"CARD{FW_version}=="?*""#, "00.0001", false),
    (#"CARD{max_msg_size}=="65536""#, "01.0001", true),
    (#"CARD{raw_hwtype}=="1[34]""#, "00.0001", true),
    (#"CARD{API_ordinalnr}=="5|4""#, "00.0001", true),
    (#"APQN=="*""#, "ff.00ff", true), (#"APQN=="05.0004|*""#, "00.0001", true),
    (#"HOST=="lnx?""#, "00.0001", true), (#"HOST!="lnx*""#, "00.0001", false),
    (#"LPAR=="PROD*""#, "00.0001", true), (#"LPAR==i"prod01""#, "00.0001", true),
    (#"LPAR=="TEST*""#, "00.0001", false),
    (#"GUEST=="web1""#, "05.0047", true), (#"GUEST=="web1""#, "05.0005", false),
    (#"GUEST=="web*|mail""#, "05.0004", true), (#"GUEST=="db2""#, "06.0004", true),
    (#"GUEST=="5d8c0f2a-31f6-4c1b-9a57-0c4d0a8d2b11""#, "05.0004", true),
    (#"GUEST==i"5D8C*""#, "05.0004", true), (#"GUEST==i"WEB1""#, "05.0004", true),
    (#"GUEST=="mail""#, "07.0004", true), (#"GUEST=="mail""#, "05.0004", false),
    (#"GUEST=="*""#, "05.0004", true), (#"GUEST=="*""#, "05.0005", nil),
    (#"GUEST!="*""#, "05.0004", false), (#"GUEST!="*""#, "05.0005", nil),
    (#"GUEST=="lost""#, "05.0004", nil), (#"GUEST!="lost""#, "05.0004", nil),
    (#"GUEST!="web1""#, "06.0004", true), (#"GUEST!="web1""#, "05.0004", false),
    (#"GUEST!="web1""#, "ff.00ff", true),
    (#"GUEST{start}=="auto""#, "05.0004", true), (#"GUEST{start}=="manual""#, "06.0004", true),
    (#"GUEST{start}=="auto|manual""#, "06.0004", true),
    (#"GUEST{start}=="auto""#, "06.0004", nil), (#"GUEST{start}!="auto""#, "05.0004", false),
    (#"GUEST{start}!="auto""#, "05.0005", nil),
  ]

  @Test(arguments: rows)
  func `holds, fails or is unknown`(clause: String, queue: String, holds: Bool?) throws {
    let table = Machine.table("\(clause), RESERVE=\"vfio_ap\"")
    let apqn = try Machine.queue(queue)
    let decision = table.decision(for: apqn)
    let outcome = table.explanation(for: apqn)[0].outcome
    switch holds {
    case true?:
      #expect(decision.reserve == .vfioAP)
      #expect(outcome == .decides)
    case false?:
      #expect(decision.reserve == .unmanaged)
      guard case .fails = outcome else {
        Issue.record("\(outcome)")
        return
      }
    case nil:
      #expect(decision.reserve == nil)
      guard case .unknown(_, _, mayDecide: true) = outcome else {
        Issue.record("\(outcome)")
        return
      }
    }
  }

  @Test(arguments: ["HOST", "LPAR"])
  func `on an unknown name is unknown`(key: String) throws {
    for operation in ["==", "!="] {
      let table = Machine.table("\(key)\(operation)\"a*\", RESERVE=\"host\"", host: HostIdentity())
      #expect(try table.decision(for: Machine.queue("05.0004")).reserve == nil)
    }
  }

  @Test func `with a quote in it is written with a backslash`() throws {
    let rules = RuleSet.parse(
      files: [
        RuleFile(path: "f", text: #"HOST=="a\"b|\"", RESERVE="host", NAME="the \"big\" one""#)
      ]
    ).0.rules
    #expect(rules[0].name == "the \"big\" one")
    guard case .globs(let pattern) = rules[0].clauses[0].condition.pattern else {
      Issue.record("\(rules)")
      return
    }
    #expect(pattern.matches("a\"b") && pattern.matches("\"") && !pattern.matches("a\\\"b"))
  }
}
