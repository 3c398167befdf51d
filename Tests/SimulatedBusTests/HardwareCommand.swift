import AdjunctProcessor
import SimulatedBus

/// The commands by which the walks changed the emulated hardware below the kernel's AP bus, one line
/// each: `[quiet] card add LIST [TYPE [MODE]]`, `card del LIST`, `card config LIST 0|1`, `card chkstop
/// LIST 0|1`, `dom add LIST`, `dom del LIST`. Lists are in hex.
struct HardwareCommand {
  /// Whether the command was known and done.
  static func run(_ text: String, on bus: SimulatedBus) -> Bool {
    var words = text.split { $0 == " " || $0 == "\n" }
    let isQuiet = words.first == "quiet"
    if isQuiet { words.removeFirst() }
    guard words.count >= 3, let numbers = numbers(words[2], radix: 16) else { return false }
    for number in numbers {
      switch (words[0], words[1], words.count) {
      case ("card", "add", _):
        let type = words.count > 3 ? UInt8(words[3]) ?? 0 : 13
        let mode = words.count > 4 ? QueueMode(rawValue: String(words[4])) ?? .cca : .cca
        let card = SimulatedCard(
          adapter: number, hardwareType: HardwareType(rawValue: type), mode: mode)
        bus.plug(card: card, quietly: true)
      case ("card", "del", _): bus.unplug(card: number, quietly: true)
      case ("card", "config", 4): bus.setConfigured(card: number, words[3] == "1", quietly: true)
      case ("card", "chkstop", 4): bus.setCheckStopped(card: number, words[3] == "1", quietly: true)
      case ("dom", "add", _): bus.addDomain(number, quietly: true)
      case ("dom", "del", _): bus.removeDomain(number, quietly: true)
      default: return false
      }
    }
    if !isQuiet { bus.scan() }
    return true
  }

  /// `0-3,8`.
  static func numbers(_ list: some StringProtocol, radix: Int) -> [UInt8]? {
    var numbers: [UInt8] = []
    for part in list.split(separator: ",") {
      let ends = part.split(separator: "-").compactMap { UInt8($0, radix: radix) }
      guard let first = ends.first, let last = ends.last, first <= last, ends.count <= 2 else {
        return nil
      }
      numbers += first...last
    }
    return numbers
  }
}
