package import APBus
import JSONText
package import Reservation

/// A machine at one moment: its names, everything on its AP bus, and what else a plan depends on.
///
/// A file describes it as JSON. The same description starts a simulated bus.
package struct Snapshot: Equatable, Sendable {
  package var host: HostIdentity
  package var inventory: Inventory
  /// What other files of the machine say about its crypto queues.
  package var configuration: HostConfiguration
  /// What apreserve has reserved on it.
  package var ownership: Ownership
  /// The release of its kernel, if it is known.
  package var kernel: String?
  /// When it was read, if that is known.
  package var time: WallTime?
  /// The version of apreserve that has read it, if that is known.
  package var program: String?

  package init(
    host: HostIdentity = HostIdentity(), inventory: Inventory,
    configuration: HostConfiguration = .unread, ownership: Ownership = Ownership(),
    kernel: String? = nil, time: WallTime? = nil, program: String? = nil
  ) {
    self.host = host
    self.inventory = inventory
    self.configuration = configuration
    self.ownership = ownership
    self.kernel = kernel
    self.time = time
    self.program = program
  }

  /// The version of the format that this program reads and writes.
  package static let version = JSONLayout<Snapshot>.documentVersion

  /// The most bytes of a description. 65,536 queues take some 10 MiB.
  package static let sizeLimit = 64 << 20

  /// Reads a description; `file` is its name in messages.
  package static func decode(_ bytes: [UInt8], file: String) throws(SnapshotError) -> Snapshot {
    guard bytes.count <= sizeLimit else {
      throw SnapshotError(
        file: file, place: .file,
        message: "the file is larger than 64 MiB, the most that is read of a machine description")
    }
    // Some editors put a byte order mark in front.
    let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
    guard text.contains(where: { !" \t\r\n".utf8.contains($0) }) else {
      throw SnapshotError(file: file, place: .file, message: "the file is empty")
    }
    let value: JSONValue
    do throws(JSONSyntaxError) {
      value = try JSONParser.parse(text)
    } catch {
      // Such as rules, or a capture of uevents.
      guard text.first(where: { !" \t\r\n".utf8.contains($0) }).map("{[".utf8.contains) == true
      else {
        throw SnapshotError(
          file: file, place: .file,
          message:
            "this is not a machine description; one is JSON, as \"apreserve snapshot\" prints it")
      }
      throw SnapshotError(
        file: file, place: .position(line: error.line, column: error.column),
        message: error.problem)
    }
    do throws(ValueError) {
      return try Snapshot(value)
    } catch {
      // A newer version may write what this one does not know.
      let program = value["program"]?.text.map { " (written by apreserve \($0.printable))" }
      throw SnapshotError(
        file: file, place: error.path.isEmpty ? .file : .value(error.path),
        message: error.message + (program ?? ""))
    }
  }

  /// The description as text, a line for each queue. The same machine gives the same bytes everywhere.
  package func encoded() -> String { json.documentText }

  /// The same machine without what identifies it, its guests or its keys: serial numbers, names of host,
  /// LPAR, virtual machines, volumes and keys, UUIDs of mediated devices, master key verification
  /// patterns. Each is replaced by a word, equal ones by the same word, so that guards and most rules
  /// still tell them apart; a rule that matches `HOST` does not. The words of patterns are the same in all
  /// descriptions, so that master keys of two machines can be compared.
  package func redacted() -> Snapshot {
    var snapshot = self
    var words = Redaction()
    for var card in inventory.cards {
      guard let serial = card.attributes["serialnr"] else { continue }
      card.attributes["serialnr"] = words.word(for: serial)
      snapshot.inventory.setCard(card, adapter: card.adapter)
    }
    for var queue in inventory.queues {
      queue.keyRegisters = queue.keyRegisters?.redacted()
      if let keys = queue.masterKeys {
        queue.masterKeys = MasterKeyPattern(
          registers: words.words(forRegisters: keys.registers),
          old: words.words(forRegisters: keys.old), new: words.words(forRegisters: keys.new))
      }
      snapshot.inventory.setQueue(queue, apqn: queue.apqn)
    }
    snapshot.inventory.keyLedger = inventory.keyLedger.redacted { words.word(for: $0) }
    snapshot.host = HostIdentity(
      name: host.name.map { words.word(for: $0) }, lpar: host.lpar.map { words.word(for: $0) })
    for index in inventory.mediatedDevices.indices {
      let uuid = words.uuid(for: inventory.mediatedDevices[index].uuid)
      snapshot.inventory.mediatedDevices[index].uuid = uuid
    }
    snapshot.inventory.mediatedDevices.sort { $0.uuid < $1.uuid }
    for index in configuration.definitions.indices {
      let uuid = words.uuid(for: configuration.definitions[index].device.uuid)
      snapshot.configuration.definitions[index].device.uuid = uuid
      for problem in configuration.definitions[index].problems.indices {
        // They cite the file.
        snapshot.configuration.definitions[index].problems[problem].text = "a problem"
      }
    }
    snapshot.configuration.virtualMachines = configuration.virtualMachines.map { machine in
      VirtualMachine(
        name: words.word(for: machine.name),
        mediatedDevices: machine.definedDevices.map { words.uuid(for: $0) },
        live: machine.liveDevices?.map { words.uuid(for: $0) })
    }
    snapshot.configuration.unreadable = configuration.unreadable.map { unreadable in
      var unreadable = unreadable
      // It names the virtual machine.
      if !unreadable.place.isEmpty { unreadable.place = words.word(for: unreadable.place) }
      return unreadable
    }
    snapshot.configuration.secureKeyUsers = configuration.secureKeyUsers.map { user in
      var user = user
      user.key.masterKeys = words.words(forRegisters: user.key.masterKeys)
      switch user.origin {
      case .cipherInUse, .unreadable, .token: break
      case .encryptedVolume(let name):
        user.origin = .encryptedVolume(words.word(for: name))
        // It names the key file.
        user.problem = nil
      case .repositoryKey(let name): user.origin = .repositoryKey(words.word(for: name))
      }
      return user
    }
    return snapshot
  }
}

/// The words that replace confidential texts.
private struct Redaction {
  private var words: [String: String] = [:]

  /// A UUID from the SHA-256 of the one that it replaces (RFC 9562, version 8), so that the same device has the same one
  /// in the descriptions of all hosts. Eight zeros in front show that it is redacted, and is not to be again.
  func uuid(for text: String) -> String {
    let text = text.lowercased()
    let zeros = "00000000-"
    if text.hasPrefix(zeros), text.dropFirst(14).first == "8" { return text }
    var bytes = [0, 0, 0, 0] + Array(SHA256.hash(Array(text.utf8)).prefix(12))
    bytes[6] = 0x80 | bytes[6] & 0x0f
    bytes[8] = 0x80 | bytes[8] & 0x3f
    let digits = bytes.map { Hex.text($0, digits: 2) }
    return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }
      .joined(separator: "-")
  }

  mutating func word(for text: String) -> String {
    if let word = words[text] { return word }
    let word = "REDACTED-\(words.count + 1)"
    words[text] = word
    return word
  }

  /// Words that are equal where a key and a queue have the same master key, in this description and in others.
  mutating func words(forRegisters registers: [String]) -> [String] {
    registers.map { text in
      let words = text.split(separator: " ", omittingEmptySubsequences: false)
      guard words.count == 2, let pattern = KeyPattern(words[1]),
        let kind = MasterKeyKind.allCases.first(where: { $0.prefix == words[0] })
      else { return word(for: MasterKeyRegister.canonical(text)) }
      return "\(kind.prefix) \(pattern.redacted(kind: kind))"
    }
  }
}

/// Why a file is not a machine description: which file, where in it, and what to write instead.
package struct SnapshotError: Error, Equatable, Sendable {
  /// A place in the file.
  package enum Place: Equatable, Sendable {
    /// The file as a whole.
    case file
    /// A line and a column, from 1, where the text is not JSON.
    case position(line: Int, column: Int)
    /// A value, such as `cards[2].queues[0].name`.
    case value(String)
  }

  /// The name of the file, as it was given.
  package var file: String
  package var place: Place
  package var message: String
}

extension SnapshotError: CustomStringConvertible {
  /// Such as `machine.json: cards[2].hwtype: 300 is not a number of 0 to 255`.
  package var description: String {
    let file = file.printable
    return switch place {
    case .file: "\(file): \(message)"
    case .position(let line, let column): "\(file):\(line):\(column): \(message)"
    case .value(let path): "\(file): \(path): \(message)"
    }
  }
}
