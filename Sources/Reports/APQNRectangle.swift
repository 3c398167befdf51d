import APBus

/// Queues of neighbouring adapters and domains, printed as a rule writes them: `05-07.0004-00ff`.
struct APQNRectangle: Hashable, CustomStringConvertible {
  var adapters: ClosedRange<UInt8>
  var domains: ClosedRange<UInt8>

  var description: String {
    Self.text(adapters, digits: 2) + "." + Self.text(domains, digits: 4)
  }

  private static func text(_ range: ClosedRange<UInt8>, digits: Int) -> String {
    let first = Hex.text(range.lowerBound, digits: digits)
    guard range.count > 1 else { return first }
    return first + "-" + Hex.text(range.upperBound, digits: digits)
  }

  /// These queues in as few names as possible.
  static func names(of apqns: some Sequence<APQN>) -> String {
    covering(apqns).map(\.description).joined(separator: ", ")
  }

  /// The names of the first rectangles, and how many queues are in the others: the names alone can be thousands.
  static func list(_ apqns: some Sequence<APQN>, most: Int = 12) -> String {
    let all = covering(apqns)
    let rest = all.dropFirst(most).reduce(0) { $0 + $1.adapters.count * $1.domains.count }
    return all.prefix(most).map(\.description).joined(separator: ", ")
      + (rest > 0 ? " and \(rest) more" : "")
  }

  /// Rectangles that hold exactly these queues, in the order of their first ones.
  static func covering(_ apqns: some Sequence<APQN>) -> [APQNRectangle] {
    let set = APQNSet(apqns)
    var finished: [APQNRectangle] = []
    var open: [APQNRectangle] = []
    for adapter in UInt8.min...UInt8.max {
      var next: [APQNRectangle] = []
      for run in runs(set[adapter]) {
        if let index = open.firstIndex(where: { $0.domains == run }) {
          let grown = open.remove(at: index).adapters.lowerBound...adapter
          next.append(APQNRectangle(adapters: grown, domains: run))
        } else {
          next.append(APQNRectangle(adapters: adapter...adapter, domains: run))
        }
      }
      finished += open
      open = next
    }
    return (finished + open).sorted {
      ($0.adapters.lowerBound, $0.domains.lowerBound)
        < ($1.adapters.lowerBound, $1.domains.lowerBound)
    }
  }

  /// The runs of neighbouring numbers in a mask.
  static func runs(_ mask: APMask) -> [ClosedRange<UInt8>] {
    var runs: [ClosedRange<UInt8>] = []
    for number in mask {
      if let last = runs.last, Int(last.upperBound) + 1 == Int(number) {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    return runs
  }

  /// The numbers of a mask as a rule writes them, `0x05-0x07`.
  static func numbers(_ mask: APMask, digits: Int, separator: String) -> String {
    runs(mask).map { run in
      let first = "0x" + Hex.text(run.lowerBound, digits: digits)
      guard run.count > 1 else { return first }
      return first + "-0x" + Hex.text(run.upperBound, digits: digits)
    }.joined(separator: separator)
  }
}
