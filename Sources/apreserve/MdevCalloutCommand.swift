import APBus
import Agent
import ArgumentParser
import Glibc
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules

/// `apreserve mdev-callout`
struct MdevCalloutCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mdev-callout",
    abstract: "Answer mdevctl, which calls this for mediated devices of vfio_ap.",
    usage: """
      apreserve mdev-callout -t <type> -e <event> -a <action> -s <state> -u <uuid> -p <parent> [<options>]
      """,
    discussion: """
      mdevctl runs it as the callout ap-apreserve before and after it defines, modifies, starts, stops or undefines a \
      device, with the definition on standard input. Where queues are reserved by driver_override it refuses what \
      would fail, with the queues, their driver and the rule, and holds the lock of the AP configuration meanwhile. \
      Where they are reserved by masks it leaves the answer to other callouts.

      The exit status is 0 if mdevctl can go on, 1 after an error, 2 if the answer is left to other callouts, and 3 if \
      something is refused.
      """)

  @Option(name: [.customShort("t"), .customLong("type")], help: "The type of the device.")
  var type: String

  @Option(
    name: [.customShort("e"), .customLong("event")],
    help: "When it is called: pre, post, get or live.")
  var event: String

  @Option(
    name: [.customShort("a"), .customLong("action")],
    help: "What mdevctl does, such as start, or what is to be printed: attributes or capabilities.")
  var action: String

  @Option(
    name: [.customShort("s"), .customLong("state")],
    help: "What has become of it: none, success or failure.")
  var state: String

  @Option(
    name: [.customShort("u"), .customLong("uuid")], help: "The UUID of the device.")
  var uuid: String

  @Option(
    name: [.customShort("p"), .customLong("parent")],
    help: "The parent device; for vfio_ap it is matrix.")
  var parent: String

  @OptionGroup(title: OptionTitle.machine) var tree: SysfsOptions
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions

  /// The answer that makes mdevctl try the next callout.
  private static let unanswered = ExitCode(2)
  /// The most bytes of a definition.
  private static let sizeLimit = 1 << 20
  /// How long another process is waited for that holds the lock, about as long as ap-check does.
  private static let patience = Duration.seconds(90)
  /// How long it is waited for only to read.
  private static let shortPatience = Duration.seconds(1)

  func run() throws {
    // The process in whose name the lock is held. It is asked for first: the number changes when mdevctl ends.
    let caller = getppid()
    guard type == "vfio_ap-passthrough", parent == "matrix" else { throw Self.unanswered }
    do {
      guard BusObject.isUUID(uuid) else { throw CalloutError("\(uuid.printable) is not a UUID") }
      // The lock is released whatever has become of the mechanism since it was acquired.
      if event == "post" { lock(of: caller)?.releaseForOwner() }
      guard isInOverrideMode else { throw Self.unanswered }
      switch (event, action) {
      case ("pre", "define"), ("pre", "modify"): try prepare(for: caller, objectionsToDefinition)
      case ("pre", "start"): try prepare(for: caller, objectionsToStart)
      case ("pre", "undefine"): try prepare(for: caller) { [] }
      case ("pre", "stop"): try prepareStop(for: caller)
      case ("get", "attributes"): try printAttributes(for: caller)
      case ("get", "capabilities"): try printCapabilities()
      case ("live", "modify"): try modify(for: caller)
      // What newer versions of mdevctl do besides is not affected.
      default: break
      }
    } catch let code as ExitCode {
      throw code
    } catch let refusal as Refused {
      refusal.sentences.forEach(Self.say)
      throw ExitStatus.refused
    } catch {
      Self.say("\(error)")
      throw ExitStatus.error
    }
  }

  /// mdevctl puts the name of the callout in front.
  private static func say(_ sentence: String) {
    _ = Terminal.write(sentence.printableLines + "\n", to: STDERR_FILENO)
  }

  /// Objections, each a sentence.
  private struct Refused: Error {
    var sentences: [String]
  }

  // MARK: - The machine

  private func reader() throws -> InventoryReader {
    // No adapter is asked for anything: one that does not answer would hold up mdevctl.
    InventoryReader(sysfs: try HostSysfs(root: tree.path), asksAdapters: false)
  }

  /// False also where that cannot be read: other callouts may know better.
  private var isInOverrideMode: Bool {
    guard let reader = try? reader(), let bus = try? reader.readBus(), bus.supportsOverride == true
    else { return false }
    // The queues need to be read only where masks are in use as well.
    return bus.masks == .all || (try? reader.read())?.isInOverrideMode == true
  }

  private var guests: HostConfiguration {
    tree.files.root.map { HostConfigurationReader(root: $0).readGuests() } ?? .unread
  }

  /// Nil if the rules have errors, so that it is not known which are in force.
  private func decisions(
    on inventory: Inventory, with configuration: HostConfiguration
  ) -> DecisionTable? {
    let host: HostRules
    do {
      host = try rules.load(for: tree.files)
    } catch {
      Terminal.say("\(error)")
      return nil
    }
    guard
      Verification(rules: host.rules, diagnostics: host.diagnostics).isClean(strict: false)
    else { return nil }
    return DecisionTable(
      rules: host.rules, inventory: inventory,
      host: tree.files.root.map { HostFacts(root: $0).identity() } ?? HostIdentity(),
      guests: configuration.guests)
  }

  private func definition() throws -> MdevctlDefinition {
    try MdevctlDefinition(try HostFile.standardInput(sizeLimit: Self.sizeLimit))
  }

  // MARK: - The lock

  /// The lock in the name of the process that has called this one; nil for a machine without one.
  private func lock(of caller: Int32) -> S390ConfigurationLock? {
    lock(of: caller, limit: Self.patience)
  }

  private func lock(of owner: Int32, limit: Duration) -> S390ConfigurationLock? {
    tree.files.root.flatMap { S390ConfigurationLock.path(root: $0) }.map { path in
      S390ConfigurationLock(path: path, limit: limit, owner: owner) { notice in
        if case .replaced(let sentence) = notice { Self.say(sentence) }
      }
    }
  }

  /// Acquires the lock for mdevctl, which keeps it until the callout afterwards, unless there are objections: then it
  /// does not call again.
  private func prepare(for caller: Int32, _ objections: () throws -> [String]) throws {
    // A lock in the name of a process that goes on for ever would never become stale.
    guard !["systemd", "init"].contains(ProcessName.command(caller)) else {
      throw CalloutError("the mdevctl that has called this has ended")
    }
    let lock = lock(of: caller)
    if let lock, !lock.isHeldByOwner { try lock.acquire() }
    do {
      let sentences = try objections()
      guard sentences.isEmpty else { throw Refused(sentences: sentences) }
      guard getppid() == caller else {
        throw CalloutError("the mdevctl that has called this has ended")
      }
    } catch {
      lock?.releaseForOwner()
      throw error
    }
  }

  // MARK: - Before an action

  private func objectionsToDefinition() throws -> [String] {
    let definition = try definition()
    let path = (tree.files.root ?? "") + "\(MediatedDeviceDefinition.directory)/\(uuid)"
    let before = (try? HostFile.read(path, sizeLimit: Self.sizeLimit))
      .flatMap { try? MdevctlDefinition($0) }
    return DefinitionChange(of: uuid, to: definition, before: before).objections(in: guests)
  }

  private func objectionsToStart() throws -> [String] {
    let definition = try definition()
    return try objections { $0.write(definition.attributes) }.sentences
  }

  private func objections(
    after write: (inout AssignmentForecast) -> Void
  ) throws -> (sentences: [String], device: MediatedDevice) {
    let inventory = try reader().read()
    var forecast = AssignmentForecast(of: uuid, on: inventory)
    write(&forecast)
    guard !forecast.isPossible else { return ([], forecast.device) }
    let configuration = guests
    return (
      forecast.objections(
        on: inventory, by: decisions(on: inventory, with: configuration),
        configuration: configuration), forecast.device
    )
  }

  /// The removal of a device that a guest uses waits for the end of the guest in the kernel, for hours perhaps. The lock
  /// is not held meanwhile: nothing else is written then.
  private func prepareStop(for caller: Int32) throws {
    let inventory = try? reader().read()
    let device = inventory?.mediatedDevices.first { $0.uuid == uuid.lowercased() }
    let isInUse =
      inventory?.queues.contains { $0.guestStatus == .inUse && device?.holds($0.apqn) == true }
    if isInUse == true {
      lock(of: caller)?.releaseForOwner()
      Self.say("a guest uses the device; it is removed when the guest has ended")
    } else {
      try prepare(for: caller) { [] }
    }
  }

  // MARK: - What mdevctl asks for

  private func printAttributes(for caller: Int32) throws {
    // Whoever may not acquire the lock may read all the same, and while another process holds it for long.
    let own = lock(of: getpid(), limit: Self.shortPatience)
    let isLocked =
      geteuid() == 0 && lock(of: caller)?.isHeldByOwner != true && (try? own?.acquire()) != nil
    defer { if isLocked { own?.release() } }
    // A device that is being removed has none.
    let devices = try reader().readMediatedDevices()
    guard let device = devices.first(where: { $0.uuid == uuid.lowercased() }) else { return }
    let attributes = [
      ("assign_adapter", device.adapters), ("assign_domain", device.domains),
      ("assign_control_domain", device.controlDomains),
    ].flatMap { name, mask in
      mask.map { JSONValue.object([.init(name, .string("\($0)"))]) }
    }
    try Terminal.print(JSONValue.array(attributes).text() + "\n")
  }

  /// What it answers of what mdevctl offers.
  private func printCapabilities() throws {
    let input = try HostFile.standardInput(sizeLimit: Self.sizeLimit)
    let offer: JSONValue
    do throws(JSONSyntaxError) {
      offer = try JSONParser.parse(input)
    } catch {
      throw CalloutError("the capabilities of mdevctl cannot be read: \(error.problem)")
    }
    func known(_ key: String, of words: [String]) -> JSONValue {
      let offered = offer["provides"]?[key]?.elements.compactMap(\.text) ?? []
      return .array(words.filter(offered.contains).map { .string($0) })
    }
    let actions = [
      "define", "modify", "start", "stop", "undefine", "attributes", "capabilities",
    ]
    let support: [JSONValue.Member] = [
      .init("version", .integer(2)), .init("actions", known("actions", of: actions)),
      .init("events", known("events", of: ["pre", "post", "get", "live"])),
    ]
    try Terminal.print(JSONValue.object([.init("supports", .object(support))]).text() + "\n")
  }

  /// Gives an active device another matrix.
  private func modify(for caller: Int32) throws {
    let definition = try definition()
    // mdevctl does not call again after this.
    let own =
      lock(of: caller)?.isHeldByOwner == true ? nil : lock(of: getpid(), limit: Self.patience)
    try own?.acquire()
    defer { own?.release() }
    let (sentences, device) = try objections { $0.writeAtOnce(definition.attributes) }
    guard sentences.isEmpty else { throw Refused(sentences: sentences) }
    let masks = [device.adapters, device.domains, device.controlDomains].map(\.description)
    try HostSysfs(root: tree.path).write(
      masks.joined(separator: ",") + "\n",
      to: SysfsPath(.mediatedDevice(uuid.lowercased()), "ap_config"))
  }
}

/// Why mdevctl gets no answer: a sentence.
private struct CalloutError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
