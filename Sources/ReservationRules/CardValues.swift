import APBus

/// The values that cards have for one attribute, each once, sorted, so that a glob is tried only on
/// those that begin as it does: thousands of rules on serial numbers against 256 cards cost thousands
/// of look-ups, not millions of matches.
struct CardValues {
  private struct Entry {
    var scalars: [UInt32]
    var adapters: APMask
  }

  private let asWritten: [Entry]
  private let folded: [Entry]
  private let unknown: APMask

  init(_ cards: [Card], _ value: (Card) -> String?) {
    var adaptersByValue: [String: APMask] = [:]
    var known = APMask()
    for card in cards {
      guard let value = value(card) else { continue }
      adaptersByValue[value, default: APMask()].insert(card.adapter)
      known.insert(card.adapter)
    }
    func entries(foldingCase: Bool) -> [Entry] {
      adaptersByValue.map {
        Entry(scalars: Glob.scalars(of: $0.key, foldingCase: foldingCase), adapters: $0.value)
      }.sorted { $0.scalars.lexicographicallyPrecedes($1.scalars) }
    }
    asWritten = entries(foldingCase: false)
    folded = entries(foldingCase: true)
    unknown = known.complement
  }

  func answer(_ pattern: GlobPattern) -> Facts.Answer {
    let entries = pattern.ignoresCase ? folded : asWritten
    var yes = APMask()
    for glob in pattern.alternatives {
      var index = Self.firstIndex(in: entries, notBefore: glob.literalPrefix)
      while index < entries.count, entries[index].scalars.starts(with: glob.literalPrefix) {
        if glob.matches(entries[index].scalars) { yes.formUnion(entries[index].adapters) }
        index += 1
      }
    }
    return Facts.Answer(yes: yes, unknown: unknown)
  }

  private static func firstIndex(in entries: [Entry], notBefore prefix: [UInt32]) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].scalars.lexicographicallyPrecedes(prefix) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
