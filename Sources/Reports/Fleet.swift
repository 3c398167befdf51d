import APBus
package import JSONText
package import Reservation

/// What became of several machines, a line for each: all that is kept of them while they are read one after the other.
package struct Fleet {
  /// In the order in which the machines were read.
  package private(set) var members: [Member] = []
  /// Descriptions older than this are stale.
  private let staleAge: Duration
  /// What a machine is with or without.
  private let noun: String

  package struct Member: Equatable, Sendable {
    /// The machine; only its file is known of one that cannot be read.
    package var heading: MachineHeading
    package var standing: Standing
    /// What there is to do, or why there is no report; empty if there is nothing to say.
    package var note: String
    /// False if its age is not known.
    package var isStale: Bool
    /// How many of its queues cannot be decided.
    var undecidable = 0
    /// Where in its file something is wrong, if that is known.
    var position: FilePosition?
  }

  /// Why there is no report on a machine.
  package struct Failure: Equatable, Sendable {
    package var standing: Standing
    package var message: String
    /// Where in its file something is wrong, if that is known.
    package var position: FilePosition?

    package init(_ standing: Standing, _ message: String, at position: FilePosition? = nil) {
      self.standing = standing
      self.message = message
      self.position = position
    }
  }

  /// How a machine stands by the rules, best first.
  package enum Standing: String, CaseIterable, Sendable {
    /// There is nothing to do.
    case unchanged
    /// There is nothing to do as far as that can be decided now.
    case undecidable
    case changed
    /// Something is refused.
    case refused
    /// The file is not the description of a machine.
    case unreadable
    /// There is a machine, and no report on it.
    case failed
  }

  package init(staleAge: Duration, of document: FleetDocument = .plan) {
    self.staleAge = staleAge
    noun = document.noun
  }

  /// Adds a machine with what its report comes to, which leaves so many queues undecided.
  @discardableResult package mutating func add(
    _ heading: MachineHeading, _ standing: Standing, _ note: String, undecidable: Int = 0
  ) -> Member {
    let member = Member(
      heading: heading, standing: standing, note: note,
      isStale: heading.isStale(after: staleAge), undecidable: undecidable)
    members.append(member)
    return member
  }

  /// Adds a machine without a report.
  @discardableResult package mutating func add(
    _ heading: MachineHeading, _ failure: Failure
  ) -> Member {
    var member = add(heading, failure.standing, failure.message)
    member.position = failure.position
    members[members.count - 1] = member
    return member
  }

  /// Files that describe a host which an earlier one describes as well, each with that one.
  package var repeated: [(file: String, earlier: String)] {
    members.indices.compactMap { index in
      guard let file = members[index].heading.path,
        let earlier = members[..<index].first(where: {
          $0.heading.isSameHost(as: members[index].heading)
        })?.heading.path
      else { return nil }
      return (file, earlier)
    }
  }

  package func count(_ standing: Standing) -> Int { members.count { $0.standing == standing } }

  package var staleCount: Int { members.count(where: \.isStale) }

  /// How many queues of all machines are undecidable.
  package var undecidableCount: Int { members.reduce(0) { $0 + $1.undecidable } }

  /// Whether there is a machine without a report.
  package var hasErrors: Bool { count(.unreadable) + count(.failed) > 0 }
}

/// A place in a file that is not about rules.
package struct FilePosition: Equatable, Sendable {
  /// From 1.
  package var line: Int
  /// From 1, in scalars.
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}

extension Fleet.Standing {
  /// How a machine stands by a plan.
  package init(_ report: PlanReport) {
    self =
      switch report.outcome {
      case .nothingToDo: report.plan.undecidable.isEmpty ? .unchanged : .undecidable
      case .pending: .changed
      case .refused: .refused
      }
  }

  package init(_ difference: PlanDifference) {
    self =
      switch difference.outcome {
      case .same: difference.undecidable.isEmpty ? .unchanged : .undecidable
      case .changed: .changed
      case .refused: .refused
      }
  }

  package init(_ outcome: GuestMove.Outcome) {
    self =
      switch outcome {
      case .possible: .unchanged
      case .afterSteps: .changed
      case .impossible: .refused
      }
  }

  fileprivate var ink: Ink? {
    switch self {
    case .unchanged: nil
    case .undecidable, .changed: .heading
    case .refused, .unreadable, .failed: .problem
    }
  }

  /// The standing after a number.
  fileprivate func words(_ noun: String) -> String {
    switch self {
    case .unchanged: "without \(noun)"
    case .changed: "with \(noun)"
    case .undecidable, .refused, .unreadable, .failed: rawValue
    }
  }

  fileprivate var meaning: String {
    switch self {
    case .unchanged: "Those on which there is nothing to do."
    case .undecidable:
      "Those on which there is nothing to do as far as the rules can be decided now."
    case .changed: "Those on which there is something to do, and nothing refused."
    case .refused: "Those on which something is refused."
    case .unreadable: "Files that are not the description of a machine."
    case .failed: "Those of which there is no report for another reason."
    }
  }
}

// MARK: - Text

extension Fleet {
  /// A line for each machine, and the summary as the last line.
  package func text(style: TextStyle) -> String {
    var table = TextTable()
    for member in members {
      table.append([
        .init(member.name), .init(member.ageText, member.isStale ? .problem : nil),
        .init(member.standing.rawValue, member.standing.ink), .init(member.note.printable),
      ])
    }
    let rows =
      table.lines(indentation: "  ", fitting: style)
    let lines = [style.paint("hosts", in: .heading)] + rows + ["", summary]
    return lines.map { $0 + "\n" }.joined()
  }

  /// Such as `12 hosts: 9 without changes, 2 with changes, 1 unreadable; 4 queues undecidable; 3 stale`.
  package var summary: String {
    let parts = Standing.allCases.compactMap { standing -> String? in
      let count = count(standing)
      return count == 0 ? nil : "\(count) \(standing.words(noun))"
    }
    return counted(members.count, "host") + (parts.isEmpty ? "" : ": ")
      + parts.joined(separator: ", ")
      + (undecidableCount > 0 ? "; \(counted(undecidableCount, "queue")) undecidable" : "")
      + (staleCount > 0 ? "; \(staleCount) stale" : "")
  }
}

extension Fleet.Member {
  var name: String { heading.fullName }

  /// How old its description is, as far as that is known.
  var ageText: String {
    (heading.age?.sinceWords ?? "") + (isStale ? ", stale" : "")
  }

  /// The heading of the report on it. Of a file that cannot be read nothing is known, and no age is missed.
  package func headingLine(style: TextStyle) -> String {
    heading.line(style: style, saysUnknownAge: standing != .unreadable)
  }
}

// MARK: - Markdown

/// A comment for a merge request: a table of the machines, and below it what there is to see of each, folded. Machines of
/// which the same is to be seen share it.
package struct MarkdownFleet {
  /// The most bytes of a comment. GitHub drops a summary of a job's step above 1 MiB, and a note of GitLab has at most
  /// 1,000,000 characters; the rest is for what a pipeline adds.
  package static let sizeLimit = 900_000

  private var sections: [Section] = []
  private var places: [Section.Content: Int] = [:]
  /// The word after the fence of a block, by which a forge colours it.
  private let language: String

  package init(isDifference: Bool = false) {
    language = isDifference ? "diff" : "text"
  }

  /// What there is to see of some machines.
  private struct Section {
    struct Content: Hashable {
      var standing: Fleet.Standing
      var note: String
      var report: String
    }

    var content: Content
    var names: [String]
  }

  /// Adds the report on a machine, unless there is nothing to do there.
  package mutating func add(_ member: Fleet.Member, _ report: String) {
    guard member.standing != .unchanged else { return }
    let content = Section.Content(standing: member.standing, note: member.note, report: report)
    if let place = places[content] {
      sections[place].names.append(member.name)
    } else {
      places[content] = sections.count
      sections.append(Section(content: content, names: [member.name]))
    }
  }

  /// The comment. Where it would be too large, details of machines are left out, and then lines of the table, those of the
  /// machines with the least trouble first.
  package func text(_ fleet: Fleet) -> String {
    let head = "| Host | Snapshot | Result | |\n|---|---|---|---|\n"
    let summary = "\n\(fleet.summary.escapedForMarkdown)\n"
    var room = Self.sizeLimit - Self.roomForHints - (head + summary).utf8.count
    let rows = Self.fitting(
      fleet.members.map { ($0.standing, Self.row($0)) }, into: &room)
    let details = Self.fitting(sections.map { ($0.content.standing, text(of: $0)) }, into: &room)
    var hints = ""
    let lostRows = rows.count { $0 == nil }
    if lostRows > 0 {
      hints +=
        "\n\(counted(lostRows, "host")) more \(lostRows == 1 ? "does" : "do") not fit into this table.\n"
    }
    let lostHosts = zip(sections, details).reduce(0) { $0 + ($1.1 == nil ? $1.0.names.count : 0) }
    if lostHosts > 0 {
      hints +=
        "\nThe details of \(counted(lostHosts, "host")) do not fit here; the same command with `--inventory` for such a "
        + "host alone, and without `--format markdown`, prints them.\n"
    }
    return head + rows.compactMap(\.self).joined() + summary + hints
      + details.compactMap(\.self).joined()
  }

  /// What is kept for the sentences about what is left out.
  private static let roomForHints = 1000

  private static func row(_ member: Fleet.Member) -> String {
    let cells = [member.name, member.ageText, member.standing.rawValue, member.note.printable]
    return "| " + cells.map(\.escapedForMarkdown).joined(separator: " | ") + " |\n"
  }

  private func text(of section: Section) -> String {
    let (note, report) = (section.content.note, section.content.report)
    // A fence inside the block would end it.
    let ticks = report.split(whereSeparator: { $0 != "`" }).map(\.count).max() ?? 0
    let fence = String(repeating: "`", count: max(3, ticks + 1))
    return """

      <details>
      <summary>\(section.names.joined(separator: ", ").escapedForXML): \(note.printable.escapedForXML)</summary>

      \(fence)\(language)
      \(report)\(fence)

      </details>

      """
  }

  /// The texts that fit into so many bytes, in their order, and nil for others. Those of the worst standing come first.
  private static func fitting(
    _ texts: [(standing: Fleet.Standing, text: String)], into room: inout Int
  ) -> [String?] {
    var fitting = [String?](repeating: nil, count: texts.count)
    for standing in Fleet.Standing.allCases.reversed() {
      for (index, text) in texts.enumerated()
      where text.standing == standing && text.text.utf8.count <= room {
        room -= text.text.utf8.count
        fitting[index] = text.text
      }
    }
    return fitting
  }
}

extension String {
  /// The text in a paragraph or a table of Markdown, where it is nothing but text.
  fileprivate var escapedForMarkdown: String {
    var text = ""
    for scalar in printable.unicodeScalars {
      switch scalar {
      case "\\", "`", "*", "_", "[", "]", "|", "~", "#", "@", "!": text += "\\"
      default: break
      }
      text +=
        String(scalar) == "&" || scalar == "<" || scalar == ">"
        ? String(scalar).escapedForXML : String(scalar)
    }
    return text
  }
}

// MARK: - JSON

extension Fleet.Member {
  static let layout = JSONLayout<Fleet.Member>("Host", "A machine among others.") {
    $0.add("machine", .object(MachineHeading.layout), "The machine.", \.heading)
    $0.add("standing", .word, "How it stands by the rules.", \.standing)
    $0.add(
      "stale", .flag,
      "Whether its description is older than is asked for, or is from the future; false if its age is not known.",
      \.isStale)
    $0.add("summary", .text, "One line, or why there is no report.", \.note)
  }
}

/// A document with the reports on several machines, which is written machine by machine.
package struct FleetDocument: Sendable {
  private struct Entry {
    var member: Fleet.Member
    var report: JSONValue?
  }

  private typealias Whole = (fleet: Fleet, entries: [Entry])

  /// What a machine is with or without.
  fileprivate let noun: String
  private let entry: JSONLayout<Entry>
  private let layout: JSONLayout<Whole>

  /// A document with reports that have this schema each.
  private init(
    _ kind: String, _ description: String, noun: String = "changes",
    of report: @autoclosure @escaping @Sendable () -> JSONSchema
  ) {
    self.noun = noun
    let entry = JSONLayout<Entry>("HostReport", "A machine and the report on it.") {
      $0.include(Fleet.Member.layout, \.member)
      $0.add(
        "report", JSONForm(schema: report()) { $0 }, "The report, as for one machine alone.",
        \.report)
    }
    self.entry = entry
    layout = .document(kind, description) {
      $0.add(
        Self.listKey, .list(of: .object(entry)), "The machines, in the order of their files."
      ) { $0.entries }
      $0.add("summary", .object(Self.summaryLayout), "How many machines stand how.", \.fleet)
    }
  }

  private static let listKey = "hosts"

  private static let summaryLayout = JSONLayout<Fleet>(
    "FleetSummary", "How many machines stand how."
  ) {
    $0.add("hosts", .count, "All machines.", \.members.count)
    for standing in Fleet.Standing.allCases {
      $0.add(standing.rawValue, .count, standing.meaning) { $0.count(standing) }
    }
    $0.add(
      "undecidableQueues", .count,
      "Undecidable queues of all machines, without those that are unreadable.",
      \.undecidableCount)
    $0.add(
      "stale", .count, "Machines with a stale description, which count above as well.", \.staleCount
    )
  }

  package static let plan = FleetDocument(
    "fleet-plan", "What would be written on several machines, and why.",
    of: PlanReport.layout.schema)
  package static let difference = FleetDocument(
    "fleet-plan-difference", "How the plans of two sets of rules differ on several machines.",
    of: PlanDifference.layout.schema)
  package static let list = FleetDocument(
    "fleet-list", "The queues of several machines.", of: QueueList.layout.schema)
  package static let matrix = FleetDocument(
    "fleet-matrix", "The owners on several machines.", of: OwnerMatrix.layout.schema)
  package static let explain = FleetDocument(
    "fleet-explain", "What is known of queues on several machines.", of: Explanations.schema)
  package static let guestList = FleetDocument(
    "fleet-guest-list", "The guests of several machines.", of: GuestList.layout.schema)

  package static let drift = FleetDocument(
    "fleet-drift", "How owners differ from what the rules request, on several machines.",
    noun: "drift", of: DriftReport.layout.schema)

  package static let comparison = FleetDocument(
    "fleet-comparison", "Whether guests can move to several machines.", noun: "steps",
    of: MoveReport.layout.schema)

  package func schemaFile(_ name: String, title: String) -> JSONValue {
    layout.schemaFile(name, title: title)
  }

  /// The text before the first machine.
  package var start: String { pieces(Fleet(staleAge: .zero)).start }

  /// The text of a machine.
  package func text(_ member: Fleet.Member, _ report: JSONValue?, isFirst: Bool) -> String {
    JSONPieces.text(of: entry.json(Entry(member: member, report: report)), isFirst: isFirst)
  }

  /// The text after the last machine.
  package func end(_ fleet: Fleet) -> String { pieces(fleet).end }

  private func pieces(_ fleet: Fleet) -> JSONPieces {
    JSONPieces(of: layout.json((fleet, [])), around: Self.listKey)
  }
}
