import CFuse
import Glibc
import SimulatedBus

/// What the kernel has been told of and not forgotten, by the numbers that it uses for it.
///
/// A number stands for a path together with the kind and the permissions of what was found there. So nothing that
/// `stat` shows of a number ever changes, and the kernel may keep it.
struct NodeTable {
  /// The number of the tree's root.
  static let root = UInt64(FUSE_ROOT_ID)

  /// Something that has a number.
  private struct Entry {
    var place: Place
    /// The path, from the tree's root on.
    var parts: [String]
    var shape: Shape
    /// How many answers have given the number to the kernel that it has not forgotten.
    var answers: UInt64
  }

  /// A name in a directory.
  private struct Place: Hashable {
    var directory: UInt64
    var name: String
  }

  /// What `stat` shows of a node.
  private struct Shape: Equatable {
    var mode: mode_t
    var size: Int

    init(_ node: SysfsNode) {
      mode = SimulatedFileSystem.mode(of: node)
      size = node.size
    }
  }

  private var entries: [UInt64: Entry] = [:]
  /// The newest number of each place.
  private var numbers: [Place: UInt64] = [:]
  private var lastNumber = Self.root

  /// Whether a node is what a number stands for.
  func stands(_ number: UInt64, for node: SysfsNode) -> Bool {
    number == Self.root || entries[number]?.shape == Shape(node)
  }

  /// The path of a number; nil for one that was never given out.
  func parts(_ number: UInt64) -> [String]? {
    number == Self.root ? [] : entries[number]?.parts
  }

  /// The number of a node, which an answer is about to give to the kernel.
  mutating func number(of node: SysfsNode, at parts: [String], in directory: UInt64) -> UInt64 {
    let place = Place(directory: directory, name: parts.last ?? "")
    let shape = Shape(node)
    if let number = numbers[place], let entry = entries[number], entry.shape == shape {
      entries[number]?.answers += 1
      return number
    }
    lastNumber += 1
    entries[lastNumber] = Entry(place: place, parts: parts, shape: shape, answers: 1)
    numbers[place] = lastNumber
    return lastNumber
  }

  /// Takes back so many answers: the kernel has forgotten them, or has never got them.
  mutating func forget(_ number: UInt64, answers: UInt64) {
    guard let entry = entries[number] else { return }
    guard entry.answers <= answers else {
      entries[number]?.answers -= answers
      return
    }
    entries[number] = nil
    if numbers[entry.place] == number { numbers[entry.place] = nil }
  }
}
