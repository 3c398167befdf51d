import APBus
import Reports
import Reservation
import ReservationRules
import Testing

/// Comments that forges take.
@Suite struct `A fleet as Markdown` {
  private func heading(_ name: String) -> MachineHeading {
    MachineHeading(
      host: HostIdentity(name: name), kernel: nil, source: .file("\(name).json", age: nil))
  }

  private func name(_ number: Int) -> String { "lnx\(number + 1000)" }

  private func rows(_ text: String) -> [Substring] {
    text.split(separator: "\n").filter { $0.hasPrefix("| lnx") }
  }

  private func details(_ text: String) -> [Substring] {
    text.split(separator: "\n").filter { $0.hasPrefix("<summary>") }
  }

  /// Sixteen cards with 85 domains, of which 176 queues are to be reserved, in 24 rectangles.
  @Test func `has the plans of 200 large hosts`() throws {
    func numbers(_ range: ClosedRange<Int>) -> String {
      range.map { "0x" + String($0, radix: 16) }.joined(separator: "|")
    }
    let rules = (0..<8).map { pair in
      let domains = [pair...pair + 3, 0x20 + pair...0x23 + pair, 0x40 + pair...0x42 + pair]
      return "ADAPTER==\"\(numbers(2 * pair...2 * pair + 1))\", "
        + "DOMAIN==\"\(domains.map(numbers).joined(separator: "|"))\", "
        + "RESERVE=\"vfio_ap\", NAME=\"guests of pair \(pair)\"\n"
    }
    var inventory = Example.grid(adapters: 0...15, domains: 0...84)
    inventory.bus.masks = .all
    inventory.bus.supportsOverride = true
    let plan = PlanReport(
      try Assessment(inventory: inventory, rules: Example.ruleSet(rules.joined())))
    #expect(plan.summary.hasPrefix("176 queues to vfio_ap, 528 writes"), "\(plan.summary)")
    let report = plan.text(style: .plain)
    var fleet = Fleet(staleAge: .seconds(60))
    var comment = MarkdownFleet()
    for number in 0..<200 {
      // No two are the same.
      comment.add(
        fleet.add(heading(name(number)), .changed, plan.summary), "\(number)\n" + report)
    }
    let text = comment.text(fleet)
    #expect(text.utf8.count <= MarkdownFleet.sizeLimit)
    #expect(rows(text).count == 200)
    #expect(details(text).count == 200, "\(report.utf8.count) \(report)")
  }

  @Test func `has the same details of several hosts once`() throws {
    var fleet = Fleet(staleAge: .seconds(60))
    var comment = MarkdownFleet()
    for (number, note) in ["1 queue", "2 queues", "1 queue", "1 queue"].enumerated() {
      comment.add(fleet.add(heading(name(number)), .changed, note), "\(note) of <some>\n")
    }
    let text = comment.text(fleet)
    #expect(rows(text).count == 4)
    #expect(
      details(text) == [
        "<summary>lnx1000, lnx1002, lnx1003: 1 queue</summary>",
        "<summary>lnx1001: 2 queues</summary>",
      ])
    #expect(text.count(where: { $0 == "<" }) == 10, "\(text)")
  }

  /// What is refused is what a reader must see.
  @Test func `leaves out details that do not fit, and says of how many hosts`() throws {
    var fleet = Fleet(staleAge: .seconds(60))
    var comment = MarkdownFleet()
    for number in 0..<200 {
      let standing: Fleet.Standing = number % 10 == 9 ? .refused : .changed
      let member = fleet.add(heading(name(number)), standing, "some queues")
      comment.add(member, String(repeating: "\(number) ö\n", count: 2_000))
    }
    let text = comment.text(fleet)
    #expect(text.utf8.count <= MarkdownFleet.sizeLimit)
    #expect(text.utf8.count > MarkdownFleet.sizeLimit - 20_000)
    #expect(rows(text).count == 200)
    let shown = details(text)
    let lost = 200 - shown.count
    #expect(lost > 50)
    #expect(shown.count { $0.contains("9: ") } == 20)
    #expect(
      text.contains(
        "\n200 hosts: 180 with changes, 20 refused\n\nThe details of \(lost) hosts do not fit here; the same command "
          + "with `--inventory` for such a host alone, and without `--format markdown`, prints them.\n\n<details>\n"
      ), "\(text.prefix(20_000).suffix(2000))")
  }

  @Test func `leaves out the lines of hosts without changes before those of others`() throws {
    var fleet = Fleet(staleAge: .seconds(60))
    var comment = MarkdownFleet()
    for number in 0..<30_000 {
      let member = fleet.add(
        heading(name(number)), number % 100 == 0 ? .refused : .unchanged, "nothing to do")
      comment.add(member, "a line\n")
    }
    let text = comment.text(fleet)
    #expect(text.utf8.count <= MarkdownFleet.sizeLimit)
    let rows = rows(text)
    #expect(rows.count { $0.contains("| refused |") } == 300)
    #expect(text.contains("\n\(30_000 - rows.count) hosts more do not fit into this table.\n"))
  }
}
