import APBus
package import JSONText
package import Reservation

/// The guests of a machine as a table: what each is to have, and whether it can be started.
package struct GuestList {
  package let guests: [Guest]

  package init(_ guests: [Guest]) {
    self.guests = guests
  }

  /// What `apreserve guest show` takes, one a line and each once. A shell that completes names expands them, so that
  /// one with anything special in it is replaced by the UUID.
  package var names: String {
    let names = guests.map { $0.name.isShellWord ? $0.name : $0.uuid }
    return names.grouped { $0 }.map { "\($0.value)\n" }.joined()
  }

  /// The table, and below it what each guest lacks.
  package func text(style: TextStyle) -> String {
    guard !guests.isEmpty else { return "no guest has a mediated device of vfio_ap\n" }
    var columns = Self.columns
    var lines = Self.lines(of: guests, columns, style: style)
    // Some columns can be done without on a narrow terminal.
    var left: [String] = []
    for name in ["HMC", "START", "DEVICE"] {
      guard let width = style.width,
        Self.lines(of: guests, columns, style: .plain).contains(where: { $0.count > width })
      else { break }
      columns.removeAll { $0.heading == name }
      left.append(name)
      lines = Self.lines(of: guests, columns, style: style)
    }
    if !left.isEmpty {
      lines += [""]
      lines += style.lines(
        "the terminal has no room for \(left.joined(separator: ", ")); \"apreserve guest show\" has all",
        after: "", hanging: 0)
    }
    for guest in guests {
      let sentences = guest.sentences
      guard !sentences.isEmpty else { continue }
      lines += ["", style.paint(guest.name.printable, in: .heading)]
      lines += sentences.flatMap { style.lines($0) }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private typealias Column = (heading: String, cell: @Sendable (Guest) -> TextTable.Cell)

  private static let columns: [Column] = [
    ("GUEST", { .init($0.name.printable) }),
    ("STATE", { .init($0.state.rawValue, $0.state.isProblem ? .problem : nil) }),
    ("DEVICE", { .init($0.deviceWord) }), ("START", { .init($0.startWord) }),
    ("ADAPTERS", { .init(hexadecimal($0.device.adapters, digits: 2)) }),
    ("DOMAINS", { .init(hexadecimal($0.device.domains, digits: 4)) }),
    ("HMC", { .init(decimal($0.device.adapters) + "." + decimal($0.device.domains), .faint) }),
  ]

  private static func lines(
    of guests: [Guest], _ columns: [Column], style: TextStyle
  ) -> [String] {
    var table = TextTable(headings: columns.map(\.heading))
    for guest in guests { table.append(columns.map { $0.cell(guest) }) }
    return table.lines(style: style)
  }

  /// The numbers as sysfs prints them, runs of them as a range.
  static func hexadecimal(_ mask: APMask, digits: Int) -> String {
    mask.isEmpty
      ? "-"
      : APQNRectangle.runs(mask).map { run in
        Hex.text(run.lowerBound, digits: digits)
          + (run.count > 1 ? "-" + Hex.text(run.upperBound, digits: digits) : "")
      }.joined(separator: ",")
  }

  /// The numbers as the HMC shows them.
  static func decimal(_ mask: APMask) -> String {
    mask.isEmpty
      ? "-"
      : APQNRectangle.runs(mask).map { run in
        "\(run.lowerBound)" + (run.count > 1 ? "-\(run.upperBound)" : "")
      }.joined(separator: ",")
  }

  package static let layout = JSONLayout<Headed<GuestList>>.report(
    "guest-list", "The guests of a machine."
  ) {
    $0.add("guests", .list(of: .object(Guest.layout)), "The guests, those with names first.") {
      $0.report.guests
    }
  }

  package func json(under heading: MachineHeading?) -> JSONValue {
    Self.layout.json(Headed(self, under: heading))
  }
}

/// One guest, queue by queue, with what to do next.
package struct GuestReport {
  private let guests: [Guest]

  /// The guests of one name: a virtual machine can have several devices.
  package init(_ guests: [Guest]) {
    self.guests = guests
  }

  package func text(style: TextStyle) -> String {
    guests.map { Self.text($0, style: style) }.joined(separator: "\n")
  }

  private static func text(_ guest: Guest, style: TextStyle) -> String {
    let device = guest.device
    let isProblem = guest.state.isProblem
    var facts = TextTable()
    facts.append([.init("state"), .init(guest.state.rawValue, isProblem ? .problem : nil)])
    facts.append([.init("device"), .init("\(guest.uuid), \(guest.deviceWord)")])
    if !guest.virtualMachines.isEmpty {
      let names = guest.virtualMachines.map(\.printable).joined(separator: ", ")
      facts.append([.init("machine"), .init(names + (guest.isRunning ? ", running" : ""))])
    }
    if guest.definition != nil { facts.append([.init("start"), .init(guest.startWord)]) }
    for (name, mask, digits) in [
      ("adapters", device.adapters, 2), ("domains", device.domains, 4),
      ("control", device.controlDomains, 4),
    ] where !mask.isEmpty {
      let hexadecimal = GuestList.hexadecimal(mask, digits: digits)
      facts.append([
        .init(name), .init("\(hexadecimal) (\(GuestList.decimal(mask)) on the HMC)"),
      ])
    }
    var lines = [style.paint(guest.name.printable, in: .heading)]
    lines += facts.lines(indentation: "  ", fitting: style)
    if !guest.queues.isEmpty {
      lines += ["", style.paint("queues", in: .heading)]
      var table = TextTable()
      for queue in guest.queues {
        let detail = queue.detail(of: guest)
        table.append(
          [
            .init(queue.apqn.description), .init(queue.word, queue.isProblem ? .problem : nil),
          ] + (detail.isEmpty ? [] : [.init(detail)]))
      }
      lines += table.lines(indentation: "  ", fitting: style)
    }
    let sentences = guest.problems
    if !sentences.isEmpty {
      lines += ["", style.paint("findings", in: .problem)]
      lines += sentences.flatMap { style.lines($0) }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  package static let layout = JSONLayout<Headed<GuestReport>>.report(
    "guest", "The guests of one name; a virtual machine can have several devices."
  ) {
    $0.add("guests", .list(of: .object(Guest.layout)), "The guests.") { $0.report.guests }
  }

  package func json(under heading: MachineHeading?) -> JSONValue {
    Self.layout.json(Headed(self, under: heading))
  }
}

extension Guest.State {
  fileprivate var isProblem: Bool {
    switch self {
    case .incomplete, .conflicting: true
    case .running, .ready: false
    }
  }
}

extension Guest {
  /// Whether its device exists, is defined, or is only named by a virtual machine.
  fileprivate var deviceWord: String {
    active != nil ? "active" : definition != nil ? "defined" : "unknown"
  }

  fileprivate var startWord: String {
    definition.map { $0.startsAutomatically ? "auto" : "manual" } ?? "-"
  }

  /// What is wrong beside single queues, each a sentence.
  fileprivate var problems: [String] {
    (definition.map { definition in
      definition.problems.map { "\(definition.place(of: $0)): the definition has \($0.text)" }
    } ?? []) + findings.map(\.description)
  }

  /// What it lacks, each a sentence: queues that are open for the same reason are one.
  package var sentences: [String] {
    let open = queues.compactMap { queue in
      queue.reason.map { OpenRequest(queue.apqn, $0) }
    }
    return problems + OpenRequest.groups(of: open).map(\.sentence)
  }

  fileprivate static let layout = JSONLayout<Guest>("Guest", "A mediated device of vfio_ap.") {
    $0.add("name", .text, "A virtual machine that uses it, or its UUID.", \.name)
    $0.add("uuid", .text, "Its UUID.", \.uuid)
    $0.add(
      "virtualMachines", .list(of: .text), "The virtual machines that use it.", \.virtualMachines)
    $0.add("state", .word, "Whether it has, or can be given, all that it is to have.", \.state)
    $0.add("active", .flag, "Whether the device exists.") { $0.active != nil }
    $0.add("defined", .flag, "Whether mdevctl has a definition of it.") { $0.definition != nil }
    $0.add("running", .flag, "Whether a virtual machine runs with it.", \.isRunning)
    $0.add("start", .text(of: ["auto", "manual"]), "Whether it is started at boot.") {
      $0.definition.map { $0.startsAutomatically ? "auto" : "manual" }
    }
    $0.include(matrixLayout, \.device)
    $0.add("queues", .list(of: .object(queueLayout)), "The queues that it is to have.") { guest in
      guest.queues.map { ($0, guest) }
    }
    $0.add("problems", .list(of: .text), "What is wrong with its definition.") {
      $0.definition?.problems.map(\.text) ?? []
    }
    $0.add(
      "findings", .list(of: .object(GuestFinding.layout)), "What is or will be wrong with it.",
      \.findings)
  }

  /// What it is to have.
  static let matrixLayout = JSONLayout<MediatedDevice> {
    $0.add("adapters", .numbers, "The adapters.", \.adapters)
    $0.add("domains", .numbers, "The usage domains.", \.domains)
    $0.add("controlDomains", .numbers, "The control domains.", \.controlDomains)
  }

  private static let queueLayout = JSONLayout<(queue: Guest.Queue, guest: Guest)>(
    "GuestQueue", "A queue that a guest is to have."
  ) {
    $0.add("name", .queue, "The queue.") { $0.queue.apqn }
    $0.add("adapter", .integer, "Its adapter.") { $0.queue.apqn.adapter }
    $0.add("domain", .integer, "Its domain.") { $0.queue.apqn.domain }
    $0.add("request", .word, "What has become of the request.") {
      $0.queue.reason?.state ?? Requests.State.reserved
    }
    $0.add("message", .text, "Why it cannot be used.") { row in
      row.queue.reason.map { OpenRequest(row.queue.apqn, $0).description }
    }
    $0.add("others", .list(of: .text), "Other guests that are to have it.") {
      $0.queue.others.isEmpty ? nil : $0.queue.others
    }
    $0.add("remedy", .text, "What to do.") { $0.queue.remedy(for: $0.guest) }
  }
}

extension Guest.Queue {
  fileprivate var isProblem: Bool { reason?.state.isStuck == true || !others.isEmpty }

  fileprivate var word: String { reason?.state.rawValue ?? (others.isEmpty ? "usable" : "shared") }

  /// Why it cannot be used, and what to do.
  fileprivate func detail(of guest: Guest) -> String {
    let reasons = [
      reason.map { $0.clause ?? OpenRequest(apqn, $0).description },
      others.isEmpty
        ? nil : "\(others.map(\.printable).joined(separator: ", ")) is to have it, too",
      remedy(for: guest),
    ]
    return reasons.compactMap(\.self).joined(separator: "; ")
  }
}

extension GuestFinding {
  static let layout = JSONLayout<GuestFinding>(
    "GuestFinding", "Something that is or will be wrong with a guest."
  ) {
    $0.add("finding", .word, "What it is, in one word.", \.kind)
    $0.add("severity", .word, "How bad it is.", \.kind.severity)
    $0.add("message", .text, "A sentence about it.", \.description)
  }
}
