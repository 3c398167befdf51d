import JSONText
import Reservation
import APBus
import Reports
import Testing

@Suite struct `The grid of owners` {
  @Test func `has a cell for each queue, marks of the plan, and a legend of what is used`() throws {
    #expect(
      OwnerMatrix(try Example.assessment()).text(style: .plain)
        == """
                 domain  04  47
        adapter     HMC   4  71
        02    2  CEX3A   h!
        05    5  CEX7C  h>V  o
        0a   10  CEX8P   V   -

        h host   o host, offline   V vfio_ap   - unbound
        >V to be moved to vfio_ap
        !  refused

        """)
  }

  @Test func `shows what is missing, and what cannot be used`() throws {
    var inventory = Example.grid(adapters: 5...5, domains: 4...4)
    let apqn = APQN(adapter: 5, domain: 4)
    inventory.setQueue(
      Queue(apqn: apqn, driver: DriverName.vfioAP, isCheckStopped: true), apqn: apqn)
    let assessment = try Assessment(
      inventory: inventory,
      rules: Example.ruleSet(#"APQN=="05.0004|06.0007", RESERVE="vfio_ap""#))
    #expect(
      OwnerMatrix(assessment).text(style: .plain)
        == """
                 domain  04  07
        adapter     HMC   4   7
        05    5  CEX7C   K#
        06    6  ?            +

        K vfio_ap, check-stopped
        +  requested for guests, missing
        #  reserved, and unusable: deconfigured or check-stopped

        """)
  }

  @Test func `of 16 domains fits in 80 columns, of 85 it wraps into blocks`() {
    let narrow = OwnerMatrix(inventory: Example.grid(adapters: 0...3, domains: 0...15))
    let lines = narrow.text(style: .plain).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.map(\.count).max() == 79)
    let wide = OwnerMatrix(inventory: Example.grid(adapters: 0...3, domains: 0...84))
    let text = wide.text(isFull: true, style: .plain)
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
    #expect(text.split(separator: "\n").count { $0.hasPrefix("03    3  CEX7C") } == 6)
  }

  /// A whole machine: all domains alike but three.
  private static var wholeMachine: Inventory {
    var inventory = Example.grid(adapters: 0...63, domains: 0...84)
    for (domain, isOnline) in [(UInt8(10), false), (11, nil), (84, false)] as [(UInt8, Bool?)] {
      let apqn = APQN(adapter: 5, domain: domain)
      inventory.setQueue(
        isOnline.map { Queue(apqn: apqn, driver: "cex4queue", isOnline: $0) }, apqn: apqn)
    }
    return inventory
  }

  @Test func `of a whole machine fits, since domains that look the same are one column`() {
    let matrix = OwnerMatrix(inventory: Self.wholeMachine)
    let lines = matrix.text(style: .plain).split(separator: "\n")
    #expect(lines.count == 2 + 64 + 1)
    #expect(
      lines.prefix(2) == [
        "         domain  00-09  0a  0b  0c-53  54",
        "adapter     HMC    0-9  10  11  12-83  84",
      ])
    #expect(lines[2] == "00    0  CEX7C      h   h   h      h   h")
    #expect(lines[7] == "05    5  CEX7C      h   o          h   o")
    #expect(lines.last == "h host   o host, offline")
    // Nothing is folded where everything fits.
    let few = OwnerMatrix(inventory: Example.grid(adapters: 1...1, domains: 0...15))
    #expect(!few.text(style: .plain).contains("-"))
    #expect(few.text(style: TextStyle(isColored: false, width: 60)).contains("00-0f"))
    let svg = matrix.svg(title: "")
    #expect(svg.contains(">00-09</text>"))
    #expect(
      svg.contains("adapter 05, domains 0c-53 (HMC: adapter 5, domains 12-83): host</title>"))
    #expect(svg.contains("class=\"fault\""))
    #expect(!matrix.svg(title: "", isFull: true).contains(">00-09</text>"))
  }

  @Test(arguments: [40, 57, 80, 132, 200])
  func `fits the terminal`(width: Int) throws {
    let style = TextStyle(isColored: false, width: width)
    let matrices = [
      OwnerMatrix(inventory: Self.wholeMachine), OwnerMatrix(try Example.assessment()),
    ]
    for matrix in matrices {
      for isFull in [false, true] {
        let text = matrix.text(isFull: isFull, style: style)
        // The meaning of a mark is one line.
        let grid = text.split(separator: "\n").filter { !$0.contains("vfio_ap as") }
        #expect(grid.allSatisfy { $0.count <= width }, "\(text)")
      }
    }
  }

  @Test(arguments: [
    (Queue(apqn: apqn, driver: "cex4queue", isOnline: false), "o", "host, offline"),
    (Queue(apqn: apqn, driver: "cex4queue", isConfigured: false), "d", "host, deconfigured"),
    (Queue(apqn: apqn, driver: "cex4queue", isCheckStopped: true), "k", "host, check-stopped"),
    (Queue(apqn: apqn, driver: "vfio_ap", isConfigured: false), "D", "vfio_ap, deconfigured"),
    (Queue(apqn: apqn, driver: "vfio_ap", isCheckStopped: true), "K", "vfio_ap, check-stopped"),
    (Queue(apqn: apqn, driver: "vfio_ap", guestStatus: .inUse), "U", "vfio_ap, in use by a guest"),
    (Queue(apqn: apqn, driver: "vfio_ap", guestStatus: .assigned), "V", "vfio_ap"),
  ])
  func `has a letter for what is out of the ordinary`(
    queue: Queue, letter: String, meaning: String
  ) throws {
    var inventory = Example.grid(adapters: 5...5, domains: 4...4)
    inventory.setQueue(queue, apqn: Self.apqn)
    let matrix = OwnerMatrix(inventory: inventory)
    let text = matrix.text(style: .plain)
    #expect(text.contains("05    5  CEX7C   \(letter)\n"), "\(text)")
    #expect(text.hasSuffix("\n\(letter) \(meaning)\n"), "\(text)")
    #expect(matrix.svg(title: "").contains("domain 4): \(meaning)</title>"))
  }

  private static let apqn = APQN(adapter: 5, domain: 4)

  @Test func `says what is present where no grid can be drawn`() {
    #expect(OwnerMatrix(inventory: .empty).text(style: .plain) == "no cards on the AP bus\n")
    var inventory = Example.grid(adapters: 1...1, domains: 4...4)
    inventory.setQueue(nil, apqn: APQN(adapter: 1, domain: 4))
    #expect(
      OwnerMatrix(inventory: inventory).text(style: .plain) == "1 card, no queues on the AP bus\n")
  }

  @Test func `as SVG is well-formed, names every queue and escapes its title`() throws {
    let matrix = OwnerMatrix(try Example.assessment())
    let svg = matrix.svg(title: "<guests> & host")
    #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\""))
    #expect(svg.contains("<title id=\"title\">&lt;guests&gt; &amp; host</title>"))
    #expect(
      svg.contains("05.0004 (HMC: adapter 5, domain 4): host, to be moved to vfio_ap</title>"))
    for tag in ["svg", "g", "text", "title", "style"] {
      let opened = svg.ranges(of: "<\(tag)>").count + svg.ranges(of: "<\(tag) ").count
      #expect(opened == svg.ranges(of: "</\(tag)>").count, "\(tag)")
    }
    #expect(svg.ranges(of: "<g>").count == 6)
  }

  @Test func `marks what masks take although no rule requests it`() throws {
    var inventory = Example.grid(adapters: 5...6, domains: 4...5)
    inventory.bus.masks = .all
    let assessment = try Assessment(
      inventory: inventory,
      rules: Example.ruleSet(#"APQN=="05.0004", RESERVE="vfio_ap", COLLATERAL="accept""#))
    let matrix = OwnerMatrix(assessment)
    #expect(
      matrix.text(style: .plain)
        == """
                 domain  04  05
        adapter     HMC   4   5
        05    5  CEX7C  h>V h>c
        06    6  CEX7C   h   h

        h host
        >V to be moved to vfio_ap
        >c to be moved to vfio_ap as collateral, which no rule asks for

        """)
    #expect(matrix.svg(title: "").contains("05.0005 (HMC: adapter 5, domain 5): host, to be moved"))
    #expect(matrix.json.documentText.contains("\"mark\": \"collateral\""))
  }

  @Test func `as SVG distinguishes owners and moves without colours`() throws {
    let svg = OwnerMatrix(try Example.assessment()).svg(title: "")
    // A move has both owners' colours, and the letters of both.
    #expect(svg.contains("class=\"vfio_ap\"/><rect"))
    #expect(svg.contains(">h&gt;V</text>"))
    #expect(svg.contains("class=\"frame host problem\"") || svg.contains("frame none problem"))
    #expect(svg.contains(">3 adapters, 5 queues: "))
    #expect(svg.contains(">refused</text>"))
  }

  @Test func `as SVG has blocks of 32 domains, so that it fits on a page`() {
    let matrix = OwnerMatrix(inventory: Example.grid(adapters: 0...3, domains: 0...84))
    let svg = matrix.svg(title: "", isFull: true)
    #expect(svg.contains("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1348\""))
    #expect(svg.ranges(of: ">adapter</text>").count == 3)
    #expect(svg.ranges(of: "<g>").count == 4 * 85)
  }

  @Test func `as JSON has axes and marked places`() throws {
    let text = OwnerMatrix(try Example.assessment()).json.documentText
    #expect(text.hasPrefix("{\n  \"apreserve\": \"matrix\",\n  \"version\": 1,\n"))
    #expect(text.contains("{\"name\": \"05.0004\", \"owner\": \"host\", \"mark\": \"to-vfio_ap\"}"))
    #expect(text.contains("{\"name\": \"02.0004\", \"owner\": \"host\", \"mark\": \"refused\"}"))
  }
}
