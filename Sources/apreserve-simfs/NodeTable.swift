import APBus
import CFuse
import Glibc
import SimulatedBus

/// What the kernel has been told of and not forgotten, by the numbers that it uses for it.
///
/// A number stands for a path together with what was found there: its kind, its permissions, the target of a link.
/// So nothing that `stat` and `readlink` show of a number ever changes, and the kernel may keep it for ever. Names it
/// may keep until what they lead to has another number, or none; `refresh` says which these are.
struct NodeTable {
  /// The number of the tree's root.
  static let root = UInt64(FUSE_ROOT_ID)

  /// A name in a directory.
  struct Name: Hashable, Sendable {
    /// The number of the directory.
    var directory: UInt64
    var text: String
  }

  /// Something that has a number.
  private struct Entry {
    var name: Name
    /// The path, from the tree's root on.
    var parts: [String]
    /// What was found there.
    var node: SysfsNode
    /// Whether it is there now.
    var stands = true
    /// The device that decides that, if a single one does.
    var device: BusObject?
    /// How many answers have given the number to the kernel that it has not forgotten.
    var answers: UInt64
  }

  private var entries: [UInt64: Entry] = [:]
  /// The newest number of each name.
  private var numbers: [Name: UInt64] = [:]
  /// The numbers of what each device decides, and of everything else.
  private var numbersOfDevices: [BusObject?: Set<UInt64>] = [:]
  private var lastNumber = Self.root

  /// The node of a number; nil for one that is not there now.
  func node(_ number: UInt64) -> SysfsNode? {
    if number == Self.root { return .directory }
    guard let entry = entries[number], entry.stands else { return nil }
    return entry.node
  }

  /// The path of a number; nil for one that was never given out.
  func parts(_ number: UInt64) -> [String]? {
    number == Self.root ? [] : entries[number]?.parts
  }

  /// The number of a name and what it leads to, which an answer is about to give to the kernel; nil for a name that
  /// leads nowhere.
  mutating func find(
    _ text: String, in directory: UInt64, of tree: SysfsTree
  ) -> (number: UInt64, node: SysfsNode)? {
    let name = Name(directory: directory, text: text)
    if let number = numbers[name], let entry = entries[number], entry.stands {
      entries[number]?.answers += 1
      return (number, entry.node)
    }
    guard let parts = parts(directory).map({ $0 + [text] }), let node = tree.node(parts) else {
      return nil
    }
    lastNumber += 1
    let device = SysfsTree.device(at: parts)
    entries[lastNumber] = Entry(
      name: name, parts: parts, node: node, device: device, answers: 1)
    numbers[name] = lastNumber
    numbersOfDevices[device, default: []].insert(lastNumber)
    return (lastNumber, node)
  }

  /// Takes back so many answers: the kernel has forgotten them, or has never got them.
  mutating func forget(_ number: UInt64, answers: UInt64) {
    guard let entry = entries[number] else { return }
    guard entry.answers <= answers else {
      entries[number]?.answers -= answers
      return
    }
    entries[number] = nil
    if numbers[entry.name] == number { numbers[entry.name] = nil }
    numbersOfDevices[entry.device]?.remove(number)
  }

  /// Compares what it has with the tree, in which these devices have changed, and anything that is of no device may
  /// have.
  ///
  /// - Returns: The names that led to something else before.
  mutating func refresh(_ tree: SysfsTree, changed devices: [BusObject]) -> [Name] {
    var stale: [Name] = []
    for device in [nil] + devices.map(Optional.some) {
      for number in numbersOfDevices[device] ?? [] {
        guard let entry = entries[number] else { continue }
        let stands = tree.node(entry.parts) == entry.node
        guard stands != entry.stands else { continue }
        entries[number]?.stands = stands
        if !stands { stale.append(entry.name) }
      }
    }
    // A directory has a lower number than what is in it, and takes much of that along.
    return stale.sorted { $0.directory < $1.directory }
  }
}
