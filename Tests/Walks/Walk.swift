import APBus
package import SimulatedBus
import TestSupport
package import Uevents

/// A walk of a kernel, walked again on the simulated bus.
package final class Walk {
  /// A line that did not hold.
  package struct Deviation {
    package var line: Transcript.Line
    package var found: String
  }

  /// An event of the simulated bus, and how many marks of the transcript stand before it.
  package struct Sent {
    package var event: Uevent
    package var mark: Int
  }

  /// Where the events of a walk, or its count of scans alone, show that the timer of the kernel ran out
  /// and the bus was scanned: the line of the transcript after which it was.
  private static let timerScans = ["udevd-src-7.2": 101, "sim-override": 144]

  /// The mediated device of all walks.
  private static let mediatedDevice = "11111111-2222-3333-4444-555555555555"

  package let name: String
  /// Which code was below the walk: `real`, `host` (without vfio_ap), or the imitation, `sim`.
  package private(set) var flavour = ""
  private let transcript: Transcript
  package private(set) var bus = SimulatedBus(behavior: .bind2018)
  package private(set) var deviations: [Deviation] = []
  package private(set) var sent: [Sent] = []
  /// How many lines were compared.
  package private(set) var checks = 0
  /// How many of the events belong to loading.
  package private(set) var loadEvents = 0
  private var marks = 0
  private var outcome = ""
  private var variables: [String] = []
  private var bare = ""

  /// Walks the whole transcript of that name, or only its load phase.
  package convenience init(_ name: String, loadOnly: Bool = false) throws {
    try self.init(name, steps: try CaptureFile.bytes(name + ".steps"), loadOnly: loadOnly)
  }

  /// Walks a transcript, or only its load phase, which ends at the first heading.
  package init(_ name: String, steps: [UInt8], loadOnly: Bool = false) throws {
    self.name = name
    transcript = Transcript(bytes: steps)
    for (index, line) in transcript.lines.enumerated() {
      if line.text.hasPrefix("#") { marks += 1 }
      if line.text.hasPrefix("# === "), loadOnly { break }
      try walk(line, next: transcript.lines.dropFirst(index + 1).first)
      if Self.timerScans[name] == line.number { bus.scan() }
    }
  }

  /// A line that is not understood.
  package struct Unknown: Error {}

  private func known<Value>(_ value: Value?) throws(Unknown) -> Value {
    guard let value else { throw Unknown() }
    return value
  }

  private func walk(_ line: Transcript.Line, next: Transcript.Line?) throws {
    switch line.content {
    case .load(let flavour, let parameters):
      try load(flavour: flavour, parameters: parameters)
      loadEvents = sent.count
    case .mark, .foreign: break
    case .write(let text, let path): outcome = write(text, path)
    case .outcome(let expected): compare(line, expected, outcome)
    case .answered(let text, let path, let expected):
      compare(line, expected, write(text, path))
    case .module(let name):
      bus.loadModule(try known(SimulatedBus.Module(rawValue: name)))
    case .unload(let name):
      try bus.unloadModule(try known(SimulatedBus.Module(rawValue: name)))
    case .guest(starts: true): try bus.startGuest(Self.mediatedDevice)
    case .guest(starts: false): bus.stopGuest(Self.mediatedDevice)
    case .removal(let uuid):
      outcome = write("1\n", "/sys/devices/vfio_ap/matrix/\(uuid)/remove")
    // A call of the simulated bus cannot wait. It ends as if by a signal.
    case .waits: compare(line, "write: EINTR (4)", outcome)
    case .read(let path, let expected): compare(line, expected ?? "(absent)", read(path))
    case .driver(let apqn, let expected): compare(line, expected ?? "", link(apqn))
    case .entries(let name, let expected):
      let object =
        APQN(name).map(BusObject.queue) ?? BusObject.adapter(ofCardName: name).map { .card($0) }
        ?? SysfsPath(text: name)?.object
      let names = object.flatMap { try? bus.list(SysfsPath($0)) } ?? []
      variables =
        object.flatMap { try? bus.read(SysfsPath($0, "uevent")) }?.split(separator: "\n")
        .map(String.init) ?? []
      compare(line, expected.sorted().joined(separator: " "), names.sorted().joined(separator: " "))
    case .variable(let expected):
      compare(line, expected, variables.isEmpty ? "" : variables.removeFirst())
      if case .variable? = next?.content { break }
      compare(line, "", variables.joined(separator: " "))
    case .bare(let text): try take(bare: text, line, next: next)
    }
  }

  /// A listing's lines are compared together: of devices it is folded anywhere, of a mediated
  /// device it has a name a line.
  private func take(bare text: String, _ line: Transcript.Line, next: Transcript.Line?) throws {
    if let count = Int(text) {
      let names = try bus.list(SysfsPath(.bus, "devices"))
      return compare(line, "\(count)", "\(names.count)")
    }
    let isFolded = text.contains(" ")
    bare += text + (isFolded ? "" : " ")
    if case .bare? = next?.content { return }
    let path =
      isFolded
      ? SysfsPath(.bus, "devices")
      : SysfsPath(.mediatedDevice(Self.mediatedDevice))
    let names = try bus.list(path).sorted().joined(separator: " ")
    compare(line, bare.split(separator: " ").sorted().joined(separator: " "), names)
    bare = ""
  }

  private func compare(_ line: Transcript.Line, _ expected: String, _ found: String) {
    checks += 1
    if expected != found { deviations.append(Deviation(line: line, found: found)) }
  }

  private func load(flavour: String, parameters: [String: String]) throws {
    self.flavour = flavour
    let behavior: KernelBehavior
    switch (flavour, parameters["era"]) {
    case ("sim", "2018"): behavior = .bind2018
    case ("sim", "mask"): behavior = .mask61
    case ("sim", "override"): behavior = .override72
    default:
      behavior = try known(
        KernelBehavior.kernels.first { transcript.kernel.hasPrefix("Linux \($0.name).") }?.behavior)
    }
    bus = SimulatedBus(behavior: behavior) { [unowned self] in
      sent.append(Sent(event: $0, mark: marks))
    }
    // Drivers get new queues in the order in which they registered.
    let modules = SimulatedBus.Module.allCases
    if flavour == "sim" {
      (parameters["vfio_first"] == "1" ? modules.reversed() : modules).forEach(bus.loadModule)
    }
    let domains = try known(
      parameters["hw_doms"].flatMap { NumberList.numbers($0, radix: 10) })
    for domain in domains { bus.addDomain(domain, quietly: true) }
    // LIST:TYPE:MODE, several of them joined by semicolons, in decimal.
    for group in try known(parameters["hw_cards"]).split(separator: ";") {
      let words = group.split(separator: ":")
      for adapter in try known(NumberList.numbers(words[0], radix: 10)) {
        let card = SimulatedCard(
          adapter: adapter, hardwareType: HardwareType(rawValue: try known(UInt8(words[1]))),
          mode: try known(QueueMode(rawValue: String(words[2]))))
        bus.plug(card: card, quietly: true)
      }
    }
    bus.scan()
    // The flavour `host` leaves vfio_ap for later.
    for module in modules where flavour != "host" || module == .zcryptCex4 {
      bus.loadModule(module)
    }
  }

  private func write(_ text: String, _ path: String) -> String {
    if path == "/sys/kernel/debug/aphw/ctl" {
      return happens(text) ? "ok (\(text.utf8.count))" : "unknown command"
    }
    guard let place = SysfsPath(text: path) else { return "no such place" }
    do throws(SysfsError) {
      try bus.write(text, to: place)
    } catch {
      return "\(error.operation.rawValue): \(error.errno.name) (\(error.errno.rawValue))"
    }
    return "ok (\(text.utf8.count))"
  }

  /// The commands by which the walks changed the emulated hardware are steps of scenarios.
  private func happens(_ command: String) -> Bool {
    guard let lines = try? Scenario(text: command).lines, lines.count == 1,
      case .step(let step) = lines[0].content
    else { return false }
    return ScenarioRun(on: bus, file: transcript.kernel).perform(step) == nil
  }

  private func read(_ path: String) -> String {
    guard let place = SysfsPath(text: path), var text = try? bus.read(place) else {
      return "(absent)"
    }
    if text.hasSuffix("\n") { text.removeLast() }
    return text.replacing("\n", with: "\\n")
  }

  private func link(_ apqn: APQN) -> String {
    (try? bus.readLink(.queue(apqn, "driver"))) ?? ""
  }
}
